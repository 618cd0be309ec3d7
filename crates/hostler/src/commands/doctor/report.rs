//! The rows of the report, and how they are printed.
//!
//! Invariants: a row is a verdict, a sentence, and what to do unless all is well. Nothing is wrapped for a pipe.

use serde_json::{Value, json};

use crate::terminal::{Terminal, Tone, wrap};

/// Narrower terminals get the sentences below their subject.
const WIDE_COLUMNS: usize = 76;
const VERDICT: usize = 8;
const SUBJECT: usize = 17;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be.
    Good,
    /// A server runs, with less.
    Limited,
    /// It is not there.
    Missing,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) subject: &'static str,
    pub(super) verdict: Verdict,
    pub(super) says: String,
    pub(super) to_do: Option<String>,
    /// No server runs without it.
    pub(super) is_needed: bool,
}

impl Row {
    pub(super) fn good(subject: &'static str, says: impl Into<String>) -> Self {
        Self { subject, verdict: Verdict::Good, says: says.into(), to_do: None, is_needed: false }
    }

    pub(super) fn limited(subject: &'static str, says: impl Into<String>, to_do: impl Into<String>) -> Self {
        let to_do = Some(to_do.into());
        Self { subject, verdict: Verdict::Limited, says: says.into(), to_do, is_needed: false }
    }

    pub(super) fn missing(subject: &'static str, says: impl Into<String>, to_do: impl Into<String>) -> Self {
        let to_do = Some(to_do.into());
        Self { subject, verdict: Verdict::Missing, says: says.into(), to_do, is_needed: false }
    }

    pub(super) fn needed(self) -> Self {
        Self { is_needed: true, ..self }
    }
}

impl Row {
    /// What a server does without is no alarm.
    fn tone(&self) -> Tone {
        match (self.verdict, self.is_needed) {
            (Verdict::Good, _) => Tone::Good,
            (Verdict::Limited, _) => Tone::Warning,
            (Verdict::Missing, true) => Tone::Bad,
            (Verdict::Missing, false) => Tone::Quiet,
        }
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Limited => "limited",
            Self::Missing => "missing",
        }
    }
}

/// Everything that was looked at.
pub(super) struct Report {
    pub(super) rows: Vec<Row>,
}

impl Report {
    pub(super) fn can_run(&self) -> bool {
        !self.rows.iter().any(|row| row.is_needed && row.verdict == Verdict::Missing)
    }

    pub(super) fn document(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "Subject": row.subject,
                    "Verdict": row.verdict.word(),
                    "Says": row.says,
                    "ToDo": row.to_do,
                    "Needed": row.is_needed,
                })
            })
            .collect();
        json!({ "CanRun": self.can_run(), "Rows": rows })
    }

    pub(super) fn lines(&self, terminal: Terminal) -> Vec<String> {
        let mut lines: Vec<String> = self.rows.iter().flat_map(|row| row_lines(row, terminal)).collect();
        let (tone, text) = if self.can_run() {
            (Tone::Good, "a server can run here")
        } else {
            (Tone::Bad, "no server can run here before what is needed is there")
        };
        lines.push(terminal.paint(tone, text).to_string());
        lines
    }
}

fn row_lines(row: &Row, terminal: Terminal) -> Vec<String> {
    let says = if row.is_needed && row.verdict == Verdict::Missing {
        format!("needed: {}", row.says)
    } else {
        row.says.clone()
    };
    let to_do = row.to_do.as_ref().map(|to_do| format!("-> {to_do}"));
    let verdict = format!("{:<VERDICT$}", row.verdict.word());
    let verdict = terminal.paint(row.tone(), &verdict);
    let is_wide = terminal.columns.is_none_or(|columns| columns >= WIDE_COLUMNS);
    let indent = if is_wide { VERDICT + 1 + SUBJECT + 1 } else { 2 };
    let fit = |text: &str| match terminal.columns {
        Some(columns) => wrap(text, columns.saturating_sub(indent).max(1)),
        None => vec![text.to_owned()],
    };
    let mut sentences = fit(&says);
    let mut lines = Vec::new();
    if is_wide {
        let first = if sentences.is_empty() { String::new() } else { sentences.remove(0) };
        lines.push(format!("{verdict} {:<SUBJECT$} {first}", row.subject));
    } else {
        lines.push(format!("{verdict} {}", row.subject));
    }
    lines.extend(sentences.iter().map(|line| format!("{:indent$}{line}", "")));
    for line in to_do.iter().flat_map(|to_do| fit(to_do)) {
        lines.push(format!("{:indent$}{}", "", terminal.paint(Tone::Hint, &line)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(is_needed: bool) -> Report {
        let row = Row { is_needed, ..Row::missing("python3", "no `python3` was found", "install python3") };
        Report { rows: vec![Row::good("kernel", "Linux 6.1"), row] }
    }

    #[test]
    fn only_what_is_needed_decides_whether_a_server_runs() {
        assert!(report(false).can_run());
        assert!(!report(true).can_run());
        let limited = Report { rows: vec![Row::limited("x", "less", "more").needed()] };
        assert!(limited.can_run());
    }

    #[test]
    fn a_pipe_gets_a_row_per_line_and_a_narrow_terminal_short_ones() {
        let pipe = Terminal { has_colours: false, columns: None };
        assert_eq!(
            report(true).lines(pipe),
            [
                "ok       kernel            Linux 6.1",
                "missing  python3           needed: no `python3` was found",
                "                           -> install python3",
                "no server can run here before what is needed is there",
            ]
        );
        let narrow = Terminal { has_colours: false, columns: Some(20) };
        assert_eq!(
            report(false).lines(narrow)[2..],
            [
                "missing  python3",
                "  no `python3` was",
                "  found",
                "  -> install python3",
                "a server can run here"
            ]
        );
    }
}
