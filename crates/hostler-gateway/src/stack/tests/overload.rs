//! What becomes of requests when all instances are busy, cannot be reached or keep failing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::*;
use crate::line::Aim;
use crate::pick::place;
use crate::table::LiveEndpoint;

/// How long a test waits for what must happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What an instance does with an invocation; it answers every ping with 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Answers,
    /// Until its mood changes it waits.
    Thinks,
    Closes,
    Fails,
}

/// An instance whose mood changes.
pub(super) struct Instance {
    pub(super) address: SocketAddr,
    mood: watch::Sender<Mood>,
    calls: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Instance {
    pub(super) async fn start(mood: Mood) -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), mood).await
    }

    pub(super) async fn start_at(address: SocketAddr, mood: Mood) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (mood, calls) = (watch::Sender::new(mood), Arc::new(AtomicUsize::new(0)));
        let address = listener.local_addr().unwrap();
        let (moods, counted) = (mood.clone(), calls.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, moods.subscribe(), counted.clone()));
            }
        });
        Self { address, mood, calls, accepting }
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn is_now(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Nobody listens there any more.
    pub(super) async fn stop(self) -> SocketAddr {
        self.accepting.abort();
        let _ = self.accepting.await;
        self.address
    }
}

async fn serve(
    mut stream: TcpStream,
    mut mood: watch::Receiver<Mood>,
    calls: Arc<AtomicUsize>,
) -> Option<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?.to_ascii_lowercase();
        if head.starts_with("get /ping ") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.ok()?;
            continue;
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
        stream.read_exact(&mut vec![0; length]).await.ok()?;
        calls.fetch_add(1, Ordering::SeqCst);
        let decided = *mood.wait_for(|mood| *mood != Mood::Thinks).await.ok()?;
        match decided {
            Mood::Answers | Mood::Thinks => stream.write_all(&answer("yes")).await.ok()?,
            Mood::Closes => return None,
            Mood::Fails => {
                stream.write_all(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n").await.ok()?;
            }
        }
    }
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let looking = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, looking).await.is_ok(), "it never happened: {what}");
}

pub(super) fn hold(hold_timeout: Duration) -> GatewaySettings {
    GatewaySettings { hold_timeout, ..GatewaySettings::default() }
}

pub(super) fn few(places: u32, waiting: u32) -> InvocationLimits {
    InvocationLimits {
        in_flight_per_instance: Some(places),
        waiting: Some(waiting),
        ..InvocationLimits::default()
    }
}

fn is_held(table: &RoutingTable, count: u64) -> bool {
    table.held.load(Ordering::SeqCst) == count
}

/// Requests that run beside the test.
fn asking(gateway: &Arc<Gateway>, count: usize) -> Vec<JoinHandle<Result<Bytes, ApiError>>> {
    let one = || {
        let gateway = gateway.clone();
        tokio::spawn(async move { Ok(text(ask(&gateway).await?).await) })
    };
    (0..count).map(|_| one()).collect()
}

fn code(answer: Result<Bytes, ApiError>) -> String {
    answer.map_or_else(|error| error.code().to_owned(), |_| "answered".to_owned())
}

#[tokio::test]
async fn more_than_may_wait_are_refused_at_once_and_those_who_wait_are_answered() {
    let instance = Instance::start(Mood::Thinks).await;
    let (gateway, table) = limited(&[instance.address], few(2, 3), hold(PATIENCE));
    let gateway = Arc::new(gateway);
    let asked = asking(&gateway, 5);
    eventually("three wait", || is_held(&table, 3)).await;
    for _ in 0..3 {
        let error = ask(&gateway).await.map(drop).unwrap_err();
        assert_eq!((error.code(), error.status().as_u16()), ("ServiceUnavailable", 503));
        assert!(error.message().unwrap().contains("(2), and as many more wait as may (3)"), "{error:?}");
    }
    eventually("two are sent", || instance.calls() == 2).await;
    instance.is_now(Mood::Answers);
    for one in asked {
        assert_eq!(one.await.unwrap().unwrap(), "yes");
    }
    assert_eq!((instance.calls(), table.in_flight(&id(0)), is_held(&table, 0)), (5, 0, true));
}

