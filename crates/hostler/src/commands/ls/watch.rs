//! `hostler ls --watch`: looks again and again, and shows what has changed.
//!
//! Invariants: the first look must succeed, as that of any command; after it, a server that is gone is said and asked
//! again, at the address that its data directory has by then. Whatever ends it, the terminal is left as it was found.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, timeout};

use super::screen::Screen;
use super::table::{self, cut};
use crate::cli::{LsArgs, OutputForm};
use crate::client::Client;
use crate::commands::StopSignals;
use crate::output;
use crate::terminal::{Terminal, Tone};

/// What a shell returns for a program that ended by SIGINT.
const INTERRUPTED: u8 = 130;

/// A server that takes longer is as good as gone for whoever watches.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// What is known at the moment.
struct Seen {
    url: String,
    listed: Value,
    /// Since when nothing was heard, and why.
    silence: Option<(Instant, String)>,
}

pub(super) async fn run(args: &LsArgs) -> anyhow::Result<ExitCode> {
    let mut stops = StopSignals::listen()?;
    let mut client = Client::find(&args.find)?;
    let listed = client.admin("endpoints").await?;
    let mut seen = Seen { url: client.url().to_owned(), listed, silence: None };
    let is_text = args.find.output == OutputForm::Text;
    let mut shown: Box<dyn Show> = if is_text && Terminal::stdout().columns.is_some() {
        Box::new(OnScreen { screen: Some(Screen::enter()) })
    } else {
        Box::new(OnPipe { is_text, told: None, is_silent: false })
    };
    let mut resized = signal(SignalKind::window_change()).context("listening for SIGWINCH failed")?;
    let mut suspended =
        signal(SignalKind::from_raw(Signal::TSTP.as_raw())).context("listening for SIGTSTP failed")?;
    let mut ticks = tokio::time::interval(args.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        shown.show(&seen);
        tokio::select! {
            () = stops.next() => return Ok(ExitCode::from(INTERRUPTED)),
            _ = resized.recv() => {}
            _ = suspended.recv() => {
                shown.suspend();
                kill_process(getpid(), Signal::STOP).context("stopping failed")?;
                shown.resume();
            }
            _ = ticks.tick() => {
                let looked = tokio::select! {
                    looked = timeout(LOOK_TIMEOUT, client.admin("endpoints")) => {
                        looked.unwrap_or_else(|_| Err(anyhow!("nothing came in time")))
                    }
                    () = stops.next() => return Ok(ExitCode::from(INTERRUPTED)),
                };
                match looked {
                    Ok(listed) => seen = Seen { url: client.url().to_owned(), listed, silence: None },
                    Err(error) => {
                        let since = seen.silence.map_or_else(Instant::now, |(since, _)| since);
                        seen.silence = Some((since, format!("{error:#}")));
                        // It may have come back elsewhere.
                        if let Ok(anew) = Client::find(&args.find) {
                            client = anew;
                        }
                    }
                }
            }
        }
    }
}

trait Show {
    fn show(&mut self, seen: &Seen);
    /// The terminal is somebody else's for a while.
    fn suspend(&mut self) {}
    fn resume(&mut self) {}
}

struct OnScreen {
    screen: Option<Screen>,
}

impl Show for OnScreen {
    fn show(&mut self, seen: &Seen) {
        let terminal = Terminal::stdout();
        let paint = |tone: Tone, text: &str| terminal.paint(tone, &cut(text, terminal.columns)).to_string();
        let mut lines = vec![match &seen.silence {
            None => paint(Tone::Quiet, &head(seen)),
            Some((since, why)) => {
                let seconds = since.elapsed().as_secs();
                paint(Tone::Bad, &format!("no answer for {seconds} s, asking again: {why}"))
            }
        }];
        for line in table::lines(&seen.listed, terminal.columns) {
            lines.push(match line.tone {
                Some(tone) if seen.silence.is_none() => terminal.paint(tone, &line.text).to_string(),
                _ => terminal.paint(Tone::Quiet, &line.text).to_string(),
            });
        }
        Screen::draw(&lines);
    }

    fn suspend(&mut self) {
        self.screen = None;
    }

    fn resume(&mut self) {
        self.screen = Some(Screen::enter());
    }
}

fn head(seen: &Seen) -> String {
    let count = seen.listed["Endpoints"].as_array().map_or(0, Vec::len);
    let more = if seen.listed["IsWhole"] == false { " and more" } else { "" };
    let noun = if count == 1 { "endpoint" } else { "endpoints" };
    format!("{count}{more} {noun} at {}; Ctrl-C ends", seen.url)
}

struct OnPipe {
    is_text: bool,
    told: Option<Value>,
    is_silent: bool,
}

impl Show for OnPipe {
    fn show(&mut self, seen: &Seen) {
        if let Some((_, why)) = &seen.silence {
            if !std::mem::replace(&mut self.is_silent, true) {
                output::say(&format!("no answer, asking again: {why}"));
            }
            return;
        }
        if std::mem::take(&mut self.is_silent) {
            output::say(&format!("{} answers again", seen.url));
        }
        let news = table::news(&seen.listed);
        if self.told.as_ref() == Some(&news) {
            return;
        }
        if self.is_text {
            if self.told.is_some() {
                output::data("");
            }
            for line in table::lines(&seen.listed, None) {
                output::data(&line.text);
            }
        } else {
            output::data(&news.to_string());
        }
        self.told = Some(news);
    }
}
