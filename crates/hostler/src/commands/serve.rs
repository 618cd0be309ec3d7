//! `hostler serve`.

use std::io::IsTerminal;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::cli::ServeArgs;
use crate::output;
use crate::serve::Server;
use crate::settings::Settings;

pub(crate) async fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let settings = Settings::resolve(args)?;
    let filter = EnvFilter::try_from_env("HOSTLER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let stop = stop_signal()?;
    let server = Server::start(settings).await?;
    output::data(&format!("hostler is ready at {}", server.url));
    stop.await;
    server.stop().await
}

/// Resolves at SIGTERM or Ctrl-C; listened for from the moment this returns.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut term = signal(SignalKind::terminate()).context("listening for SIGTERM failed")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT failed")?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
