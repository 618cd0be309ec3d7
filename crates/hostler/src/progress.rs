//! What a long command is doing: a line that is written over on a terminal, a line per step elsewhere, and one for
//! each phase that takes long.
//!
//! Why: a person wants to see that it moves and for how long it has; a log file wants neither carriage returns nor a
//! line per second.
//! Invariants: only standard error; never wider than the terminal; the last live line is taken away before anything
//! else is written.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::output;
use crate::terminal::{Terminal, Tone, wrap};

/// How often the live line is drawn.
const REDRAW: Duration = Duration::from_millis(100);
/// Without a live line, a phase is told of once it has lasted this long.
const LONG: Duration = Duration::from_secs(1);
/// Columns before the text: `    3.2 s  `.
const INDENT: usize = 11;

pub(crate) struct Progress {
    shown: Arc<Mutex<Shown>>,
    ticker: JoinHandle<()>,
}

struct Shown {
    terminal: Terminal,
    step_begun: Instant,
    phase_begun: Instant,
    phase: String,
    detail: String,
    has_live_line: bool,
    is_told: bool,
}

impl Progress {
    /// Begins the first step.
    pub(crate) fn begin() -> Self {
        let now = Instant::now();
        let shown = Arc::new(Mutex::new(Shown {
            terminal: Terminal::stderr(),
            step_begun: now,
            phase_begun: now,
            phase: String::new(),
            detail: String::new(),
            has_live_line: false,
            is_told: false,
        }));
        let ticking = shown.clone();
        let ticker = tokio::spawn(async move {
            loop {
                tokio::time::sleep(REDRAW).await;
                lock(&ticking).tick();
            }
        });
        Self { shown, ticker }
    }

    /// What is going on, and a detail that may change often and is shown on terminals only.
    pub(crate) fn show(&self, phase: &str, detail: &str) {
        let mut shown = lock(&self.shown);
        if shown.phase != phase {
            phase.clone_into(&mut shown.phase);
            shown.phase_begun = Instant::now();
            shown.is_told = false;
        }
        detail.clone_into(&mut shown.detail);
        if shown.terminal.columns.is_some() {
            shown.tick();
        }
    }

    /// The step is over; the next one begins.
    pub(crate) fn done(&self, text: &str) {
        let mut shown = lock(&self.shown);
        shown.clear();
        let seconds = format!("{:>7.1} s", shown.step_begun.elapsed().as_secs_f64());
        let lines = match shown.terminal.columns {
            Some(columns) => wrap(text, columns.saturating_sub(INDENT + 1)),
            None => vec![text.to_owned()],
        };
        for (index, line) in lines.iter().enumerate() {
            let label = if index == 0 { &seconds } else { "" };
            output::say(&format!("{label:9}  {line}"));
        }
        shown.step_begun = Instant::now();
        shown.phase.clear();
        shown.detail.clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.ticker.abort();
        lock(&self.shown).clear();
    }
}

impl Shown {
    fn tick(&mut self) {
        if self.phase.is_empty() {
            return;
        }
        let Some(columns) = self.terminal.columns else {
            if !self.is_told && self.phase_begun.elapsed() >= LONG {
                self.is_told = true;
                output::say(&format!("{:INDENT$}{} …", "", self.phase));
            }
            return;
        };
        let line = line(self.step_begun.elapsed(), &self.phase, &self.detail, columns);
        output::say_partly(&format!("\r{}\x1b[K", self.terminal.paint(Tone::Quiet, &line)));
        self.has_live_line = true;
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.has_live_line) {
            output::say_partly("\r\x1b[K");
        }
    }
}

fn lock(shown: &Mutex<Shown>) -> std::sync::MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The live line; one column stays free, because a full line makes some terminals scroll.
fn line(elapsed: Duration, phase: &str, detail: &str, columns: usize) -> String {
    let dot = if detail.is_empty() { "" } else { " · " };
    let whole = format!("{:>7.1} s  {phase} …{dot}{detail}", elapsed.as_secs_f64());
    let width = columns.saturating_sub(1);
    if whole.chars().count() <= width {
        return whole;
    }
    let mut cut: String = whole.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Bytes as a person reads them: `2.6 kB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64;
    let mut unit = "";
    for next in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_line_never_reaches_the_last_column() {
        let text = |columns| line(Duration::from_millis(3210), "uploading", "12 MB of the archive", columns);
        assert_eq!(text(80), "    3.2 s  uploading … · 12 MB of the archive");
        assert_eq!(text(30), "    3.2 s  uploading … · 12 …");
        assert_eq!(text(30).chars().count(), 29);
    }

    #[test]
    fn sizes_have_two_digits_that_mean_something() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (2624, "2.6 kB"),
            (12_345, "12 kB"),
            (999_600, "1.0 MB"),
            (5_000_000_000, "5.0 GB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
