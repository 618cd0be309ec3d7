//! Which instance holds which session.
//!
//! Why: a model that keeps a conversation in memory must get the rest of it. The container names a session and says
//! until when it lives; here stands only where it is. An id is looked up for requests that bear one; all others pass
//! this room by.
//! Invariants: no more sessions than the bounds allow, overall and for each endpoint. When there is no room the oldest
//! of the endpoint goes, or, where all endpoints together are too many, the oldest of the one that has the most, so
//! that nobody's sessions push out those of somebody with fewer. A session never outlives its instance, and never
//! moves. While its instance is on no route, because it fails its pings, whoever asks for it is told that it has
//! ended, and so it has; when nobody asks before the instance is back, it goes on.
//! Failure: all is in memory. A restart of the server ends every session, also where instances stay.

mod id;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_types::{EndpointUid, InstanceId, Millis};

pub(crate) use self::id::{Opened, SessionAsked, opened};
use crate::lane::{Lane, Lanes};

/// How many sessions there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) of_an_endpoint: usize,
    pub(crate) overall: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        // An entry is less than a kilobyte with its indexes, so all of them are less than 50 MB.
        Self { of_an_endpoint: 10_000, overall: 50_000 }
    }
}

/// The sessions of every endpoint.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    bounds: Bounds,
    book: Mutex<Book>,
}

/// Sessions by their number, which grows with each: the first is the oldest.
#[derive(Debug, Default)]
struct Book {
    numbers: u64,
    sessions: BTreeMap<u64, Session>,
    expiring: BTreeSet<(Millis, u64)>,
    endpoints: HashMap<EndpointUid, OfEndpoint>,
    /// Endpoints by how many they have.
    fullest: BTreeSet<(usize, EndpointUid)>,
}

#[derive(Debug)]
struct Session {
    endpoint: EndpointUid,
    id: Arc<str>,
    holder: Holder,
    expires: Millis,
}

/// An instance, by what outlives the lane to it: one that leaves its route and comes back has another.
#[derive(Debug, PartialEq, Eq)]
struct Holder {
    id: InstanceId,
    address: SocketAddr,
}

#[derive(Debug, Default)]
struct OfEndpoint {
    numbers: HashMap<Arc<str>, u64>,
    by_age: BTreeSet<u64>,
}

/// Where a session is.
pub(crate) enum Place {
    /// There is no such session: it never was, it expired, it was closed, or it had to make room.
    Unknown,
    /// Its instance takes no more requests, so it has ended.
    Gone,
    /// Here.
    At(Arc<Lane>),
}

impl Sessions {
    /// No session, and room for so many.
    #[cfg(test)]
    fn bounded(bounds: Bounds) -> Self {
        Self { bounds, book: Mutex::default() }
    }

    /// An instance has opened a session. One of the same name is replaced: its requests could not be told apart.
    pub(crate) fn open(&self, endpoint: &EndpointUid, opened: &Opened<'_>, holder: &Arc<Lane>, now: Millis) {
        // An answer may come when the instance has begun to drain; what it opened ends with it.
        if opened.expires <= now || holder.is_draining() {
            return self.close(endpoint, opened.id, holder);
        }
        let mut book = self.book();
        book.end(endpoint, opened.id);
        book.expire(now);
        while book.endpoints.get(endpoint).is_some_and(|of| of.by_age.len() >= self.bounds.of_an_endpoint) {
            book.end_oldest_of(endpoint);
        }
        while book.sessions.len() >= self.bounds.overall {
            let Some((_, fullest)) = book.fullest.last().cloned() else { break };
            book.end_oldest_of(&fullest);
        }
        let id = Arc::from(opened.id);
        let (endpoint, holder) = (endpoint.clone(), Holder::of(holder));
        book.add(Session { endpoint, id, holder, expires: opened.expires });
    }

    /// Where a session's requests go; the lanes are those of all instances.
    pub(crate) fn find(&self, lanes: &Lanes, endpoint: &EndpointUid, id: &str, now: Millis) -> Place {
        let mut book = self.book();
        let Some(session) = book.get(endpoint, id) else { return Place::Unknown };
        if session.expires <= now {
            book.end(endpoint, id);
            return Place::Unknown;
        }
        let lane = lanes.pin().get(&session.holder.id).cloned();
        if let Some(lane) = lane.filter(|lane| session.holder == Holder::of(lane) && !lane.is_draining()) {
            return Place::At(lane);
        }
        book.end(endpoint, id);
        Place::Gone
    }

    /// An instance has closed a session; only its holder can.
    pub(crate) fn close(&self, endpoint: &EndpointUid, id: &str, by: &Arc<Lane>) {
        let mut book = self.book();
        if book.get(endpoint, id).is_some_and(|session| session.holder == Holder::of(by)) {
            book.end(endpoint, id);
        }
    }

    /// The endpoint is gone, and its sessions are.
    pub(crate) fn forget(&self, endpoint: &EndpointUid) {
        let mut book = self.book();
        while book.end_oldest_of(endpoint) {}
    }

    /// How many there are; those that have expired unnoticed count.
    pub(crate) fn count(&self) -> usize {
        self.book().sessions.len()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holder {
    fn of(lane: &Lane) -> Self {
        Self { id: lane.id.clone(), address: lane.address }
    }
}

impl Book {
    fn get(&self, endpoint: &EndpointUid, id: &str) -> Option<&Session> {
        self.sessions.get(self.endpoints.get(endpoint)?.numbers.get(id)?)
    }

    fn add(&mut self, session: Session) {
        self.numbers += 1;
        let number = self.numbers;
        let of = self.endpoints.entry(session.endpoint.clone()).or_default();
        self.fullest.remove(&(of.by_age.len(), session.endpoint.clone()));
        of.numbers.insert(session.id.clone(), number);
        of.by_age.insert(number);
        self.fullest.insert((of.by_age.len(), session.endpoint.clone()));
        self.expiring.insert((session.expires, number));
        self.sessions.insert(number, session);
    }

    fn end(&mut self, endpoint: &EndpointUid, id: &str) {
        let number = self.endpoints.get(endpoint).and_then(|of| of.numbers.get(id).copied());
        if let Some(number) = number {
            self.remove(number);
        }
    }

    /// Whether there was one.
    fn end_oldest_of(&mut self, endpoint: &EndpointUid) -> bool {
        let oldest = self.endpoints.get(endpoint).and_then(|of| of.by_age.first().copied());
        oldest.is_some_and(|number| {
            self.remove(number);
            true
        })
    }

    fn expire(&mut self, now: Millis) {
        while let Some(&(expires, number)) = self.expiring.first()
            && expires <= now
        {
            self.remove(number);
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(session) = self.sessions.remove(&number) else { return };
        self.expiring.remove(&(session.expires, number));
        let Some(of) = self.endpoints.get_mut(&session.endpoint) else { return };
        self.fullest.remove(&(of.by_age.len(), session.endpoint.clone()));
        of.numbers.remove(&session.id);
        of.by_age.remove(&number);
        match of.by_age.len() {
            0 => {
                self.endpoints.remove(&session.endpoint);
            }
            left => {
                self.fullest.insert((left, session.endpoint));
            }
        }
    }
}

#[cfg(test)]
mod tests;