#[tokio::test]
async fn who_waits_too_long_for_a_busy_instance_may_come_again_and_is_no_fault_of_the_model() {
    let instance = Instance::start(Mood::Thinks).await;
    let (gateway, table) = limited(&[instance.address], few(1, 5), hold(Duration::from_millis(50)));
    let gateway = Arc::new(gateway);
    let first = asking(&gateway, 1);
    eventually("one is sent", || instance.calls() == 1).await;
    let error = ask(&gateway).await.map(drop).unwrap_err();
    assert_eq!(error.code(), "ServiceUnavailable");
    assert!(error.message().unwrap().contains("none was free within 0.05 seconds"), "{error:?}");
    instance.is_now(Mood::Answers);
    for one in first {
        one.await.unwrap().unwrap();
    }
    assert_eq!(instance.calls(), 1);
    assert_eq!(table.trouble(&id(0)), None);
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_turn_and_its_place_to_the_next() {
    let instance = Instance::start(Mood::Thinks).await;
    let (gateway, table) = limited(&[instance.address], few(1, 5), hold(PATIENCE));
    let gateway = Arc::new(gateway);
    let first = asking(&gateway, 1);
    eventually("one is sent", || instance.calls() == 1).await;
    let mut others = asking(&gateway, 3);
    eventually("three wait", || is_held(&table, 3)).await;
    others.remove(0).abort();
    eventually("two wait", || is_held(&table, 2)).await;
    first.iter().for_each(JoinHandle::abort);
    eventually("the next is sent", || instance.calls() == 2).await;
    instance.is_now(Mood::Answers);
    for one in others {
        assert_eq!(one.await.unwrap().unwrap(), "yes");
    }
}

#[tokio::test]
async fn requests_wait_for_an_instance_that_cannot_be_reached_until_it_can() {
    let gone = Instance::start(Mood::Answers).await.stop().await;
    let (gateway, table) = limited(&[gone], few(100, 100), hold(PATIENCE));
    let gateway = Arc::new(gateway);
    let asked = asking(&gateway, 50);
    eventually("all wait", || is_held(&table, 50)).await;
    let back = Instance::start_at(gone, Mood::Answers).await;
    for one in asked {
        assert_eq!(one.await.unwrap().unwrap(), "yes");
    }
    assert_eq!(back.calls(), 50);
}

#[tokio::test]
async fn without_an_instance_that_can_be_reached_the_end_is_a_model_error() {
    let gone = Instance::start(Mood::Answers).await.stop().await;
    for addresses in [&[gone][..], &[]] {
        let (gateway, _) = limited(addresses, few(5, 5), hold(Duration::from_millis(60)));
        let error = ask(&gateway).await.map(drop).unwrap_err();
        assert_eq!(error.code(), "ModelError");
        assert_eq!(error.fault().unwrap().original_status_code, 0);
    }
}

#[tokio::test]
async fn an_instance_that_keeps_failing_while_others_succeed_is_ejected_and_comes_back_by_a_trial() {
    for mood in [Mood::Closes, Mood::Fails] {
        let (well, sick) = (Instance::start(Mood::Answers).await, Instance::start(mood).await);
        let (gateway, table) = gateway(&[well.address, sick.address]);
        let lane =
            table.find(&Key::new(&scope(), Kind::Endpoint, "demo")).unwrap().variants[0].lanes[1].clone();
        let mut failures = 0;
        // Each time either may be asked: a few hundred requests are enough for twelve failures in a row.
        for _ in 0..500 {
            failures += usize::from(ask(&gateway).await.is_err());
            if lane.is_ejected() {
                break;
            }
        }
        assert!(lane.is_ejected());
        let expected = if mood == Mood::Closes { 3..=4 } else { 12..=13 };
        assert!(expected.contains(&failures), "{mood:?} failed {failures}");
        sick.is_now(Mood::Answers);
        let before = sick.calls();
        while lane.is_ejected() {
            text(ask(&gateway).await.unwrap()).await;
        }
        assert!(sick.calls() > before, "it came back without a trial");
    }
}

#[tokio::test]
async fn what_every_instance_fails_ejects_none_and_an_only_one_is_never_ejected() {
    let instances = [Instance::start(Mood::Fails).await, Instance::start(Mood::Fails).await];
    let both: Vec<SocketAddr> = instances.iter().map(|instance| instance.address).collect();
    for addresses in [&both[..], &both[..1]] {
        let (gateway, table) = gateway(addresses);
        for _ in 0..60 {
            assert_eq!(ask(&gateway).await.map(drop).unwrap_err().code(), "ModelError");
        }
        let endpoint = table.find(&Key::new(&scope(), Kind::Endpoint, "demo")).unwrap();
        assert!(endpoint.lanes().all(|lane| !lane.is_ejected() && lane.is_up()));
    }
}

/// The lanes of two instances, the second of which was ejected.
async fn ejected(gateway: &Gateway, table: &RoutingTable) -> (Arc<LiveEndpoint>, [Arc<Lane>; 2]) {
    let endpoint = table.find(&Key::new(&scope(), Kind::Endpoint, "demo")).unwrap();
    let lanes = [0, 1].map(|index| endpoint.variants[0].lanes[index].clone());
    while !lanes[1].is_ejected() {
        let _ = ask(gateway).await;
    }
    assert!(!lanes[1].is_up() && !lanes[0].is_ejected());
    (endpoint, lanes)
}

#[tokio::test]
async fn an_ejected_instance_is_pardoned_when_nobody_else_can_be_reached() {
    let (well, sick) = (Instance::start(Mood::Answers).await, Instance::start(Mood::Closes).await);
    let (gateway, table) = gateway(&[well.address, sick.address]);
    let (_, lanes) = ejected(&gateway, &table).await;
    sick.is_now(Mood::Answers);
    lanes[0].unreached();
    assert!(lanes[1].is_up() && !lanes[1].is_ejected());
    assert_eq!(code(Ok(text(ask(&gateway).await.unwrap()).await)), "answered");
}

#[tokio::test]
async fn an_ejected_instance_is_pardoned_when_the_others_leave() {
    let (well, sick) = (Instance::start(Mood::Answers).await, Instance::start(Mood::Closes).await);
    let (gateway, table) = gateway(&[well.address, sick.address]);
    let (_, lanes) = ejected(&gateway, &table).await;
    let draining = [(well.address, true), (sick.address, false)];
    publish_draining(&table, &draining, InvocationLimits::default());
    assert!(lanes[1].is_up() && !lanes[1].is_ejected());
}

#[tokio::test]
async fn a_new_route_does_not_end_an_ejection_and_who_can_go_nowhere_else_goes_there_all_the_same() {
    let (well, sick) = (Instance::start(Mood::Answers).await, Instance::start(Mood::Closes).await);
    let (gateway, table) = gateway(&[well.address, sick.address]);
    let (endpoint, lanes) = ejected(&gateway, &table).await;
    publish(&table, &[well.address, sick.address], InvocationLimits::default());
    assert!(!lanes[1].is_up() && lanes[1].is_ejected());
    let pinned = place(&endpoint, &Aim::Instance(id(1)), &[], 0.5);
    assert!(pinned.is_some_and(|permit| permit.lane().id == id(1)));
}
