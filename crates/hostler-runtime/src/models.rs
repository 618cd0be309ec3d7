//! Many models in one process: loaded and unloaded while others answer.
//!
//! Why: a multi-model endpoint brings its models one by one, by SageMaker's `/models` API, and takes them away when
//! room is needed. What is loaded is found under a lock that nobody holds longer than a look-up takes.
//! Invariants: a name is loaded once at a time, and what is loaded under it never changes. A model that was taken away
//! while it answers finishes its answer, and its memory is counted until then. What is counted never exceeds the room:
//! a load takes its share before it begins.
//! Failure: whatever is wrong with a model's files is that load's error and nobody else's.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use thiserror::Error;

use crate::engine::{
    Answer, Engine, EngineError, EngineKind, ExecutionParameters, InvokeInput, LoadError, ZeroRow, load,
    memory_to_load,
};
use crate::sniff::sniff;
use memory::{Room, Share};

pub(crate) mod memory;

/// A table with more would be a leak of whoever loads.
const MODELS_MAX: usize = 100_000;

/// Why a model was not loaded.
#[derive(Debug, Error)]
pub(crate) enum ModelsError {
    #[error("a model named `{name}` is loaded already, or is being loaded")]
    AlreadyThere { name: String },
    #[error(
        "no room for the model: it takes some {wanted} bytes, {free} of {room} are free; unload others first"
    )]
    NoRoom { wanted: u64, free: u64, room: u64 },
    #[error("no room for more than {MODELS_MAX} models; unload others first")]
    TooMany,
    #[error("nothing in the directory `{}` is a model that a built-in engine serves", dir.display())]
    Unrecognised { dir: PathBuf },
    #[error("{}", .0.with_causes())]
    Load(#[from] LoadError),
}

/// A model that is loaded: its engine, with the memory that is counted for it.
struct Loaded {
    engine: Box<dyn Engine>,
    dir: PathBuf,
    _share: Share,
}

impl Engine for Loaded {
    fn describe(&self) -> String {
        self.engine.describe()
    }

    fn execution_parameters(&self) -> ExecutionParameters {
        self.engine.execution_parameters()
    }

    fn memory_bytes(&self) -> u64 {
        self.engine.memory_bytes()
    }

    fn may_take_long(&self, input: &InvokeInput<'_>) -> bool {
        self.engine.may_take_long(input)
    }

    fn zero_row(&self) -> ZeroRow {
        self.engine.zero_row()
    }

    fn invoke(&self, input: &InvokeInput<'_>) -> Result<Answer, EngineError> {
        self.engine.invoke(input)
    }
}

/// The models of this process.
pub struct Models {
    /// The engine that serves them all; none where each is asked for its own.
    kind: Option<EngineKind>,
    room: Arc<Room>,
    loaded: RwLock<BTreeMap<String, Arc<Loaded>>>,
    loading: Mutex<HashSet<String>>,
}

impl Models {
    /// None yet, with so much memory for them.
    pub fn new(kind: Option<EngineKind>, room_bytes: u64) -> Self {
        Self {
            kind,
            room: Arc::new(Room::new(room_bytes)),
            loaded: RwLock::default(),
            loading: Mutex::default(),
        }
    }

    /// For the line that says the server is ready.
    pub(crate) fn describe(&self) -> String {
        format!("many models, in {} bytes of memory", self.room.bytes())
    }

    /// Loads the directory under this name: reads files and computes, so not for a thread that answers requests.
    pub(crate) fn load(&self, name: &str, dir: PathBuf) -> Result<(), ModelsError> {
        let _turn = self.turn(name)?;
        let kind = self
            .kind
            .or_else(|| sniff(&dir))
            .ok_or_else(|| ModelsError::Unrecognised { dir: dir.clone() })?;
        let wanted = memory_to_load(kind, &dir)?;
        let mut share = self.room.take(wanted).map_err(|free| ModelsError::NoRoom {
            wanted,
            free,
            room: self.room.bytes(),
        })?;
        let engine = load(kind, &dir)?;
        share.shrink_to(engine.memory_bytes());
        let model = Arc::new(Loaded { engine, dir, _share: share });
        self.write().insert(name.to_owned(), model);
        Ok(())
    }

    /// The turn to load under this name, until it is dropped.
    fn turn(&self, name: &str) -> Result<Turn<'_>, ModelsError> {
        let there = || ModelsError::AlreadyThere { name: name.to_owned() };
        let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = self.read();
        if loaded.contains_key(name) {
            return Err(there());
        }
        if loaded.len() + loading.len() >= MODELS_MAX {
            return Err(ModelsError::TooMany);
        }
        if !loading.insert(name.to_owned()) {
            return Err(there());
        }
        Ok(Turn { models: self, name: name.to_owned() })
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<dyn Engine>> {
        let loaded = self.read();
        loaded.get(name).map(|model| Arc::clone(model) as Arc<dyn Engine>)
    }

    /// The directory of a model.
    pub(crate) fn dir_of(&self, name: &str) -> Option<PathBuf> {
        self.read().get(name).map(|model| model.dir.clone())
    }

    /// Whether there was one.
    pub(crate) fn unload(&self, name: &str) -> bool {
        let model = self.write().remove(name);
        model.is_some()
    }

    /// At most so many names after this one, in order, with their directories; and whether there are more.
    pub(crate) fn page(&self, after: &str, count: usize) -> (Vec<(String, PathBuf)>, bool) {
        let after = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        let loaded = self.read();
        let mut rest = loaded.range::<str, _>(after);
        let page = rest.by_ref().take(count).map(|(name, model)| (name.clone(), model.dir.clone())).collect();
        (page, rest.next().is_some())
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Loaded>>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Arc<Loaded>>> {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name is free to be loaded again when this goes, also by a panic.
struct Turn<'a> {
    models: &'a Models,
    name: String,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.models.loading.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

#[cfg(test)]
mod tests;
