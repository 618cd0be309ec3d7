//! What is noted of a stream that keeps bytes, as TLS does.

use std::task::Waker;

use super::super::pulse::Activity;
use super::*;

/// Takes what it is given, and is flushed when it is told to be.
#[derive(Default)]
struct Keeps {
    is_flushed: bool,
}

impl OverTcp for Keeps {
    fn tcp(&self) -> &TcpStream {
        unreachable!("nobody waits for it")
    }
}

impl AsyncRead for Keeps {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Keeps {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_flushed { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

fn watched(pulse: &Arc<Pulse>) -> Watched<Keeps> {
    Watched::new(Keeps::default(), pulse.clone())
}

#[test]
fn a_client_that_took_what_was_kept_for_it_is_no_more_behind() {
    let pulse = Arc::<Pulse>::default();
    let mut stream = watched(&pulse);
    let mut context = Context::from_waker(Waker::noop());
    let _under_way = pulse.begin_request();
    assert!(Pin::new(&mut stream).poll_write(&mut context, b"100 Continue").is_ready());
    assert!(Pin::new(&mut stream).poll_flush(&mut context).is_pending());
    assert!(pulse.is_write_blocked());
    stream.stream.is_flushed = true;
    assert!(Pin::new(&mut stream).poll_flush(&mut context).is_ready());
    assert!(!pulse.is_write_blocked(), "the model may take its time now");
}

#[test]
fn a_connection_whose_end_is_not_taken_does_not_rest() {
    let pulse = Arc::<Pulse>::default();
    let mut stream = watched(&pulse);
    let mut context = Context::from_waker(Waker::noop());
    pulse.has_read_nothing();
    assert!(pulse.may_rest());
    assert!(Pin::new(&mut stream).poll_shutdown(&mut context).is_pending());
    assert_eq!((pulse.activity(), pulse.may_rest()), (Activity::Busy, false));
}

#[tokio::test]
async fn what_is_put_back_comes_before_what_was_put_back_earlier() {
    use tokio::io::AsyncReadExt;
    let mut stream = watched(&Arc::default());
    stream.put_back(Bytes::from_static(b"cd"));
    stream.put_back(Bytes::from_static(b"ab"));
    let mut read = [0; 4];
    stream.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"abcd");
}
