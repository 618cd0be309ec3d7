//! What one instance has of its many models: loaded, on its way, leaving.
//!
//! Why: whether a request may go, has to wait, or is the one that loads is decided here, in one place without I/O, so
//! that a thousand first calls make one load.
//! Invariants: of a model one load is under way at most, and none while it leaves. A model in use never leaves. The one
//! that leaves for others is the one that was used the longest ago. Whoever waits is told when the load or the leaving
//! ends, also when the task that does it is gone.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

/// Of one instance, on their way or leaving: a load goes on when its client has left, so clients alone do not bound them.
const PASSING_MAX: usize = 32;

/// What is told to those who wait: why it failed, or nothing: look again.
pub(super) type Told<E> = Option<E>;

/// The models of one instance, by the names that requests give them.
pub(super) struct Shelf<E> {
    models: HashMap<String, Model<E>>,
    /// Grows with each use and each load.
    now: u64,
}

struct Model<E> {
    /// Which load it came by: what is left of an earlier one means nothing to it.
    load: u64,
    /// How a request to it begins.
    beginning: Arc<[u8]>,
    users: usize,
    used_at: u64,
    state: State<E>,
}

enum State<E> {
    Loaded,
    /// On its way, or leaving: until the other end is dropped.
    Passing(watch::Receiver<Told<E>>),
}

/// What a request finds.
pub(super) enum Found<E> {
    /// It may go.
    Ready(Using),
    /// Until this says something, or is closed.
    Wait(watch::Receiver<Told<E>>),
    /// So many are on their way that it would have to wait for them first.
    Full,
    /// It is the one that loads, and tells the others.
    Load(watch::Sender<Told<E>>),
}

/// A use of a model, to be given back.
#[derive(Clone, Debug)]
pub(super) struct Using {
    pub(super) load: u64,
    pub(super) beginning: Arc<[u8]>,
}

impl<E> Default for Shelf<E> {
    fn default() -> Self {
        Self { models: HashMap::new(), now: 0 }
    }
}

impl<E> Shelf<E> {
    /// Asks for a model; `beginning` is made when it is new here.
    pub(super) fn ask(&mut self, target: &str, beginning: impl FnOnce() -> Arc<[u8]>) -> Found<E> {
        self.now += 1;
        if let Some(model) = self.models.get_mut(target) {
            return match &model.state {
                State::Loaded => {
                    model.users += 1;
                    model.used_at = self.now;
                    Found::Ready(Using { load: model.load, beginning: model.beginning.clone() })
                }
                State::Passing(told) => Found::Wait(told.clone()),
            };
        }
        let is_passing = |model: &&Model<E>| matches!(model.state, State::Passing(_));
        if self.models.values().filter(is_passing).count() >= PASSING_MAX {
            return Found::Full;
        }
        let (tell, told) = watch::channel(None);
        let (load, used_at) = (self.now, self.now);
        let model = Model { load, beginning: beginning(), users: 0, used_at, state: State::Passing(told) };
        self.models.insert(target.to_owned(), model);
        Found::Load(tell)
    }

    pub(super) fn has(&self, target: &str) -> bool {
        self.models.get(target).is_some_and(|model| matches!(model.state, State::Loaded))
    }

    pub(super) fn loaded(&self) -> usize {
        self.models.values().filter(|model| matches!(model.state, State::Loaded)).count()
    }

    /// The load that was under way has succeeded, or the container did not let it go: it counts as used now.
    pub(super) fn is_loaded(&mut self, target: &str) {
        self.now += 1;
        if let Some(model) = self.models.get_mut(target) {
            model.used_at = self.now;
            model.state = State::Loaded;
        }
    }

    /// It is not there: the load failed, or it has left.
    pub(super) fn is_gone(&mut self, target: &str) {
        self.models.remove(target);
    }

