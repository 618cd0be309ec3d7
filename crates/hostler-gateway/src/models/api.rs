//! SageMaker's container API for many models, from the platform's side.
//!
//! Invariants: every answer is bounded in time and in bytes; a listing in pages. What a container says is not trusted to
//! be what it should: a listing that is none is an error, names that are not ours are its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hostler_aws::Field;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::upstream::{Kept, invoke_at};

/// Of a container's words.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// To unload, or to list one page.
const SHORT_TIMEOUT: Duration = Duration::from_secs(30);
const PAGES_MAX: usize = 1000;
/// Of all pages together.
const LIST_TIMEOUT: Duration = Duration::from_secs(60);

/// Loads what lies at `url`; the load's own limit is the caller's.
pub(super) async fn load(kept: &Arc<Kept>, name: &str, url: &str) -> Result<(StatusCode, Vec<u8>), String> {
    let body = json!({ "model_name": name, "url": url }).to_string();
    ask(kept, "POST", "/models", body.into()).await
}

pub(super) async fn unload(kept: &Arc<Kept>, name: &str) -> Result<StatusCode, String> {
    let path = format!("/models/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
    let asked = timeout(SHORT_TIMEOUT, ask(kept, "DELETE", &path, Bytes::new())).await;
    Ok(asked.map_err(|_| "it took too long".to_owned())??.0)
}

/// What the container says of one model.
pub(super) async fn show(kept: &Arc<Kept>, name: &str) -> Result<StatusCode, String> {
    let path = format!("/models/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
    let asked = timeout(SHORT_TIMEOUT, ask(kept, "GET", &path, Bytes::new())).await;
    Ok(asked.map_err(|_| "it took too long".to_owned())??.0)
}

/// The names of all models that the container has.
pub(super) async fn list(kept: &Arc<Kept>) -> Result<Vec<String>, String> {
    timeout(LIST_TIMEOUT, list_all(kept)).await.map_err(|_| "it took too long".to_owned())?
}

async fn list_all(kept: &Arc<Kept>) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut path = "/models".to_owned();
    for _ in 0..PAGES_MAX {
        let asked = timeout(SHORT_TIMEOUT, ask(kept, "GET", &path, Bytes::new())).await;
        let (status, body) = asked.map_err(|_| "it took too long".to_owned())??;
        if !status.is_success() {
            return Err(format!("it answered {status}"));
        }
        let page: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let models = page["models"].as_array().ok_or("its listing has no `models`")?;
        names.extend(models.iter().filter_map(|model| model["modelName"].as_str()).map(str::to_owned));
        match page["nextPageToken"].as_str() {
            Some(token) if !token.is_empty() => {
                path = format!("/models?next_page_token={}", utf8_percent_encode(token, NON_ALPHANUMERIC));
            }
            _ => break,
        }
    }
    Ok(names)
}

async fn ask(
    kept: &Arc<Kept>,
    method: &str,
    path: &str,
    body: Bytes,
) -> Result<(StatusCode, Vec<u8>), String> {
    let headers = vec![Field { name: "content-type", value: b"application/json" }];
    let answer = invoke_at(kept, &kept.beginning_of(method, path), headers, body).await;
    let answer = answer.map_err(|error| in_one_line(&error))?;
    let status = answer.status;
    let body = Limited::new(answer.body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok((status, body.to_vec()))
}

fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
