//! Sessions that live in this process's memory, as a model's that keeps a conversation.
//!
//! Invariants: a turn is counted only by the process that opened the session: whoever is asked for another's says so.

use std::collections::HashMap;
use std::process;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use super::request::Request;
use super::wish::{SessionWish, Wish};

const ASKED: &str = "x-amzn-sagemaker-session-id";
const NEW: &str = "NEW_SESSION";

/// How many turns each open session has had.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Turns>);

#[derive(Debug, Default)]
struct Turns {
    opened: u64,
    open: HashMap<String, u64>,
}

impl Sessions {
    /// Makes the answer to a request of a session; nothing of one that names none.
    pub(super) fn take_part(&self, wish: &mut Wish, request: &Request) {
        let (Some(what), Some(asked)) = (wish.session, request.header(ASKED)) else { return };
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = process::id();
        let id = if asked == NEW {
            turns.opened += 1;
            let id = format!("{pid}-{}", turns.opened);
            let expires = wish.expires.as_ref().map(|text| format!("; Expires={text}")).unwrap_or_default();
            wish.headers.push(format!("X-Amzn-SageMaker-New-Session-Id: {id}{expires}"));
            turns.open.insert(id.clone(), 0);
            id
        } else {
            asked.to_owned()
        };
        let Some(turn) = turns.open.get_mut(&id) else {
            wish.status = Some(404);
            wish.body = Some(format!("process {pid} has no session {id}").into_bytes());
            return;
        };
        *turn += 1;
        wish.body = Some(json!({ "pid": pid, "session": id, "turn": *turn }).to_string().into_bytes());
        if what == SessionWish::Close {
            wish.headers.push(format!("X-Amzn-SageMaker-Closed-Session-Id: {id}"));
            turns.open.remove(&id);
        }
    }
}
