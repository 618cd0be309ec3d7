//! What the model says of itself: the request as it saw it, its environment, files and counts.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::request::Request;
use super::server::Server;
use super::wish::Tell;

/// The answer's document.
pub(super) fn document(tell: Tell, request: &Request, server: &Server) -> Value {
    let pid = std::process::id();
    match tell {
        Tell::Pid => json!({ "pid": pid }),
        Tell::All => json!({
            "pid": pid,
            "method": request.method,
            "path": request.path,
            "headers": request.headers.iter().cloned().collect::<BTreeMap<_, _>>(),
            "body": request.body.iter().copied().map(char::from).collect::<String>(),
            "arguments": std::env::args().collect::<Vec<_>>(),
            "environment": environment(),
            "working_dir": std::env::current_dir().ok(),
            "model_dir": server.model_dir,
            "files": files(server),
            "invocations": server.invocations(),
            "in_flight": server.in_flight(),
            "models": server.models.tell(),
        }),
    }
}

fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect()
}

/// The names in the model directory, sorted; none when it cannot be read.
fn files(server: &Server) -> Option<Vec<String>> {
    let entries = fs::read_dir(&server.model_dir).ok()?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Some(names)
}
