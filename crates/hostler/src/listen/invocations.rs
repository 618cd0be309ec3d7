//! Serves the invocations of a connection by the gateway's own reader, as long as nothing else comes.
//!
//! Why: see `hostler-gateway/src/downstream.rs`. Here is what a connection is told meanwhile: to rest, to close, to stop.
//! Invariants: a connection rests only when nothing that was read waits to be used and everything is written; what was
//! read of a request that somebody else has to read goes with it. A stop lets the answer under way be given, and none
//! after it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use hostler_gateway::{After, ClientConnection, Gateway, News, Watcher};

use super::connection::Served;
use super::pulse::{Activity, Order, Pulse, RequestUnderWay};
use super::watched::{OverTcp, Watched};

/// Notes what is under way.
struct Notes<'a>(&'a Arc<Pulse>);

impl Watcher for Notes<'_> {
    type UnderWay = RequestUnderWay;

    fn request_begins(&self) -> RequestUnderWay {
        self.0.begin_request()
    }

    fn is_last(&self) -> bool {
        self.0.is_told(Order::Stop)
    }
}

/// What comes next on a connection.
enum Next {
    Request,
    Foreign,
    Ended,
    Rest,
    Close,
}

/// Serves invocations until something else comes, or nothing; none when it was told to close.
pub(super) async fn serve<S: OverTcp>(
    gateway: &Gateway,
    pulse: &Arc<Pulse>,
    stream: Watched<S>,
) -> Option<Served<S>> {
    let mut client = ClientConnection::new(stream);
    let foreign = |client: ClientConnection<Watched<S>>| {
        let (mut stream, unused) = client.into_parts();
        stream.put_back(unused);
        stream
    };
    loop {
        match next(&mut client, pulse).await {
            Next::Request => {}
            Next::Foreign => return Some(Served::Foreign(foreign(client))),
            // Whether it closes is decided when it rests.
            Next::Rest => return Some(Served::Rests(foreign(client))),
            Next::Ended => return Some(Served::Over(client.into_parts().0)),
            Next::Close => return None,
        }
        let after = until_told(pulse, client.answer(gateway, &Notes(pulse))).await?;
        match after {
            After::Wait => until_told(pulse, poll_fn(|context| client.poll_flush(context))).await?.ok()?,
            After::Foreign => return Some(Served::Foreign(foreign(client))),
            After::Gone => return None,
            After::Close => {
                until_told(pulse, poll_fn(|context| client.poll_shutdown(context))).await?.ok()?;
                return Some(Served::Over(client.into_parts().0));
            }
        }
    }
}

/// Waits for a request, or for something to be told.
async fn next<S: OverTcp>(client: &mut ClientConnection<Watched<S>>, pulse: &Arc<Pulse>) -> Next {
    poll_fn(|context| {
        let news = client.poll_news(context).map(|news| match news {
            News::Request => Next::Request,
            News::Foreign => Next::Foreign,
            News::Ended => Next::Ended,
        });
        if news.is_ready() {
            return news;
        }
        match pulse.order(context) {
            Order::Nothing => Poll::Pending,
            Order::Rest | Order::CloseIdle if pulse.may_rest() => Poll::Ready(Next::Rest),
            order @ (Order::Rest | Order::CloseIdle) => {
                pulse.done_with(order);
                Poll::Pending
            }
            // The rest of a head that has begun may come.
            Order::Stop if pulse.activity() == Activity::Head => Poll::Pending,
            Order::Close | Order::Stop => Poll::Ready(Next::Close),
        }
    })
    .await
}

/// Goes on to the end, unless it is told to close.
async fn until_told<T>(pulse: &Arc<Pulse>, doing: impl Future<Output = T>) -> Option<T> {
    let mut doing = pin!(doing);
    poll_fn(|context| {
        if let Poll::Ready(done) = doing.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        match pulse.order(context) {
            Order::Nothing | Order::Stop => Poll::Pending,
            Order::Close => Poll::Ready(None),
            order @ (Order::Rest | Order::CloseIdle) => {
                pulse.done_with(order);
                Poll::Pending
            }
        }
    })
    .await
}
