//! SageMaker's container API for many models: what each path under `/models` answers.
//!
//! Why: a platform that owns the machine's disk tells the container which directory to load under which name, and
//! takes it away again. The statuses are what it goes by: 409 loaded already, 507 no room, 404 not loaded.
//! Invariants: a load goes on when its client leaves, so what became of it is found in the listing; names are opaque.

use std::path::PathBuf;
use std::sync::Arc;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::site::{HttpAnswer, Site, answer, engine_failed, refuse, wrong_method};
use crate::models::{Models, ModelsError};

/// Of a listing.
const PAGE: usize = 100;

pub(super) async fn answer_models(
    site: &Site,
    models: &Arc<Models>,
    request: Request<Incoming>,
) -> HttpAnswer {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let mut segments = path.split('/').skip(2);
    match (segments.next(), segments.next(), segments.next()) {
        (None, ..) if method == Method::POST => load(site, models, request).await,
        (None, ..) if method == Method::GET => list(models, request.uri().query().unwrap_or_default()),
        (None, ..) => wrong_method(&method, "GET, POST"),
        (Some(name), None, _) if method == Method::GET => show(models, name),
        (Some(name), None, _) if method == Method::DELETE => unload(models, name),
        (Some(_), None, _) => wrong_method(&method, "GET, DELETE"),
        (Some(name), Some("invoke"), None) if method == Method::POST => match models.find(name) {
            Some(engine) => site.invocation(&engine, request).await,
            None => not_loaded(name),
        },
        (Some(_), Some("invoke"), None) => wrong_method(&method, "POST"),
        _ => refuse(
            StatusCode::NOT_FOUND,
            format!("no path `{path}` here; below /models there are /models/NAME and /models/NAME/invoke"),
        ),
    }
}

async fn load(site: &Site, models: &Arc<Models>, request: Request<Incoming>) -> HttpAnswer {
    let body = match site.small_body(request).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let document: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(name), Some(url)) = (text("model_name"), text("url")) else {
        let message = "the body is not JSON with the texts `model_name` and `url`".to_owned();
        return refuse(StatusCode::BAD_REQUEST, message);
    };
    if name.contains('/') {
        return refuse(StatusCode::BAD_REQUEST, format!("the name `{name}` holds a slash"));
    }
    let (models, name, dir) = (Arc::clone(models), name.to_owned(), PathBuf::from(url));
    let loading = site.aside(move || {
        let result = models.load(&name, dir);
        if let Err(error) = &result {
            tracing::warn!(name, %error, "a model was not loaded");
        }
        result
    });
    match loading.await {
        Some(Ok(())) => answer("application/json", r#"{"status":"loaded"}"#),
        Some(Err(error)) => refuse(status_of(&error), error.to_string()),
        None => engine_failed(),
    }
}

fn status_of(error: &ModelsError) -> StatusCode {
    match error {
        ModelsError::AlreadyThere { .. } => StatusCode::CONFLICT,
        ModelsError::NoRoom { .. } | ModelsError::TooMany => StatusCode::INSUFFICIENT_STORAGE,
        ModelsError::Unrecognised { .. } | ModelsError::Load(_) => StatusCode::BAD_REQUEST,
    }
}

fn list(models: &Models, query: &str) -> HttpAnswer {
    let after = query.split('&').find_map(|pair| pair.strip_prefix("next_page_token="));
    let (page, has_more) = models.page(after.unwrap_or_default(), PAGE);
    let last = page.last().map(|(name, _)| name.clone());
    let entries: Vec<Value> = page.iter().map(|(name, dir)| entry(name, dir)).collect();
    let mut document = json!({ "models": entries });
    if let (true, Some(last)) = (has_more, last) {
        document["nextPageToken"] = json!(last);
    }
    answer("application/json", document.to_string())
}

fn show(models: &Models, name: &str) -> HttpAnswer {
    match models.dir_of(name) {
        Some(dir) => answer("application/json", entry(name, &dir).to_string()),
        None => not_loaded(name),
    }
}

fn entry(name: &str, dir: &std::path::Path) -> Value {
    json!({ "modelName": name, "modelUrl": dir.display().to_string() })
}

fn unload(models: &Models, name: &str) -> HttpAnswer {
    if models.unload(name) {
        answer("application/json", r#"{"status":"unloaded"}"#)
    } else {
        not_loaded(name)
    }
}

fn not_loaded(name: &str) -> HttpAnswer {
    refuse(StatusCode::NOT_FOUND, format!("no model `{name}` is loaded"))
}
