//! The prober over simulated containers, and its HTTP side over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hostler_compute::RunningContainer;
use hostler_control::{Health, HttpPing, Ping, PingTrouble, Prober, ProberSettings, Target};
use hostler_testkit::{SimPing, caller};
use hostler_types::{EndpointUid, FailureCause, InstanceId, VariantName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

fn target(attempt: u32, was_healthy: bool) -> Target {
    let endpoint = EndpointUid::new("e1");
    let id = InstanceId { endpoint, generation: 1, variant: VariantName::new("v"), ordinal: 0, attempt };
    let containers = vec![container("container_1", 9)];
    Target { id, scope: caller().scope, endpoint_name: "e".to_owned(), containers, was_healthy }
}

fn container(name: &str, port: u16) -> RunningContainer {
    RunningContainer { name: name.to_owned(), address: ([127, 0, 0, 1], port).into(), pid: None }
}

fn prober() -> (Arc<SimPing>, Prober) {
    let ping = Arc::new(SimPing::default());
    (ping.clone(), Prober::new(ping, ProberSettings::default()))
}

/// Waits until the health is of this kind; how long that took.
async fn wait_for(prober: &Prober, target: &Target, is_it: impl Fn(&Health) -> bool) -> Duration {
    let begun = Instant::now();
    loop {
        let health = prober.health(&target.id);
        if is_it(&health) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it stayed {health:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_instance_is_sick_after_three_failures_and_well_after_one_success() {
    let (ping, prober) = prober();
    let target = target(1, false);
    let mut changes = prober.changes();
    prober.set_targets(&target.id.endpoint, vec![target.clone()]);
    wait_for(&prober, &target, |health| *health == Health::Healthy).await;
    ping.make_sick(target.containers[0].address);
    let took = wait_for(&prober, &target, |health| matches!(health, Health::Sick(_))).await;
    // One ordinary interval of 5 s until the first failure, then two of 1 s.
    assert!(took > Duration::from_secs(6) && took < Duration::from_secs(8), "{took:?}");
    ping.cure_all();
    wait_for(&prober, &target, |health| *health == Health::Healthy).await;
    for _ in 0..3 {
        assert_eq!(changes.try_recv().unwrap(), target.id);
    }
    assert!(changes.try_recv().is_err(), "only changes are told");
}

#[tokio::test(start_paused = true)]
async fn one_that_never_answered_is_not_yet_healthy_rather_than_sick() {
    let (ping, prober) = prober();
    let target = target(1, false);
    ping.make_sick(target.containers[0].address);
    prober.set_targets(&target.id.endpoint, vec![target.clone()]);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(prober.health(&target.id), Health::NotYet("it answered 500".into()));
    ping.cure_all();
    let took = wait_for(&prober, &target, |health| *health == Health::Healthy).await;
    assert!(took <= Duration::from_millis(251), "a starting one is asked often: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_was_healthy_before_a_restart_becomes_sick() {
    let (ping, prober) = prober();
    let target = target(1, true);
    ping.make_sick(target.containers[0].address);
    prober.set_targets(&target.id.endpoint, vec![target.clone()]);
    wait_for(&prober, &target, |health| matches!(health, Health::Sick(_))).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_is_healthy_when_all_its_containers_are_and_the_one_that_is_not_is_named() {
    let (ping, prober) = prober();
    let containers: Vec<_> =
        [("a", 21), ("b", 22), ("c", 23)].map(|(name, port)| container(name, port)).into();
    let target = Target { containers: containers.clone(), ..target(1, false) };
    let trouble = |name: &str| PingTrouble { container: Some(name.to_owned()), .."it answered 500".into() };
    ping.make_sick(containers[1].address);
    ping.make_sick(containers[2].address);
    prober.set_targets(&target.id.endpoint, vec![target.clone()]);
    wait_for(&prober, &target, |health| *health == Health::NotYet(trouble("b"))).await;
    ping.cure_all();
    ping.make_sick(containers[2].address);
    wait_for(&prober, &target, |health| *health == Health::NotYet(trouble("c"))).await;
    assert_eq!(trouble("c").to_string(), "container `c`: it answered 500");
    ping.cure_all();
    wait_for(&prober, &target, |health| *health == Health::Healthy).await;
    ping.make_sick(containers[0].address);
    wait_for(&prober, &target, |health| *health == Health::Sick(trouble("a"))).await;
}

#[tokio::test(start_paused = true)]
async fn only_the_endpoints_present_targets_are_known() {
    let (_, prober) = prober();
    let (first, second) = (target(1, false), target(2, false));
    prober.set_targets(&first.id.endpoint, vec![first.clone(), second.clone()]);
    wait_for(&prober, &first, |health| *health == Health::Healthy).await;
    prober.set_targets(&EndpointUid::new("another"), Vec::new());
    assert_eq!(prober.health(&first.id), Health::Healthy, "another endpoint's targets are another's");
    prober.set_targets(&first.id.endpoint, vec![second.clone()]);
    assert_eq!(prober.health(&first.id), Health::Unknown);
    let moved = Target { containers: vec![container("container_1", 10)], ..second };
    prober.set_targets(&moved.id.endpoint, vec![moved.clone()]);
    assert_eq!(prober.health(&moved.id), Health::Unknown, "another address is asked anew");
}

/// A server that answers one connection with these bytes, then closes it; with none it never answers.
async fn serve(answer: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        match answer {
            Some(answer) => {
                let _ = stream.write_all(answer.as_bytes()).await;
            }
            None => std::future::pending().await,
        }
    });
    address
}

#[tokio::test]
async fn only_200_is_a_yes_and_everything_else_says_what_came_back() {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Ok(())),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{", Ok(())),
        ("HTTP/1.1 204 No Content\r\n\r\n", Err("204")),
        ("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", Err("503")),
        ("", Err("closed")),
        ("SSH-2.0-OpenSSH\r\n", Err("broke")),
    ] {
        let address = serve(Some(answer)).await;
        match (HttpPing.ping(address).await, expected) {
            (Ok(()), Ok(())) => {}
            (Err(detail), Err(part)) => assert!(detail.words.contains(part), "{answer:?}: {detail}"),
            (came, _) => panic!("{answer:?}: {came:?}"),
        }
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let detail = HttpPing.ping(address).await.unwrap_err();
    assert_eq!(detail.cause, FailureCause::PingRefused);
    assert!(detail.words.contains(&format!("port {}", address.port())), "{detail}");
}

#[tokio::test]
async fn a_container_that_never_answers_is_given_two_seconds() {
    let address = serve(None).await;
    let begun = Instant::now();
    assert_eq!(
        HttpPing.ping(address).await,
        Err(PingTrouble::new(FailureCause::PingSilent, "no answer within 2 s"))
    );
    assert!(begun.elapsed() >= Duration::from_secs(2));
}
