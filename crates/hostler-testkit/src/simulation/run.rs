//! One run: a seed in, a trace and the broken rules out.

use std::cell::RefCell;
use std::sync::{Arc, Once};
use std::time::Duration;

use hostler_catalog::ImageCatalog;
use hostler_compute::{Compute, ExitCause, InstanceState};
use hostler_control::{Control, ControlParts, ControlSettings};
use hostler_types::{InstanceId, Key, Stage as UpdateStage, Update};
use tokio::time::Instant;

use super::calls::{Call, call};
use super::census::census;
use super::dice::Dice;
use super::history;
use super::script::{any_call, first_calls};
use super::server::Server;
use super::settle::unrest;
use super::stage::Stage;
use crate::caller;

/// Longer than any update's waits and any pause.
const REST_WITHIN: Duration = Duration::from_secs(30 * 60);
/// No run is so long, whatever happens in it.
const ENDS_WITHIN: Duration = Duration::from_secs(10 * 3600);

thread_local! {
    /// What panicked on this thread while it simulates; none while it does not.
    static PANICS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which run.
    pub seed: u64,
    /// The broken rules, in order; empty when all held.
    pub complaints: Vec<String>,
    /// What happened, line by line; empty when it was not asked for.
    pub trace: Vec<String>,
}

/// Runs one seed to its end.
pub fn run_seed(seed: u64, is_traced: bool) -> Outcome {
    catch_panics();
    PANICS.set(Some(Vec::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without I/O needs nothing of the machine");
    let (trace, mut complaints) = runtime.block_on(async { Run::begin(seed, is_traced).await.close().await });
    drop(runtime);
    complaints.extend(PANICS.take().unwrap_or_default());
    Outcome { seed, complaints, trace }
}

/// A panic in a run of the reconciler is survived by design, so it has to be told.
fn catch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_told = PANICS.with_borrow_mut(|panics| {
                let Some(panics) = panics else { return false };
                panics.push(format!("BROKEN: {info}"));
                true
            });
            if !is_told {
                former(info);
            }
        }));
    });
}

fn has_panicked() -> bool {
    PANICS.with_borrow(|panics| panics.as_ref().is_some_and(|panics| !panics.is_empty()))
}

/// A machine that runs a server, or will again.
struct Slot {
    name: String,
    ahead_ms: i64,
    server: Option<Server>,
    /// Not before then; none: not at all.
    starts_at: Option<Instant>,
}

struct Run {
    stage: Arc<Stage>,
    dice: Dice,
    slots: Vec<Slot>,
    lives: u64,
    has_fresh_names: bool,
}

impl Run {
    async fn begin(seed: u64, is_traced: bool) -> Self {
        let stage = Arc::new(Stage::new(seed, is_traced));
        let mut dice = Dice::new(seed, 0);
        let setup = Control::new(ControlParts {
            store: stage.store.clone(),
            clock: Arc::new(stage.clock.clone()),
            reader: stage.objects.clone(),
            capabilities: stage.compute.capabilities(),
            catalog: Arc::new(ImageCatalog::default()),
            new_uid: Arc::new(|| unreachable!("no endpoint is created before a server runs")),
            settings: ControlSettings::default(),
        });
        for Call { operation, input } in first_calls(&mut dice) {
            if let Err(error) = setup.call(&caller(), operation, input.to_string().as_bytes()).await {
                stage.book.complain(&format!("{operation} {input} was refused: {error:?}"));
            }
        }
        let count = if dice.permille(450) { 2 } else { 1 };
        let has_fresh_names = dice.permille(300);
        let slot = |number: i64| Slot {
            name: format!("s{number}"),
            ahead_ms: number * dice.below(300) as i64,
            server: None,
            starts_at: Some(Instant::now()),
        };
        let slots = (0..count).map(slot).collect();
        Self { stage, dice, slots, lives: 0, has_fresh_names }
    }

    /// The random part, the calm after it, and the last look.
    async fn play(&mut self) {
        let steps = self.dice.between(15, 70);
        for _ in 0..steps {
            self.step().await;
            self.tend().await;
            self.look();
            if self.stage.book.is_broken() || has_panicked() {
                return;
            }
        }
        self.calm_down().await;
        self.rest().await;
        for slot in &mut self.slots {
            if let Some(server) = slot.server.take() {
                server.end().await;
            }
        }
    }

