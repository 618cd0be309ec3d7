//! The many models of an instance: loaded when they are asked for, through SageMaker's `/models` API.
//!
//! Why: a multi-model endpoint has more models than memory. Which of them an instance holds is the gateway's to know: it
//! sees every request, and the container only answers. Files are somebody else's, behind `ModelLoader`: the machine that
//! runs the instance fetches them.
//! Invariants: first calls of one model at one time make one load (`shelf.rs`). A load goes on when those who waited have
//! left. What a container says wins over what is remembered: a model that it does not know is loaded again, one that it
//! has already (409: after a restart of this server) is taken as loaded, one that it does not let go stays with its files.
//! Loads under way are bounded, and every wait ends.
//! Failure: a load that failed is told to all who wait for it, and the next call begins anew. Without room (507) models
//! leave, those used the longest ago first; when none can leave, the container's own words are the answer.

mod api;
mod load;
mod shelf;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hostler_aws::sigv4::payload_hash;
use hostler_types::InstanceId;
use http::StatusCode;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use self::shelf::{Found, Shelf, Using};
use crate::tally::{Step, Tally};
use crate::upstream::Kept;

/// How long a call waits for its model, as AWS does; the load goes on.
pub(crate) const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Of the hash of a target's name: enough that no two are alike.
const NAME_BYTES: usize = 16;

/// Whoever brings the files of models to the instances.
pub trait ModelLoader: Send + Sync {
    /// Puts a target model where the instance's container reads it, under this name; gives its place as the container
    /// sees it. What is there already is fine.
    fn place(
        &self,
        instance: InstanceId,
        name: String,
        target: String,
    ) -> BoxFuture<'static, Result<String, LoaderError>>;

    /// Takes it away.
    fn drop_model(&self, instance: InstanceId, name: String) -> BoxFuture<'static, ()>;
}

/// Why a model's files are not there.
#[derive(Clone, Debug, Error)]
pub enum LoaderError {
    /// There is no such object.
    #[error("there is no object at `{uri}`")]
    Missing {
        /// Where it was looked for.
        uri: String,
    },
    /// The data or the role: the same again will fail again.
    #[error("{detail}")]
    Refused {
        /// What was tried and what came back.
        detail: String,
    },
    /// No room for its files.
    #[error("{detail}")]
    NoRoom {
        /// What was tried and what came back.
        detail: String,
    },
    /// Later may help.
    #[error("{detail}")]
    Failed {
        /// What was tried and what came back.
        detail: String,
    },
}

/// Where there is nobody who could bring any.
pub(crate) struct NoLoader;

impl ModelLoader for NoLoader {
    fn place(&self, _: InstanceId, _: String, _: String) -> BoxFuture<'static, Result<String, LoaderError>> {
        let detail = "nobody loads models here".to_owned();
        Box::pin(std::future::ready(Err(LoaderError::Failed { detail })))
    }

    fn drop_model(&self, _: InstanceId, _: String) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Why a model is not loaded.
#[derive(Clone, Debug, Error)]
pub(crate) enum LoadError {
    #[error("its files are not there: {0}")]
    Files(#[from] LoaderError),
    #[error("the container refused to load it: {status}")]
    Container { status: StatusCode, body: Vec<u8> },
    #[error("the container could not be asked to load it: {detail}")]
    Unreached { detail: String },
    #[error("loading it took too long")]
    TooSlow,
}

/// Why a call has no model.
#[derive(Debug)]
pub(crate) enum NotReady {
    /// It is still on its way.
    Late,
    Failed(LoadError),
}

/// The models of one instance.
pub(crate) struct Models {
    id: InstanceId,
    kept: Arc<Kept>,
    loader: Arc<dyn ModelLoader>,
    tally: Arc<Tally>,
    /// A model stays loaded after it answered.
    caches: bool,
    shelf: Mutex<Shelf<LoadError>>,
    /// A use has ended, or a model has left.
    released: Notify,
}

/// A call's use of a model: it stays loaded until this is dropped.
pub(crate) struct InUse {
    models: Arc<Models>,
    target: String,
    using: Using,
}

impl Models {
    pub(crate) fn new(
        id: InstanceId,
        kept: Arc<Kept>,
        loader: Arc<dyn ModelLoader>,
        tally: Arc<Tally>,
        caches: bool,
    ) -> Self {
        // Its series are there before the first request.
        tally.many();
        Self { id, kept, loader, tally, caches, shelf: Mutex::default(), released: Notify::new() }
    }

    /// How many are loaded.
    pub(crate) fn loaded(&self) -> usize {
        self.shelf().loaded()
    }

    /// Whether a call of this model need not wait.
    pub(crate) fn has(&self, target: &str) -> bool {
        self.shelf().has(target)
    }

    /// Waits until the model is loaded, and loads it if nobody does.
    pub(crate) async fn ready(self: &Arc<Self>, target: &str, until: Instant) -> Result<InUse, NotReady> {
        // When it was seen that the model is not there.
        let mut missed = None;
        loop {
            let found = self.shelf().ask(target, || self.beginning(target));
            let is_ready = matches!(found, Found::Ready(_));
            match missed {
                None => {
                    self.tally.many().asked(is_ready);
                    missed = (!is_ready).then(Instant::now);
                }
                Some(since) if is_ready => self.tally.many().took(Step::Wait, since.elapsed()),
                Some(_) => {}
            }
            match found {
                Found::Ready(using) => {
                    return Ok(InUse { models: self.clone(), target: target.to_owned(), using });
                }
                Found::Full => return Err(NotReady::Late),
                Found::Load(tell) => drop(tokio::spawn(load::load(self.clone(), target.to_owned(), tell))),
                Found::Wait(mut told) => match timeout_at(until, told.changed()).await {
                    Err(_) => return Err(NotReady::Late),
                    Ok(Ok(())) => {
                        if let Some(error) = told.borrow().clone() {
                            return Err(NotReady::Failed(error));
                        }
                    }
                    // It ended: the shelf knows how.
                    Ok(Err(_)) => {}
                },
            }
        }
    }

    fn beginning(&self, target: &str) -> Arc<[u8]> {
        self.kept.beginning_of("POST", &format!("/models/{}/invoke", name_of(target))).into()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf<LoadError>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InUse {
    /// How the request begins.
    pub(crate) fn beginning(&self) -> &Arc<[u8]> {
        &self.using.beginning
    }

    /// Whether the container does not have it, as it says itself: then the next call loads it.
    pub(crate) async fn is_unknown(&self) -> bool {
        let said = api::show(&self.models.kept, &name_of(&self.target)).await;
        let is_unknown = said.is_ok_and(|status| status == StatusCode::NOT_FOUND);
        if is_unknown {
            self.models.shelf().is_unknown(&self.target, &self.using);
        }
        is_unknown
    }

    /// Others leave, for the container has no room to answer with this one; whether any did.
    pub(crate) async fn make_room(&self) -> bool {
        load::make_room(&self.models).await
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let is_last = self.models.shelf().leave(&self.target, &self.using);
        self.models.released.notify_waiters();
        if is_last
            && !self.models.caches
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (models, target) = (self.models.clone(), std::mem::take(&mut self.target));
            runtime.spawn(async move { load::unload(&models, &target).await });
        }
    }
}

/// What a container knows a target by: it is told nothing of where the model comes from.
fn name_of(target: &str) -> String {
    let hash = payload_hash(target.as_bytes());
    hash[..NAME_BYTES].iter().fold(String::new(), |mut name, byte| {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}