    /// The container does not know what it should have.
    pub(super) fn is_unknown(&mut self, target: &str, using: &Using) {
        let is_same = |model: &Model<E>| model.load == using.load && matches!(model.state, State::Loaded);
        if self.models.get(target).is_some_and(is_same) {
            self.models.remove(target);
        }
    }

    /// A use has ended; whether it was the last one.
    pub(super) fn leave(&mut self, target: &str, using: &Using) -> bool {
        match self.models.get_mut(target).filter(|model| model.load == using.load) {
            Some(model) => {
                model.users = model.users.saturating_sub(1);
                model.users == 0
            }
            None => false,
        }
    }

    pub(super) fn is_any_in_use(&self) -> bool {
        self.models.values().any(|model| model.users > 0)
    }

    /// Whether some target has this beginning: it is known here.
    pub(super) fn knows(&self, beginning: &[u8]) -> bool {
        self.models.values().any(|model| &*model.beginning == beginning)
    }

    /// The model that was used the longest ago, and is not in use: from now on it leaves.
    pub(super) fn let_go_oldest(&mut self) -> Option<(String, watch::Sender<Told<E>>)> {
        let idle = self.models.iter().filter(|(_, model)| is_idle(model));
        let target = idle.min_by_key(|(_, model)| model.used_at)?.0.clone();
        self.let_go(&target).map(|tell| (target, tell))
    }

    /// This one leaves, if it is loaded and not in use.
    pub(super) fn let_go(&mut self, target: &str) -> Option<watch::Sender<Told<E>>> {
        let model = self.models.get_mut(target).filter(|model| is_idle(model))?;
        let (tell, told) = watch::channel(None);
        model.state = State::Passing(told);
        Some(tell)
    }
}

