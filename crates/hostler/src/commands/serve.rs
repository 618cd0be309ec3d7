//! `hostler serve`.

use std::io::IsTerminal;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::cli::ServeArgs;
use crate::output;
use crate::serve::Server;
use crate::settings::Settings;

/// What is logged when nothing else is asked for.
const LOG_DEFAULT: &str = "info";

pub(crate) async fn run(args: &ServeArgs) -> anyhow::Result<()> {
    output::outlive_reader();
    let settings = Settings::resolve(args)?;
    tracing_subscriber::fmt()
        .with_env_filter(log_filter()?)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let mut stops = StopSignals::listen()?;
    let server = Server::start(settings).await?;
    output::data(&format!("hostler is ready at {}", server.url));
    stops.next().await;
    server.stop(async move { stops.next().await }).await
}

fn log_filter() -> anyhow::Result<EnvFilter> {
    let wish = std::env::var("HOSTLER_LOG").unwrap_or_default();
    let wish = if wish.is_empty() { LOG_DEFAULT } else { &wish };
    EnvFilter::try_new(wish).with_context(|| {
        format!("HOSTLER_LOG = `{wish}` is no filter; try `debug`, or `info,hostler_gateway=debug`")
    })
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
