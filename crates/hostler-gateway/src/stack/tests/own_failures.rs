//! What fails on this side of the connection is no instance's failure.

use hostler_types::InvocationTrouble;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use super::*;

/// More than a connection's buffers hold.
const LONG: u64 = 8 << 20;

async fn ask_with(gateway: &Gateway, form: Form, body: Payload) -> Result<Response<AnswerBody>, ApiError> {
    let (head, scope) = (Head::default(), scope());
    let mut invocation = Invocation {
        request_id: &RequestId::random(),
        form,
        scope: &scope,
        endpoint_name: "demo",
        target_variant: None,
        target_model: None,
        target_container: None,
        session: None,
        head: &head,
        has_special: true,
        body,
    };
    let answer = gateway.invoke(&mut invocation, Instant::now(), &mut Alarm::default()).await;
    answer.map(Into::into)
}

/// What a breaker and control know of the first instance.
fn blame(table: &RoutingTable) -> (bool, bool, Option<InvocationTrouble>) {
    let endpoint = table.find(&Key::new(&scope(), Kind::Endpoint, "demo")).unwrap();
    let lane = &endpoint.variants[0].lanes[0];
    (lane.is_up(), lane.is_ejected(), table.trouble(&id(0)))
}

const NONE: (bool, bool, Option<InvocationTrouble>) = (true, false, None);

#[tokio::test]
async fn a_request_whose_rest_cannot_be_read_is_no_failure_of_its_instance() {
    for (form, retries_lost) in [(Form::Whole, false), (Form::Whole, true), (Form::Events, true)] {
        let container = Container::start(|_, _| Play::Answer(answer("yes"))).await;
        let (gateway, table) = gateway(&[container.kept.address()]);
        table.publish(Arc::new(EndpointRoute { retries_lost, ..route(&[container.kept.address()]) }));
        for _ in 0..5 {
            let body = Payload::broken(Bytes::from_static(b"begins"), 1000);
            let error = ask_with(&gateway, form, body).await.map(drop).unwrap_err();
            assert_eq!((error.code(), error.message()), ("InternalFailure", None));
            assert_eq!(blame(&table), NONE);
        }
        container.until_closed(5).await;
        assert_eq!(container.calls(), 0, "no request was whole");
        assert_eq!(container.connections(), 5, "none was tried again");
        assert_eq!(text(ask(&gateway).await.unwrap()).await, "yes");
        assert_eq!(table.in_flight(&id(0)), 0);
    }
}

/// An instance that answers with this before it reads its requests, which it does when it may.
async fn early(answer: Vec<u8>, may_read: &Arc<Notify>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let may_read = may_read.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (answer, may_read) = (answer.clone(), may_read.clone());
            tokio::spawn(async move {
                let (mut reading, mut writing) = stream.split();
                writing.write_all(&answer).await?;
                may_read.notified().await;
                tokio::io::copy(&mut reading, &mut tokio::io::sink()).await
            });
        }
    });
    address
}

fn long_and_broken() -> Payload {
    Payload::broken(vec![b'x'; usize::try_from(LONG).unwrap()].into(), LONG + 1)
}

#[tokio::test]
async fn nor_is_one_whose_answer_has_begun() {
    for form in [Form::Whole, Form::Events] {
        let may_read = Arc::new(Notify::new());
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
        let (gateway, table) = gateway(&[early(head.to_vec(), &may_read).await]);
        for _ in 0..5 {
            may_read.notify_one();
            let error = ask_with(&gateway, form, long_and_broken()).await.map(drop).unwrap_err();
            assert_eq!((error.code(), error.message()), ("InternalFailure", None));
            assert_eq!(blame(&table), NONE);
        }
    }
}

#[tokio::test]
async fn nor_is_one_whose_answer_is_with_the_client() {
    for form in [Form::Whole, Form::Events] {
        let may_read = Arc::new(Notify::new());
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
        let answer = [head, &vec![b'x'; WHOLE_ANSWER_BYTES_MAX][..]].concat();
        let (gateway, table) = gateway(&[early(answer, &may_read).await]);
        for _ in 0..5 {
            let mut body = ask_with(&gateway, form, long_and_broken()).await.unwrap().into_body();
            may_read.notify_one();
            let mut last = Bytes::new();
            let mut is_broken = false;
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => last = frame.into_data().unwrap(),
                    Err(_) => is_broken = true,
                }
            }
            let is_told = last.windows(21).any(|part| part == b"InternalStreamFailure");
            assert_eq!((is_broken, is_told), (form == Form::Whole, form == Form::Events));
            assert_eq!(blame(&table), NONE);
        }
        assert_eq!(table.in_flight(&id(0)), 0);
    }
}

/// It takes a descriptor away from everything else in this process: `cargo nextest` runs every test in one of its own.
#[tokio::test]
async fn an_instance_is_not_unreachable_for_want_of_a_descriptor() {
    let container = Container::start(|_, _| Play::AnswerAndClose(answer("yes"))).await;
    let (gateway, table) = gateway(&[container.kept.address()]);
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: Some(0), ..before }).unwrap();
    for _ in 0..5 {
        let error = ask(&gateway).await.map(drop).unwrap_err();
        assert_eq!(error.code(), "ServiceUnavailable");
        assert_eq!(blame(&table), NONE);
    }
    setrlimit(Resource::Nofile, before).unwrap();
    assert_eq!(text(ask(&gateway).await.unwrap()).await, "yes");
    assert_eq!(table.in_flight(&id(0)), 0);
}