fn is_idle<E>(model: &Model<E>) -> bool {
    model.users == 0 && matches!(model.state, State::Loaded)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn nothing() -> Arc<[u8]> {
        Arc::from(&b""[..])
    }

    #[derive(Clone, Debug)]
    enum Step {
        Ask(u8),
        Succeed(u8),
        Fail(u8),
        Leave(u8),
        LetGoOldest,
        LetGo(u8),
        Left(u8),
        Unknown(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        let one = 0..4_u8;
        prop_oneof![
            4 => one.clone().prop_map(Step::Ask),
            2 => one.clone().prop_map(Step::Succeed),
            1 => one.clone().prop_map(Step::Fail),
            2 => one.clone().prop_map(Step::Leave),
            1 => Just(Step::LetGoOldest),
            1 => one.clone().prop_map(Step::LetGo),
            2 => one.clone().prop_map(Step::Left),
            1 => one.prop_map(Step::Unknown),
        ]
    }

    proptest! {
        /// Beside the shelf: who loads, who leaves, who is in use and in which order, by the plain rules.
        #[test]
        fn one_load_at_once_no_model_in_use_leaves_and_the_oldest_goes_first(
            steps in prop::collection::vec(step(), 0..80),
        ) {
            let mut shelf = Shelf::<()>::default();
            let mut loading = BTreeMap::new();
            let mut leaving = BTreeMap::new();
            let mut uses: Vec<(u8, Using)> = Vec::new();
            // The loaded ones, the one that was used the longest ago first.
            let mut order: Vec<u8> = Vec::new();
            for step in steps {
                match step {
                    Step::Ask(model) => match shelf.ask(&model.to_string(), nothing) {
                        Found::Ready(using) => {
                            prop_assert!(order.contains(&model));
                            order.retain(|other| *other != model);
                            order.push(model);
                            uses.push((model, using));
                        }
                        Found::Full => prop_assert!(false, "four models are never too many"),
                        Found::Wait(told) => {
                            prop_assert!(loading.contains_key(&model) || leaving.contains_key(&model));
                            prop_assert!(told.has_changed().is_ok(), "somebody will say how it ended");
                        }
                        Found::Load(tell) => {
                            prop_assert!(!order.contains(&model));
                            prop_assert!(loading.insert(model, tell).is_none(), "two loads of one model");
                            prop_assert!(!leaving.contains_key(&model));
                        }
                    },
                    Step::Succeed(model) => if loading.remove(&model).is_some() {
                        shelf.is_loaded(&model.to_string());
                        // Its load counts as its last use.
                        order.push(model);
                        order.sort_by_key(|model| shelf.models[&model.to_string()].used_at);
                    },
                    Step::Fail(model) => if loading.remove(&model).is_some() {
                        shelf.is_gone(&model.to_string());
                    },
                    Step::Leave(model) => if let Some(at) = uses.iter().position(|(used, _)| *used == model) {
                        let (_, using) = uses.remove(at);
                        let is_last = shelf.leave(&model.to_string(), &using);
                        let others = uses.iter().filter(|(used, other)| *used == model && other.load == using.load);
                        if is_last {
                            prop_assert_eq!(others.count(), 0);
                        }
                    },
                    Step::LetGoOldest => {
                        let used: BTreeSet<u8> = in_use(&shelf, &uses);
                        let expected = order.iter().copied().find(|model| !used.contains(model));
                        let found = shelf.let_go_oldest();
                        prop_assert_eq!(found.as_ref().map(|(target, _)| target.clone()), expected.map(|model| model.to_string()));
                        if let (Some(model), Some((_, tell))) = (expected, found) {
                            order.retain(|other| *other != model);
                            leaving.insert(model, tell);
                        }
                    }
                    Step::LetGo(model) => {
                        let may = order.contains(&model) && !in_use(&shelf, &uses).contains(&model);
                        let tell = shelf.let_go(&model.to_string());
                        prop_assert_eq!(tell.is_some(), may);
                        if let Some(tell) = tell {
                            order.retain(|other| *other != model);
                            leaving.insert(model, tell);
                        }
                    }
                    Step::Left(model) => if leaving.remove(&model).is_some() {
                        shelf.is_gone(&model.to_string());
                    },
                    Step::Unknown(model) => if let Some((_, using)) = uses.iter().find(|(used, _)| *used == model) {
                        let is_same = shelf.models.get(&model.to_string()).is_some_and(|it| it.load == using.load);
                        shelf.is_unknown(&model.to_string(), using);
                        if is_same {
                            order.retain(|other| *other != model);
                        }
                    },
                }
                for model in 0..4_u8 {
                    prop_assert_eq!(shelf.has(&model.to_string()), order.contains(&model));
                }
            }
        }
    }

    /// Those with a use of the load that they have now.
    fn in_use(shelf: &Shelf<()>, uses: &[(u8, Using)]) -> BTreeSet<u8> {
        let is_now = |model: u8, using: &Using| {
            shelf.models.get(&model.to_string()).is_some_and(|it| it.load == using.load)
        };
        uses.iter().filter(|(model, using)| is_now(*model, using)).map(|(model, _)| *model).collect()
    }

    #[test]
    fn so_many_are_on_their_way_and_no_more_until_one_has_come() {
        let mut shelf = Shelf::<()>::default();
        let loads: Vec<_> = (0..PASSING_MAX).map(|n| shelf.ask(&n.to_string(), nothing)).collect();
        assert!(loads.iter().all(|found| matches!(found, Found::Load(_))));
        assert!(matches!(shelf.ask("one more", nothing), Found::Full));
        assert!(matches!(shelf.ask("0", nothing), Found::Wait(_)), "whoever waits for one of them may");
        shelf.is_loaded("0");
        assert!(matches!(shelf.ask("one more", nothing), Found::Load(_)));
    }

    #[test]
    fn whoever_waits_hears_of_the_end_of_a_load_that_nobody_finished() {
        let mut shelf = Shelf::<()>::default();
        let Found::Load(tell) = shelf.ask("a", nothing) else { panic!() };
        let Found::Wait(told) = shelf.ask("a", nothing) else { panic!() };
        drop(tell);
        assert!(told.has_changed().is_err());
    }
}
