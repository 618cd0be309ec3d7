//! What is said of a model that runs and does not answer `/ping` as it should.

use hostler_types::{FailureCause, FailureRecord};

use super::super::Context;
use super::{Told, see_logs, told};

pub(super) fn of_ping(failure: &FailureRecord, context: &Context) -> Told {
    let logs = see_logs(context);
    let wait = "raise ContainerStartupHealthCheckTimeoutInSeconds of the production variant (60 to 3600) if it needs \
                longer to load";
    let before = if failure.was_healthy { "The model was healthy, and " } else { "" };
    match &failure.cause {
        FailureCause::PingRefused => of_refused_ping(failure, context, wait),
        FailureCause::PingAnswered { status: 404 } => told(
            format!("{before}GET /ping is answered with 404: the program serves HTTP and has no /ping."),
            [
                "let it answer GET /ping with 200 once the model is loaded, and POST /invocations".to_owned(),
                "is it the right image for the model? `hostler inspect FILE` names one".to_owned(),
            ],
        ),
        FailureCause::PingAnswered { status: 503 } => told(
            format!("{before}GET /ping is answered with 503: the program says that it is not ready."),
            [wait.to_owned(), logs],
        ),
        FailureCause::PingAnswered { status } => told(
            format!(
                "{before}GET /ping is answered with {status}: the program runs and says that it is not well."
            ),
            ["the model probably could not be loaded; its log says why".to_owned(), logs],
        ),
        FailureCause::PingSilent => told(
            format!("{before}the program takes the connection and does not answer GET /ping within 2 s."),
            [
                "answer /ping from a thread that loading and predicting do not block".to_owned(),
                wait.to_owned(),
                logs,
            ],
        ),
        _ => told(
            format!("{before}what answers on the port breaks off or speaks no HTTP: {}.", failure.detail),
            ["let it speak HTTP/1.1 without TLS on the port that it is given".to_owned(), logs],
        ),
    }
}

fn of_refused_ping(failure: &FailureRecord, context: &Context, wait: &str) -> Told {
    let logs = see_logs(context);
    let expected = failure.expected.map(|expected| expected.to_string()).unwrap_or_default();
    let port = failure.expected.map(|expected| expected.port());
    let listened: Vec<String> = failure.listened.iter().map(ToString::to_string).collect();
    let listened = listened.join(", ");
    if failure.listened.is_empty() {
        let within = context.made_from.startup_timeout_ms / 1000;
        return told(
            format!("The program runs and listens on no port: within {within} s it did not get to serving."),
            [wait.to_owned(), "its log shows how far it came".to_owned(), logs],
        );
    }
    if failure.listened.iter().any(|address| Some(address.port()) == port) {
        return told(
            format!(
                "The program listens on {listened}, and is asked at {expected}: the same port, another address."
            ),
            ["let it listen on 0.0.0.0 or 127.0.0.1; an IPv6 address alone is not enough".to_owned()],
        );
    }
    told(
        format!("The program listens on {listened}, and is asked at {expected}: it has a port of its own choice."),
        [
            "let it listen on the port that it is given: {port} in the command of its [[image]], or the environment's \
             SAGEMAKER_BIND_TO_PORT"
                .to_owned(),
        ],
    )
}