    /// Waits until nothing moves any more. What was to crash before it was calm still does.
    async fn rest(&mut self) {
        let deadline = Instant::now() + REST_WITHIN;
        loop {
            self.tend().await;
            self.look();
            let servers: Vec<&Server> = self.slots.iter().filter_map(|slot| slot.server.as_ref()).collect();
            let Some(reason) = unrest(&self.stage, &servers).await else { return };
            if self.stage.book.is_broken() || has_panicked() {
                return;
            }
            if Instant::now() >= deadline {
                self.stage.book.complain(&format!("no rest within {REST_WITHIN:?}: {reason}"));
                return;
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    }

    async fn close(mut self) -> (Vec<String>, Vec<String>) {
        if tokio::time::timeout(ENDS_WITHIN, self.play()).await.is_err() {
            self.stage.book.complain("the run does not end");
        }
        for slot in &mut self.slots {
            if let Some(server) = slot.server.take() {
                server.kill().await;
            }
        }
        history::look(&self.stage).await;
        self.stage.book.close()
    }

    fn look(&self) {
        let servers: Vec<&Server> = self.slots.iter().filter_map(|slot| slot.server.as_ref()).collect();
        let acting = servers.iter().copied().find(|server| self.is_acting(server));
        census(&self.stage, &servers, acting);
    }

    fn is_acting(&self, server: &Server) -> bool {
        let holds = self.stage.book.pages().holder.as_ref() == Some(&server.name);
        holds && !server.effects.has_crashed() && !server.effects.is_frozen()
    }

    async fn step(&mut self) {
        match self.dice.weighted(&[34, 22, 7, 3, 3, 3, 2, 3, 3, 3, 2, 2, 2, 9, 10]) {
            0 => self.call(),
            1 => self.request(),
            2 => self.with_instance(|stage, dice, id| {
                let cause = match dice.below(5) {
                    0 => ExitCause::Unseen,
                    1 => ExitCause::Code(1),
                    2 => ExitCause::OutOfMemory { limit_bytes: 1 << 30 },
                    _ => ExitCause::Signal(9),
                };
                stage.book.note(|| format!("{id} ends: {cause:?}"));
                let containers = stage.compute.spec(id).map_or(0, |spec| spec.containers.len());
                let position = dice.below(containers as u64) as usize;
                stage.compute.exit_container(id, position, cause, "simulated: killed\n");
            }),
            3 => self.with_instance(|stage, _, id| {
                // Only what was shown: a launch that nobody saw the end of may be repeated.
                let is_shown = stage.book.pages().endpoint(&id.endpoint).is_some_and(|record| {
                    let mut known = record.instances.iter().filter(|instance| instance.id == *id);
                    known.any(|instance| instance.was_seen)
                });
                if is_shown {
                    stage.book.note(|| format!("{id} vanishes"));
                    stage.compute.vanish(id);
                }
            }),
            4 => self.with_instance(|stage, dice, id| {
                if let Some(&address) = dice.pick(&stage.addresses(id)) {
                    stage.book.note(|| format!("{id} falls ill"));
                    if dice.permille(500) {
                        stage.ping.make_sick(address);
                    } else {
                        stage
                            .ping
                            .make_sick_until(address, Instant::now() + dice.pause(Duration::from_secs(40)));
                    }
                }
            }),
            5 => {
                self.stage.book.note(|| "all are cured".to_owned());
                self.stage.ping.cure_all();
            }
            6 => {
                let extra = self.dice.pause(Duration::from_secs(700));
                self.stage.book.note(|| format!("the next instance starts {extra:?} later"));
                self.stage.compute.slow_next(extra);
            }
            7 => self.stop(true).await,
            8 => self.stop(false).await,
            9 => {
                let until = Instant::now() + self.dice.pause(Duration::from_secs(40));
                if let Some(server) = self.any_server() {
                    server.gateway.stage.book.note(|| format!("{} stands still", server.name));
                    server.effects.freeze_until(until);
                }
            }
            // Several calls at a time.
            10 => (0..3).for_each(|_| self.call()),
            11 => (0..4).for_each(|_| self.request()),
            12 => self.dry_up(),
            13 => self.strike(),
            _ => {}
        }
        let longest = if self.dice.permille(120) { 60 } else { 6 };
        tokio::time::sleep(self.dice.pause(Duration::from_secs(longest))).await;
    }

    fn dry_up(&mut self) {
        let dry = Duration::from_secs(self.dice.between(5, 120));
        self.stage.book.note(|| format!("there is no room for {dry:?}"));
        self.stage.weather.dry_up(Instant::now() + dry);
    }

    /// Where it hurts most: a new instance is lost for good while a part of the former ones has left already, and
    /// there is no room to bring them back.
    fn strike(&mut self) {
        let is_half_way = |update: &Update| match update.stage {
            UpdateStage::Provisioning { step } | UpdateStage::Baking { step } => step > 0,
            UpdateStage::Finishing | UpdateStage::RollingBack { .. } => false,
        };
        let endpoints = self.stage.book.pages().endpoints.clone();
        let struck = endpoints.values().find(|record| record.update.as_ref().is_some_and(is_half_way));
        let Some(record) = struck else { return };
        let is_new =
            |id: &InstanceId| id.endpoint == record.uid && id.generation == record.newest_generation();
        let there = self.stage.compute.states().into_iter().map(|(id, _)| id).filter(is_new);
        let there: Vec<InstanceId> = there.collect();
        if let Some(id) = self.dice.pick(&there) {
            self.stage.book.note(|| format!("{id} runs out of memory"));
            let cause = ExitCause::OutOfMemory { limit_bytes: 1 << 30 };
            self.stage.compute.exit(id, cause, "simulated: out of memory\n");
        }
        if self.dice.permille(700) {
            self.dry_up();
        }
    }

    fn any_server(&mut self) -> Option<&mut Server> {
        let at = self.dice.below(self.slots.len() as u64) as usize;
        self.slots[at].server.as_mut()
    }

    fn call(&mut self) {
        let wanted = any_call(&mut self.dice);
        let stage = self.stage.clone();
        if let Some(server) = self.any_server() {
            let (name, control) = (server.name.clone(), server.control.clone());
            server.calls.spawn(call(stage, name, control, wanted));
        }
    }

    /// A request at the gateway of the server that acts.
    fn request(&mut self) {
        let keys: Vec<Key> = self.stage.book.pages().endpoints.keys().cloned().collect();
        let Some(key) = self.dice.pick(&keys) else { return };
        let servers = self.slots.iter().filter_map(|slot| slot.server.as_ref());
        let Some(acting) = servers.into_iter().find(|server| self.is_acting(server)) else { return };
        if let Some(id) = acting.gateway.begin_request(key, &mut self.dice) {
            self.stage.book.note(|| format!("a request begins at {} on {id}", acting.name));
        }
    }

    fn with_instance(&mut self, happen: impl FnOnce(&Stage, &mut Dice, &InstanceId)) {
        let there: Vec<InstanceId> = self
            .stage
            .compute
            .states()
            .into_iter()
            .filter(|(_, state)| {
                matches!(state, InstanceState::Preparing { .. } | InstanceState::Running { .. })
            })
            .map(|(id, _)| id)
            .collect();
        if let Some(id) = self.dice.pick(&there) {
            happen(&self.stage, &mut self.dice, id);
        }
    }

    /// Ends a server; another one follows on the same machine after a while.
    async fn stop(&mut self, is_killed: bool) {
        let at = self.dice.below(self.slots.len() as u64) as usize;
        let Some(server) = self.slots[at].server.take() else { return };
        if is_killed {
            server.kill().await;
        } else {
            server.end().await;
        }
        self.slots[at].starts_at = Some(Instant::now() + self.dice.pause(Duration::from_secs(15)));
    }

    /// Buries servers that crashed and starts those whose time has come.
    async fn tend(&mut self) {
        for slot in &mut self.slots {
            if let Some(server) = &mut slot.server {
                while server.calls.try_join_next().is_some() {}
            }
            if let Some(server) = slot.server.take_if(|server| server.effects.has_crashed()) {
                server.kill().await;
                slot.starts_at = Some(Instant::now() + self.dice.pause(Duration::from_secs(15)));
            }
            if slot.server.is_none() && slot.starts_at.is_some_and(|at| at <= Instant::now()) {
                self.lives += 1;
                let name = if self.has_fresh_names {
                    format!("{}-{}", slot.name, self.lives)
                } else {
                    slot.name.clone()
                };
                slot.server = Some(Server::start(&self.stage, name, self.lives, slot.ahead_ms));
            }
        }
        if self.stage.weather.is_exhausted() {
            self.stage.book.complain("so many calls were made that nobody can be waiting for anything");
        }
    }

    async fn calm_down(&mut self) {
        self.stage.book.note(|| "it is calm".to_owned());
        self.stage.weather.calm_down();
        self.stage.ping.cure_all();
        for slot in &mut self.slots {
            slot.starts_at = Some(Instant::now());
            if let Some(server) = &slot.server {
                server.effects.freeze_until(Instant::now());
            }
        }
        self.tend().await;
    }
}
