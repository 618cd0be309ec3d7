//! What is different about the backends of this machine: how an instance is started, watched, ended and found again.
//!
//! Why: an instance's directory, its log, its model data, its place among the promises and every question of the port
//! are the same whatever runs it (`backend.rs`, `life.rs`). A new kind of instance says these few things and has the rest.
//! Invariants: one `Way` for a backend, one `Life` for an instance, owned by its one task. Whatever a life does may be
//! dropped at any await (a removal, a restart) and is taken up by `find`.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hostler_compute::{
    Capabilities, ComputeError, InstanceFailure, InstanceSpec, InstanceState, ResolvedImage,
};
use tokio::sync::watch;

use crate::directory::InstanceDir;
use crate::records::Stop;
use crate::{Ground, Lease, Site};

/// The wish to remove an instance, with its grace.
pub type Removal = watch::Receiver<Option<Duration>>;

/// How instances of one kind are run.
pub trait Way: Sized + Send + Sync + 'static {
    /// The settings.
    type Config: Send;
    /// Kept in memory of each instance, beside what is kept of all kinds.
    type Noted: Default + Send + 'static;
    /// One instance.
    type Instance: Life<Way = Self>;
    /// What stopping everything may take beyond the grace.
    const STOP_MARGIN: Duration;

    /// The directory that holds one directory per instance.
    fn dir(config: &Self::Config) -> &Path;

    /// Gets ready; no instance is touched. The root is there.
    fn open(config: Self::Config, ground: Ground) -> impl Future<Output = io::Result<Self>> + Send;

    /// The instances.
    fn site(&self) -> &Site<Self::Noted>;

    /// What holds here.
    fn capabilities(&self) -> Capabilities;

    /// Refuses a spec that this way can never run.
    fn check(&self, spec: &InstanceSpec) -> Result<(), ComputeError>;

    /// A new instance, whose directory is not made yet.
    fn instance(self: &Arc<Self>, dir: InstanceDir, spec: Arc<InstanceSpec>) -> Self::Instance;

    /// How far an instance has come that another server made; only its directory is read. Blocks shortly.
    fn find(self: &Arc<Self>, dir: InstanceDir, spec: Arc<InstanceSpec>) -> io::Result<Found<Self>>;

    /// All that was found is taken up: removes what belongs to none of it.
    fn sweep(self: &Arc<Self>) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// What goes on beside the instances from then on.
    fn keep_house(self: Arc<Self>) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// What the images of an instance turned out to be.
    fn images(_noted: &Self::Noted) -> Vec<ResolvedImage> {
        Vec::new()
    }

    /// The path at which the container finds the target model `name` that lies at `place`.
    fn path_inside(name: &str, place: &Path) -> String;

    /// Where the processes of an instance listen. Blocks shortly.
    fn listens(dir: &InstanceDir, state: &InstanceState) -> Vec<SocketAddr>;
}

/// One instance and all that this server holds of it.
pub trait Life: Sized + Send + 'static {
    /// The kind.
    type Way: Way<Instance = Self>;
    /// What is known of it once it was started.
    type Running: Send;

    /// How it is run.
    fn way(&self) -> &Arc<Self::Way>;

    /// Its directory.
    fn dir(&self) -> &InstanceDir;

    /// What it is to be.
    fn spec(&self) -> &Arc<InstanceSpec>;

    /// The keys of the cached data that it reads, as its directory says.
    fn cache_keys(&self) -> Vec<String>;

    /// Makes one that was found reachable again, before anybody is shown it.
    fn reopen(&mut self, stage: Stage<Self::Running>) -> impl Future<Output = Stage<Self::Running>> + Send {
        async { stage }
    }

    /// Prepares and launches it, each step beginning with a look at what is there already. A place on the machine is
    /// reserved for it by then.
    fn start(
        &mut self,
    ) -> impl Future<Output = Result<(Self::Running, Vec<Lease>), Box<InstanceFailure>>> + Send;

    /// Shows that it runs, waits for its end, ends the rest of it, and writes down how it ended; that is then shown.
    fn watch(&mut self, running: Self::Running) -> impl Future<Output = io::Result<InstanceState>> + Send;

    /// Asks it to stop, ends it when it does not within the grace, and removes everything of it outside its directory.
    /// What is gone already is fine.
    fn end(
        &mut self,
        removal: &mut Removal,
    ) -> impl Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send;
}

/// How far an instance has come.
#[derive(Debug)]
pub enum Stage<R> {
    /// Its removal was begun.
    Removing(Stop),
    /// It never ran, or it ran and ended.
    Over,
    /// It was started, and as far as anybody knows it runs.
    Started(R),
    /// It was started and does not run; nobody has said how it ended.
    Lost(R),
    /// Nothing was launched, or nobody knows.
    Waiting,
}

/// An instance that was found.
pub struct Found<W: Way> {
    /// How far it has come.
    pub stage: Stage<<W::Instance as Life>::Running>,
    /// What to show of it.
    pub state: InstanceState,
    /// What was noted of it.
    pub noted: W::Noted,
    /// What is held of it again.
    pub instance: W::Instance,
}
