//! The calls, one after the other.

use std::time::Duration;

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::http::{Answer, Call};
use super::types::{Container, ContainerConfig, ContainerRow, EngineInfo, Image, NetworkConfig};
use super::{Created, Engine, EngineError, LogStream};

/// What stays as it is in a path or a query; a slash does, because names of images have them.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/').remove(b':');

/// Events of the past come at once, and an engine ends when the moment is over that it is asked for.
const EVENTS_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn plain(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkRow {
    name: String,
}

impl Engine {
    pub(crate) async fn info(&self) -> Result<EngineInfo, EngineError> {
        self.ask(Call::new("describe itself", Method::GET, "/info")).await
    }

    pub(crate) async fn create_container(
        &self,
        name: &str,
        config: &ContainerConfig,
    ) -> Result<Created, EngineError> {
        let path = format!("/containers/create?name={}", plain(name));
        let call = Call::new("create a container", Method::POST, path).json(config)?;
        let action = call.action;
        match self.exchange(call).await? {
            (201, body) => serde_json::from_slice::<Made>(&body)
                .map(|made| Created::New(made.id))
                .map_err(|error| EngineError::broken(action, &error)),
            (409, _) => Ok(Created::NameTaken),
            (status, body) => {
                let error = EngineError::refused(action, status, &body);
                let is_image = error.refusal().is_some_and(|(status, message)| {
                    status == 404 && message.to_ascii_lowercase().contains("no such image")
                });
                if is_image { Ok(Created::NoImage) } else { Err(error) }
            }
        }
    }

    /// One that runs already is fine.
    pub(crate) async fn start_container(&self, id: &str) -> Result<(), EngineError> {
        let call = Call::new("start a container", Method::POST, format!("/containers/{}/start", plain(id)));
        self.done(call, &[204, 304]).await.map(drop)
    }

    /// By id or name; none when there is no such container.
    pub(crate) async fn container(&self, id: &str) -> Result<Option<Container>, EngineError> {
        let call = Call::new("show a container", Method::GET, format!("/containers/{}/json", plain(id)));
        self.find(call).await
    }

    /// Every container with this label.
    pub(crate) async fn containers(&self, label: &str) -> Result<Vec<ContainerRow>, EngineError> {
        let filters = serde_json::json!({ "label": [label] }).to_string();
        let path = format!("/containers/json?all=true&filters={}", plain(&filters));
        self.ask(Call::new("list containers", Method::GET, path)).await
    }

    /// One that does not run, or is not there, is fine.
    pub(crate) async fn kill_container(&self, id: &str, signal: &str) -> Result<(), EngineError> {
        let path = format!("/containers/{}/kill?signal={}", plain(id), plain(signal));
        self.done(Call::new("signal a container", Method::POST, path), &[204, 404, 409]).await.map(drop)
    }

    /// Returns when it does not run any more, or is not there.
    pub(crate) async fn wait_container(&self, id: &str) -> Result<(), EngineError> {
        let path = format!("/containers/{}/wait", plain(id));
        let answer = self.open(Call::new("wait for a container", Method::POST, path)).await?;
        let (action, status, is_success) = (answer.action, answer.status, answer.is_success());
        let body = answer.whole().await?;
        if is_success || status == 404 { Ok(()) } else { Err(EngineError::refused(action, status, &body)) }
    }

    /// Kills it where it runs; one that is not there is fine.
    pub(crate) async fn remove_container(&self, id: &str) -> Result<(), EngineError> {
        let path = format!("/containers/{}?force=true&v=true", plain(id));
        let call = Call::new("remove a container", Method::DELETE, path);
        let action = call.action;
        match self.done(call, &[204, 404, 409]).await? {
            // Somebody else is removing it at this moment.
            (409, body) => Err(EngineError::refused(action, 409, &body)),
            _ => Ok(()),
        }
    }

    /// What a container writes, from a moment on; none when there is no such container.
    pub(crate) async fn logs(
        &self,
        id: &str,
        since_ns: i64,
        follow: bool,
    ) -> Result<Option<LogStream>, EngineError> {
        let (seconds, nanoseconds) = (since_ns / 1_000_000_000, since_ns % 1_000_000_000);
        let path = format!(
            "/containers/{}/logs?stdout=true&stderr=true&timestamps=true&follow={follow}&since={seconds}.\
             {nanoseconds:09}",
            plain(id)
        );
        let answer = self.open(Call::new("show a container's output", Method::GET, path)).await?;
        self.stream(answer).await.map(|answer| answer.map(LogStream::new))
    }

    /// Whether the kernel killed something of a container for its memory, as far as the engine's events tell until this
    /// second of its clock.
    pub(crate) async fn ran_out_of_memory(&self, id: &str, until_s: i64) -> Result<bool, EngineError> {
        let filters = serde_json::json!({ "container": [id], "event": ["oom"] }).to_string();
        let path = format!("/events?since=1&until={until_s}&filters={}", plain(&filters));
        let call = Call::new("show its events", Method::GET, path);
        let late = EngineError::Late { action: call.action, seconds: EVENTS_WITHIN.as_secs() };
        let first = async {
            let mut answer = self.open(call).await?;
            if !answer.is_success() {
                let (action, status) = (answer.action, answer.status);
                return Err(EngineError::refused(action, status, &answer.whole().await?));
            }
            Ok(answer.next().await?.is_some())
        };
        tokio::time::timeout(EVENTS_WITHIN, first).await.unwrap_or(Err(late))
    }

    /// The ids of all images, whatever their names.
    pub(crate) async fn image_ids(&self) -> Result<Vec<String>, EngineError> {
        let call = Call::new("list the images", Method::GET, "/images/json?all=true");
        Ok(self.ask::<Vec<Made>>(call).await?.into_iter().map(|row| row.id).collect())
    }

    /// By name or id; none when the engine has no such image.
    pub(crate) async fn image(&self, name: &str) -> Result<Option<Image>, EngineError> {
        self.find(Call::new("show an image", Method::GET, format!("/images/{}/json", plain(name)))).await
    }

    /// Whether it is gone: an image that something uses stays.
    pub(crate) async fn remove_image(&self, id: &str) -> Result<bool, EngineError> {
        let call = Call::new("remove an image", Method::DELETE, format!("/images/{}", plain(id)));
        Ok(self.done(call, &[200, 404, 409]).await?.0 != 409)
    }

    /// One of that name is fine.
    pub(crate) async fn create_network(&self, config: &NetworkConfig) -> Result<(), EngineError> {
        let call = Call::new("create a network", Method::POST, "/networks/create").json(config)?;
        self.done(call, &[201, 409]).await.map(drop)
    }

    pub(crate) async fn has_network(&self, name: &str) -> Result<bool, EngineError> {
        let call = Call::new("show a network", Method::GET, format!("/networks/{}", plain(name)));
        let found: Option<NetworkRow> = self.find(call).await?;
        Ok(found.is_some_and(|found| found.name == name))
    }

    /// One that is not there is fine; one that something uses stays (Docker says 403, Podman 500).
    pub(crate) async fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        let call = Call::new("remove a network", Method::DELETE, format!("/networks/{}", plain(name)));
        self.done(call, &[200, 204, 404]).await.map(drop)
    }

    async fn done(&self, call: Call, fine: &[u16]) -> Result<(u16, bytes::Bytes), EngineError> {
        let action = call.action;
        let (status, body) = self.exchange(call).await?;
        if fine.contains(&status) {
            Ok((status, body))
        } else {
            Err(EngineError::refused(action, status, &body))
        }
    }

    async fn find<T: serde::de::DeserializeOwned>(&self, call: Call) -> Result<Option<T>, EngineError> {
        match self.ask(call).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.refusal().is_some_and(|(status, _)| status == 404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn stream(&self, answer: Answer) -> Result<Option<Answer>, EngineError> {
        match answer.status {
            200 => Ok(Some(answer)),
            404 => Ok(None),
            status => {
                let action = answer.action;
                Err(EngineError::refused(action, status, &answer.whole().await?))
            }
        }
    }
}
