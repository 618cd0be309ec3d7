//! The life of one instance on the server's side: start, watch, remove.
//!
//! Why: one task per instance, and each step begins with what the files say, so a task that is dropped anywhere (a
//! removal, a restart) is taken up by the next reader of the files. Nothing may be left behind, neither by an instance
//! that hangs nor by a server that dies in between: the wish to remove is in a file, and every step may be done twice.
//! Invariants: the state shown is set after the file that says it was written. A task that ended its run waits for
//! nothing but removal.
//! Failure: an error of this machine on the way becomes the instance's failure, and is shown. What cannot be removed now
//! is tried again for as long as the server lives, and said each time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hostler_compute::{Fault, InstanceFailure, InstanceState};
use hostler_types::InstanceId;

use crate::directory::FAILED;
use crate::failure::{of_machine, starting};
use crate::way::{Life, Removal, Stage, Way};
use crate::{Lease, kept};

/// The pause after the first failed try; doubles up to the longest.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Which instance a line of the log is about. Of the highest level, so that no filter hides it.
pub(crate) fn span(life: &impl Life) -> tracing::Span {
    let spec = life.spec();
    let (id, scope) = (&spec.id, &spec.scope);
    tracing::error_span!(
        parent: None,
        "instance",
        account = %scope.account,
        region = %scope.region,
        endpoint = spec.endpoint_name,
        generation = id.generation,
        instance = %id
    )
}

/// Lives from `stage` until it is removed. What is held for it so far is in `leases`.
pub(crate) async fn live<L: Life>(
    mut life: L,
    stage: Stage<L::Running>,
    mut leases: Vec<Lease>,
    mut removal: Removal,
) {
    if !matches!(stage, Stage::Removing(_)) {
        tokio::select! {
            () = run(&mut life, stage, &mut leases) => {}
            _ = removal.wait_for(Option::is_some) => {}
        }
        if removal.wait_for(Option::is_some).await.is_err() {
            return;
        }
    }
    remove(life, leases, removal).await;
}

/// Runs it to its end. What is held for it is in `leases` for as long as it runs, also when this is dropped.
async fn run<L: Life>(life: &mut L, stage: Stage<L::Running>, leases: &mut Vec<Lease>) {
    let running = match stage {
        Stage::Waiting => match start(life).await {
            Ok((running, held)) => {
                *leases = held;
                running
            }
            Err(failure) => return fail(life, *failure).await,
        },
        Stage::Started(running) | Stage::Lost(running) => running,
        // Shown already.
        Stage::Removing(_) | Stage::Over => return,
    };
    let ended = life.watch(running).await;
    // Before the end is shown: whoever acts on it finds the place free.
    leases.clear();
    match ended {
        Ok(state) => show(life, state),
        Err(error) => fail(life, of_machine("finding out how the instance ended", &error)).await,
    }
}

async fn start<L: Life>(life: &mut L) -> Result<(L::Running, Vec<Lease>), Box<InstanceFailure>> {
    // Asked before anything is fetched for it.
    if let Some((cause, detail)) = life.way().capabilities().never_fits(life.spec()) {
        return Err(Box::new(starting(Fault::NeverFits, detail).with_cause(cause)));
    }
    let place = life.way().site().capacity().reserve(&life.spec().limits)?;
    let (running, mut leases) = life.start().await?;
    leases.push(Box::new(place));
    Ok((running, leases))
}

/// The place and the data of an instance that was found and may run.
pub(crate) async fn hold_again<L: Life>(life: &L, stage: &Stage<L::Running>) -> Vec<Lease> {
    let runs = match stage {
        Stage::Started(_) => true,
        // It may run still; what is gone by now it will not miss.
        Stage::Removing(_) => false,
        Stage::Waiting | Stage::Lost(_) | Stage::Over => return Vec::new(),
    };
    let site = life.way().site();
    let mut leases: Vec<Lease> = vec![Box::new(site.capacity().hold(&life.spec().limits))];
    for key in life.cache_keys() {
        match site.data().adopt(&key).await {
            Some(lease) => leases.push(lease),
            None if runs => tracing::warn!(key, "the model data of a running instance is gone"),
            None => {}
        }
    }
    leases
}

async fn fail<L: Life>(life: &mut L, failure: InstanceFailure) {
    let (dir, written) = (life.dir().clone(), failure.clone());
    if let Err(error) = life.way().site().blocking(move || dir.write(FAILED, &written)).await {
        tracing::warn!(%error, "writing down the failure failed");
    }
    show(life, InstanceState::Failed(failure));
}

fn show<L: Life>(life: &L, state: InstanceState) {
    life.way().site().show(id(life), state);
}

fn id(life: &impl Life) -> &InstanceId {
    &life.spec().id
}

/// Removes the instance and lets go of everything that is held for it: its place and its data once it has ended.
async fn remove<L: Life>(mut life: L, mut leases: Vec<Lease>, mut removal: Removal) {
    show(&life, InstanceState::Removing);
    let mut pause = RETRY_MIN;
    while let Err(error) = try_remove(&mut life, &mut leases, &mut removal).await {
        tracing::warn!(%error, "removing an instance failed, trying again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
    let (way, id) = (Arc::clone(life.way()), id(&life).clone());
    // Before anybody is told: its ports are free again.
    drop(life);
    way.site().drop_entry(&id);
}

async fn try_remove<L: Life>(
    life: &mut L,
    leases: &mut Vec<Lease>,
    removal: &mut Removal,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    life.end(removal).await?;
    leases.clear();
    let site = life.way().site();
    let (root, id, dir) = (site.root().to_owned(), id(life).clone(), life.dir().clone());
    let work = move || {
        match kept::keep(&root, &id, &dir) {
            // Room for the log is made by removing it.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                tracing::warn!(%error, "keeping the log of a removed instance failed");
            }
            kept => kept?,
        }
        dir.remove()
    };
    Ok(site.blocking(work).await?)
}
