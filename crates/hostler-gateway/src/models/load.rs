//! Bringing a model into a container, and taking others out to make room.
//!
//! Invariants: whoever waits is told after the shelf knows; a task that is dropped leaves no model on its way.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

use super::shelf::Told;
use super::{LoadError, LoaderError, Models, api, name_of};
use crate::tally::Step;

/// AWS's limit of a load.
const LOAD_TIMEOUT: Duration = Duration::from_secs(360);
/// How long a load waits for models in use to make room for it.
const ROOM_TIMEOUT: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A model on its way: one that does not come is gone again.
struct OnItsWay<'a> {
    models: &'a Models,
    target: &'a str,
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        let mut shelf = self.models.shelf();
        if !shelf.has(self.target) {
            shelf.is_gone(self.target);
        }
        drop(shelf);
        self.models.released.notify_waiters();
    }
}

/// Loads a model, and tells those who wait how it ended.
pub(super) async fn load(models: Arc<Models>, target: String, tell: watch::Sender<Told<LoadError>>) {
    let on_its_way = OnItsWay { models: &models, target: &target };
    let loaded = timeout(LOAD_TIMEOUT, try_load(&models, &target)).await.unwrap_or(Err(LoadError::TooSlow));
    match loaded {
        Ok(()) => models.shelf().is_loaded(&target),
        Err(error) => {
            debug!(instance = %models.id, target, %error, "a target model was not loaded");
            // Before the shelf knows: whoever loads it next must find its own files.
            models.loader.drop_model(models.id.clone(), name_of(&target)).await;
            drop(on_its_way);
            tell.send_replace(Some(error));
        }
    }
}

async fn try_load(models: &Arc<Models>, target: &str) -> Result<(), LoadError> {
    let room_until = Instant::now() + ROOM_TIMEOUT;
    let name = name_of(target);
    let url = loop {
        let begun = Instant::now();
        match models.loader.place(models.id.clone(), name.clone(), target.to_owned()).await {
            Ok(url) => {
                models.tally.many().took(Step::Download, begun.elapsed());
                break url;
            }
            Err(error @ LoaderError::NoRoom { .. }) => {
                if !has_room_or_wait(models, room_until).await {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    };
    loop {
        let unreached = |error| LoadError::Unreached { detail: error };
        let begun = Instant::now();
        let (status, body) = api::load(&models.kept, &name, &url).await.map_err(unreached)?;
        match status {
            status if status.is_success() => {
                models.tally.many().took(Step::Load, begun.elapsed());
                return Ok(());
            }
            StatusCode::CONFLICT => return follow(models, &name).await,
            StatusCode::INSUFFICIENT_STORAGE => {
                if !has_room_or_wait(models, room_until).await {
                    return Err(LoadError::Container { status, body });
                }
            }
            status => return Err(LoadError::Container { status, body }),
        }
    }
}

/// Somebody else has loaded it, or is loading it: a server before this one. Whether it is there yet the container says.
async fn follow(models: &Models, name: &str) -> Result<(), LoadError> {
    loop {
        let unreached = |detail| LoadError::Unreached { detail };
        let status = api::show(&models.kept, name).await.map_err(unreached)?;
        // A container that does not know the question is believed: the model is there already.
        if status != StatusCode::NOT_FOUND {
            return Ok(());
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Makes room, or waits a moment for models that are in use; whether it is worth trying again.
async fn has_room_or_wait(models: &Arc<Models>, until: Instant) -> bool {
    let released = models.released.notified();
    if Instant::now() >= until {
        return false;
    }
    if make_room(models).await {
        return true;
    }
    if !models.shelf().is_any_in_use() {
        return false;
    }
    let _ = timeout(LOOK_AGAIN, released).await;
    true
}

/// The model that was used the longest ago leaves, or what the container has and nobody here knows; whether any did.
pub(super) async fn make_room(models: &Arc<Models>) -> bool {
    let mut kept = HashSet::new();
    loop {
        let oldest = models.shelf().let_go_oldest();
        let Some((target, tell)) = oldest else { break };
        if take_out(models, &target, tell).await {
            return true;
        }
        // The container keeps it: the next oldest, until it is this one's turn again.
        if !kept.insert(target) {
            break;
        }
    }
    let strays = match api::list(&models.kept).await {
        Ok(names) => names.into_iter().filter(|name| !is_known(models, name)).collect::<Vec<_>>(),
        Err(detail) => {
            warn!(instance = %models.id, detail, "a container did not say which models it has");
            Vec::new()
        }
    };
    let mut any_left = false;
    for name in &strays {
        any_left |= unload_name(models, name).await;
    }
    any_left
}

fn is_known(models: &Models, name: &str) -> bool {
    let beginning = models.kept.beginning_of("POST", &format!("/models/{name}/invoke"));
    models.shelf().knows(&beginning)
}

/// Takes one out, if it is not in use.
pub(super) async fn unload(models: &Arc<Models>, target: &str) {
    let tell = models.shelf().let_go(target);
    if let Some(tell) = tell {
        take_out(models, target, tell).await;
    }
}

/// Whether it left. In a task of its own: whoever wanted the room may run out of time, and its files must go with it.
async fn take_out(models: &Arc<Models>, target: &str, tell: watch::Sender<Told<LoadError>>) -> bool {
    let (models, target) = (models.clone(), target.to_owned());
    let leaving = tokio::spawn(async move {
        let leaves = OnItsWay { models: &models, target: &target };
        let has_left = unload_name(&models, &name_of(&target)).await;
        if !has_left {
            models.shelf().is_loaded(&target);
        }
        drop(leaves);
        drop(tell);
        has_left
    });
    leaving.await.unwrap_or(false)
}

/// Whether the container has let it go; its files stay as long as it may read them.
async fn unload_name(models: &Models, name: &str) -> bool {
    let begun = Instant::now();
    match api::unload(&models.kept, name).await {
        Ok(status) if status.is_success() => models.tally.many().took(Step::Unload, begun.elapsed()),
        Ok(StatusCode::NOT_FOUND) => {}
        Ok(status) => {
            warn!(instance = %models.id, name, %status, "a container did not unload a model");
            return false;
        }
        Err(detail) => {
            warn!(instance = %models.id, name, detail, "a container did not unload a model");
            return false;
        }
    }
    models.loader.drop_model(models.id.clone(), name.to_owned()).await;
    true
}
