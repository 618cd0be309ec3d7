//! One line per step with how long it took, and a sign of life for those that take long.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::output;

/// A step that takes longer shows that it is alive.
const QUIET_FOR: Duration = Duration::from_secs(1);

pub(super) struct Step {
    title: String,
    begun: Instant,
    life: JoinHandle<()>,
}

impl Step {
    pub(super) fn begin(title: &str) -> Self {
        let begun = Instant::now();
        let shown = title.to_owned();
        let life = tokio::spawn(async move {
            let is_terminal = std::io::stderr().is_terminal();
            loop {
                tokio::time::sleep(QUIET_FOR).await;
                let seconds = begun.elapsed().as_secs();
                if is_terminal {
                    // A line that the next write overwrites.
                    let _ = write!(std::io::stderr(), "\r  {shown} … {seconds} s\r");
                } else {
                    output::say(&format!("  {shown} … {seconds} s"));
                }
            }
        });
        Self { title: title.to_owned(), begun, life }
    }

    pub(super) fn done(self, detail: &str) {
        let ms = self.begun.elapsed().as_secs_f64() * 1000.0;
        output::data(&format!(
            "{ms:>9.1} ms  {}{}{detail}",
            self.title,
            if detail.is_empty() { "" } else { ": " }
        ));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.life.abort();
    }
}
