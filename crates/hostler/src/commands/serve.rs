//! `hostler serve`.

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::ServeArgs;
use crate::logging;
use crate::output;
use crate::serve::Server;
use crate::settings::Settings;

pub(crate) async fn run(args: &ServeArgs) -> anyhow::Result<()> {
    output::outlive_reader();
    let settings = Settings::resolve(args)?;
    logging::begin(settings.log_format)?;
    let mut stops = StopSignals::listen()?;
    let server = Server::start(settings).await?;
    output::data(&format!("hostler is ready at {}", server.url));
    stops.next().await;
    server.stop(async move { stops.next().await }).await
}

/// The signals that ask the program to stop; listened for from the moment this exists.
pub(crate) struct StopSignals {
    term: Signal,
    interrupt: Signal,
    /// The terminal went away; none where the program was told to outlive it (nohup).
    hangup: Option<Signal>,
}

impl StopSignals {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind, name| signal(kind).with_context(|| format!("listening for {name} failed"));
        Ok(Self {
            term: listen(SignalKind::terminate(), "SIGTERM")?,
            interrupt: listen(SignalKind::interrupt(), "SIGINT")?,
            hangup: if ignores_hangup() { None } else { Some(listen(SignalKind::hangup(), "SIGHUP")?) },
        })
    }

    /// Resolves at the next of them.
    pub(crate) async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Whether whoever started this program made it ignore SIGHUP, as the kernel tells it.
fn ignores_hangup() -> bool {
    const HANGUP_BIT: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & HANGUP_BIT != 0)
}
