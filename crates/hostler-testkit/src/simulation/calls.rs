//! A client's call and what its answer promises.
//!
//! The rules: what was acknowledged was written between the call and its answer, and by no other call that was
//! acknowledged too; what is read stood there in that time; once it is calm, no call fails for an inner reason.

use std::sync::Arc;

use hostler_aws::ApiError;
use hostler_control::Control;
use hostler_types::{Goal, Key, Kind};
use serde_json::Value;

use super::book::{Pages, Turn, TurnKind};
use super::stage::Stage;
use crate::caller;

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    pub(super) input: Value,
}

/// Calls and looks at the answer.
pub(super) async fn call(stage: Arc<Stage>, server: String, control: Control, call: Call) {
    let Call { operation, input } = call;
    stage.book.note(|| format!("a client calls {operation} {input} at {server}"));
    let begun = stage.book.pages().turns.len();
    let was_calm = stage.weather.is_calm();
    let answer = control.call(&caller(), operation, input.to_string().as_bytes()).await;
    match answer {
        Ok(body) => {
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            stage.book.note(|| format!("{server} answers {operation} of {}", input["EndpointName"]));
            let mut pages = stage.book.pages();
            let broken = broken_promise(&mut pages, begun, operation, &input, &body);
            drop(pages);
            if let Some(broken) = broken {
                stage.book.complain(&format!("{operation} {input} was acknowledged and {broken}"));
            }
        }
        Err(error) => {
            stage.book.note(|| format!("{server} refuses {operation}: {}", in_words(&error)));
            if error.status().is_server_error() && (was_calm || stage.weather.fault_permille == 0) {
                stage.book.complain(&format!("{operation} {input} failed: {error:?}"));
            }
        }
    }
}

fn in_words(error: &ApiError) -> String {
    format!("{}: {}", error.code(), error.message().unwrap_or_default())
}

fn broken_promise(
    pages: &mut Pages,
    begun: usize,
    operation: &str,
    input: &Value,
    answer: &Value,
) -> Option<String> {
    let text = |member: &str| input[member].as_str().unwrap_or_default().to_owned();
    let key = Key::new(&caller().scope, Kind::Endpoint, &text("EndpointName"));
    let config = text("EndpointConfigName");
    match operation {
        "CreateEndpoint" => claim(pages, begun, &key, &TurnKind::Created { config }),
        "UpdateEndpoint" => claim(pages, begun, &key, &TurnKind::Deploying { config }),
        "UpdateEndpointWeightsAndCapacities" => claim(pages, begun, &key, &TurnKind::Scaling),
        "DeleteEndpoint" => {
            let is_leaving = pages.endpoints.get(&key).is_none_or(|record| record.goal == Goal::Gone);
            let mut turns = pages.turns[begun..].iter().filter(|turn| turn.key == key);
            let left = turns.any(|turn| matches!(turn.kind, TurnKind::Leaving | TurnKind::Gone));
            (!is_leaving && !left).then(|| "it stays".to_owned())
        }
        "DescribeEndpoint" => {
            let status = answer["EndpointStatus"].as_str().unwrap_or_default();
            (!stood(pages, begun, &key, status)).then(|| format!("it never was {status} meanwhile"))
        }
        "ListEndpoints" => answer["Endpoints"].as_array().into_iter().flatten().find_map(|summary| {
            let name = summary["EndpointName"].as_str().unwrap_or_default();
            let status = summary["EndpointStatus"].as_str().unwrap_or_default();
            let key = Key::new(&caller().scope, Kind::Endpoint, name);
            (!stood(pages, begun, &key, status)).then(|| format!("{name} never was {status} meanwhile"))
        }),
        _ => None,
    }
}

/// Matches an answer with what was written for it; one winner for each.
fn claim(pages: &mut Pages, begun: usize, key: &Key, kind: &TurnKind) -> Option<String> {
    let mut turns = pages.turns[begun..].iter_mut();
    let is_it = |turn: &Turn| turn.key == *key && turn.kind == *kind && !turn.is_claimed;
    match turns.find(|turn| is_it(turn)) {
        Some(turn) => {
            turn.is_claimed = true;
            None
        }
        None => Some("nothing was written for it".to_owned()),
    }
}

/// Whether the endpoint had this status at some moment since then.
fn stood(pages: &Pages, begun: usize, key: &Key, status: &str) -> bool {
    let status_of = |turn: &Turn| match turn.kind {
        TurnKind::Status(status) if turn.key == *key => Some(status),
        _ => None,
    };
    let at_first = pages.turns[..begun].iter().rev().find_map(status_of);
    at_first.into_iter().chain(pages.turns[begun..].iter().filter_map(status_of)).any(|was| was == status)
}
