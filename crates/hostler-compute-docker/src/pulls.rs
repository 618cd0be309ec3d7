//! Images on this machine: pulled once at a time however many want them, and thrown away when nobody has used them for
//! long.
//!
//! Why: ten instances of one model must not fetch its image ten times. A tag is asked for again at each deployment,
//! because that is when SageMaker resolves it; what its registry has not changed costs one small answer.
//! Invariants: what was built here and came from no registry is used as it is. What was resolved for a deployment is
//! used for all of it. Pulls for different roles are different pulls: what one may see another may not, also when the
//! bytes are here already and their digest says that they are the right ones. What the operator brought is for all.
//! Failure: a wish that is dropped harms no other; a pull that nobody waits for any more is broken off.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::watch;

use crate::engine::{Engine, EngineError};
use crate::records::HeldImage;
use crate::reference::Reference;

type Pulled = Shared<BoxFuture<'static, Result<(), Arc<EngineError>>>>;

/// An image by its full name, and the role for which it is wanted.
type Asked = (String, Option<String>);

/// Images times roles; past it every registry is asked anew.
const SHOWN_MAX: usize = 10_000;
/// What an image's id begins with, where a name would have its repository.
const ID_ALGORITHM: &str = "sha256";

/// Bytes that came, of those that are known to come.
pub(crate) type Progress = watch::Receiver<(u64, u64)>;

pub(crate) struct Pulls {
    engine: Arc<Engine>,
    running: Mutex<BTreeMap<Asked, Running>>,
    /// What a registry gave to whom since the start.
    shown: Arc<Mutex<BTreeSet<Asked>>>,
}

struct Running {
    pull: WeakShared<BoxFuture<'static, Result<(), Arc<EngineError>>>>,
    progress: Progress,
}

/// What is wanted.
pub(crate) struct Wanted<'a> {
    pub(crate) image: &'a str,
    /// For whom it is pulled.
    pub(crate) role_arn: Option<&'a str>,
    /// What it was for this deployment before.
    pub(crate) held: Option<&'a HeldImage>,
    /// `X-Registry-Auth`.
    pub(crate) registry_auth: Option<String>,
}

impl Pulls {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, running: Mutex::default(), shown: Arc::default() }
    }

    /// The image, after a pull if need be, and whether it came with that: then it is ours. `is_ours` tells this of one
    /// that is here; `on_pull` is given the progress of a pull.
    pub(crate) async fn obtain(
        &self,
        wanted: Wanted<'_>,
        is_ours: impl Fn(&str) -> bool,
        on_pull: impl FnOnce(Progress),
    ) -> Result<(HeldImage, bool), Arc<EngineError>> {
        let image = wanted.image;
        let mut reference = Reference::parse(image);
        if let Some(held) = wanted.held {
            if self.engine.image(&held.id).await?.is_some() {
                return Ok((held.clone(), false));
            }
            // Somebody took it away: the same again, whatever the tag says by now.
            if let Some(resolved) = &held.resolved {
                reference = Reference::parse(resolved);
            }
        }
        let here = self.engine.image(&name_of(&reference)).await?;
        if reference.name == ID_ALGORITHM && here.as_ref().is_some_and(|here| is_ours(&here.id)) {
            // What was pulled for one role is nobody else's, and an id names no registry that could say otherwise.
            let message = "denied: the image of this id was pulled from a registry, so name it by repository and tag or \
                           digest";
            return Err(Arc::new(EngineError::Refused {
                action: "pull an image",
                status: 403,
                message: message.to_owned(),
            }));
        }
        let is_built_here =
            here.as_ref().is_some_and(|here| reference.resolved(here.repo_digests()).is_none());
        let asked = (name_of(&reference), wanted.role_arn.map(str::to_owned));
        let is_same = reference.digest.is_some() && here.is_some();
        let is_others = here.as_ref().is_some_and(|here| is_ours(&here.id)) && !self.shown().contains(&asked);
        let is_same_for_ever = is_same && !is_others;
        if is_same && is_others {
            self.engine.ask_registry(&name_of(&reference), wanted.registry_auth.clone()).await?;
        }
        let mut was_here = here.iter().map(|here| here.id.clone()).collect::<BTreeSet<_>>();
        if !is_built_here && !is_same_for_ever {
            // Under whatever name: what was here is not ours for having one name more.
            was_here.extend(self.engine.image_ids().await?);
            let (pull, progress) = self.pull(reference.clone(), asked, wanted.registry_auth);
            on_pull(progress);
            pull.await?;
        }
        let found = self.engine.image(&name_of(&reference)).await?.ok_or_else(|| EngineError::Broken {
            action: "pull an image",
            detail: format!("it says that `{image}` came, and then that it is not there"),
        })?;
        let resolved = reference.resolved(found.repo_digests()).map(str::to_owned);
        let is_new = !was_here.contains(&found.id);
        Ok((HeldImage { image: image.to_owned(), id: found.id, resolved }, is_new))
    }

    /// Joins a pull that runs, or begins one.
    fn pull(&self, reference: Reference, key: Asked, registry_auth: Option<String>) -> (Pulled, Progress) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|_, one| one.pull.upgrade().is_some());
        if let Some(one) = running.get(&key)
            && let Some(pull) = one.pull.upgrade()
            && pull.peek().is_none()
        {
            return (pull, one.progress.clone());
        }
        let (sender, progress) = watch::channel((0, 0));
        let (engine, shown, asked) = (self.engine.clone(), self.shown.clone(), key.clone());
        let pull = async move {
            // An error means that nobody wants to know.
            let on_progress = |current, total| {
                let _ = sender.send((current, total));
            };
            engine.pull(&reference, registry_auth, &on_progress).await.map_err(Arc::new)?;
            let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
            if shown.len() >= SHOWN_MAX {
                shown.clear();
            }
            shown.insert(asked);
            Ok(())
        };
        let pull = pull.boxed().shared();
        if let Some(weak) = pull.downgrade() {
            running.insert(key, Running { pull: weak, progress: progress.clone() });
        }
        (pull, progress)
    }

    fn shown(&self) -> MutexGuard<'_, BTreeSet<Asked>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of(reference: &Reference) -> String {
    let separator = if reference.digest.is_some() { '@' } else { ':' };
    format!("{}{separator}{}", reference.name, reference.tag_or_digest())
}
