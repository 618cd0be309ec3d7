//! Pulling an image: one call, answered by lines of JSON that tell how far it is.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use http::Method;
use serde::Deserialize;

use super::calls::plain;
use super::error::one_line;
use super::http::Call;
use super::{Engine, EngineError};
use crate::reference::Reference;

/// A registry that says nothing for so long is not waited for.
const SILENCE_MAX: Duration = Duration::from_secs(300);
/// Lines of progress are some hundred bytes.
const LINE_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, Deserialize)]
struct Line {
    id: Option<String>,
    status: Option<String>,
    #[serde(rename = "progressDetail")]
    progress: Option<Progress>,
    error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Progress {
    current: Option<u64>,
    total: Option<u64>,
}

/// How much of an image's layers has come.
#[derive(Debug, Default)]
struct Layers(BTreeMap<String, (u64, u64)>);

impl Layers {
    /// Takes a line in; what failed, if that is what it says.
    fn note(&mut self, line: Line) -> Result<(), String> {
        if let Some(error) = line.error {
            return Err(error);
        }
        let is_download = line.status.as_deref() == Some("Downloading");
        let is_here = matches!(line.status.as_deref(), Some("Download complete" | "Pull complete"));
        let Some(id) = line.id else { return Ok(()) };
        if is_here {
            if let Some((current, total)) = self.0.get_mut(&id) {
                *current = *total;
            }
        } else if let (true, Some(progress)) = (is_download, line.progress) {
            let current = progress.current.unwrap_or_default();
            self.0.insert(id, (current, progress.total.unwrap_or(current).max(current)));
        }
        Ok(())
    }

    fn so_far(&self) -> (u64, u64) {
        self.0.values().fold((0, 0), |(current, total), layer| (current + layer.0, total + layer.1))
    }
}

impl Engine {
    /// Whether the registry shows an image to who has this login. A pull of a digest that is here does not ask it; an
    /// engine that cannot ask for this alone (Podman before 5) leaves it to the pull.
    pub(crate) async fn ask_registry(
        &self,
        image: &str,
        registry_auth: Option<String>,
    ) -> Result<(), EngineError> {
        let mut call = Call::new(
            "ask a registry for an image",
            Method::GET,
            format!("/distribution/{}/json", plain(image)),
        );
        call.registry_auth = registry_auth;
        let action = call.action;
        match self.exchange(call).await? {
            (200 | 501, _) => Ok(()),
            (404, body) if String::from_utf8_lossy(&body).to_ascii_lowercase().contains("page not found") => {
                Ok(())
            }
            (status, body) => Err(EngineError::refused(action, status, &body)),
        }
    }

    /// Pulls an image; `on_progress` is told of bytes that came, of those that are known to come.
    pub(crate) async fn pull(
        &self,
        image: &Reference,
        registry_auth: Option<String>,
        on_progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<(), EngineError> {
        let path =
            format!("/images/create?fromImage={}&tag={}", plain(&image.name), plain(image.tag_or_digest()));
        let mut call = Call::new("pull an image", Method::POST, path);
        call.registry_auth = registry_auth;
        let action = call.action;
        let late = || EngineError::Late { action, seconds: SILENCE_MAX.as_secs() };
        let opened = tokio::time::timeout(SILENCE_MAX, self.open(call)).await;
        let mut answer = opened.unwrap_or_else(|_| Err(late()))?;
        if answer.status != 200 {
            let status = answer.status;
            return Err(EngineError::refused(action, status, &answer.whole().await?));
        }
        let (mut pending, mut layers) = (BytesMut::new(), Layers::default());
        loop {
            let next = tokio::time::timeout(SILENCE_MAX, answer.next()).await;
            let bytes = next.unwrap_or_else(|_| Err(late()))?;
            let is_end = bytes.is_none();
            pending.extend_from_slice(&bytes.unwrap_or_default());
            while let Some(end) = pending
                .iter()
                .position(|&byte| byte == b'\n')
                .or((is_end && !pending.is_empty()).then(|| pending.len()))
            {
                let line = pending.split_to(end);
                pending.advance(usize::from(!pending.is_empty()));
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let line: Line =
                    serde_json::from_slice(&line).map_err(|error| EngineError::broken(action, &error))?;
                layers.note(line).map_err(|message| EngineError::Refused {
                    action,
                    status: 200,
                    message: one_line(&message),
                })?;
            }
            if pending.len() > LINE_BYTES_MAX {
                let detail = format!("a line of progress has more than {LINE_BYTES_MAX} bytes");
                return Err(EngineError::Broken { action, detail });
            }
            let (current, total) = layers.so_far();
            on_progress(current, total);
            if is_end {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(lines: &[&str]) -> Result<(u64, u64), String> {
        let mut layers = Layers::default();
        for line in lines {
            layers.note(serde_json::from_str(line).unwrap())?;
        }
        Ok(layers.so_far())
    }

    #[test]
    fn what_came_of_all_layers_is_added_up() {
        // Lines of Docker 20.10.
        let lines = [
            r#"{"status":"Pulling from team/model","id":"1"}"#,
            r#"{"status":"Pulling fs layer","progressDetail":{},"id":"aa"}"#,
            r#"{"status":"Downloading","progressDetail":{"current":5,"total":50},"progress":"[>  ]","id":"aa"}"#,
            r#"{"status":"Downloading","progressDetail":{"current":7,"total":10},"progress":"[>  ]","id":"bb"}"#,
            r#"{"status":"Download complete","progressDetail":{},"id":"bb"}"#,
            r#"{"status":"Extracting","progressDetail":{"current":1,"total":10},"progress":"[>  ]","id":"bb"}"#,
            r#"{"status":"Digest: sha256:00"}"#,
        ];
        assert_eq!(note(&lines), Ok((15, 60)));
    }

    #[test]
    fn an_error_in_the_middle_is_one() {
        let line =
            r#"{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}"#;
        assert_eq!(note(&[line]), Err("no space left on device".to_owned()));
    }
}
