//! Rows of a label and a text, for people: folded to the terminal's width, the label once.
//!
//! Why: names, reasons and logs are longer than a window is wide, and a terminal breaks them inside words.
//! Invariants: nothing in a text steers the terminal, since names in archives and words of models come from anybody. What
//! is no terminal gets a row in one line, unless a width is asked for.

use crate::output;
use crate::terminal::{Terminal, Tone, wrap};

/// Where rows go, and how wide their labels are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    terminal: Terminal,
    label: usize,
    columns: Option<usize>,
}

impl Rows {
    /// Rows on standard output; `columns_default` holds where there is no terminal.
    pub(crate) fn new(label: usize, columns_default: Option<usize>) -> Self {
        let terminal = Terminal::stdout();
        Self { terminal, label, columns: terminal.columns.or(columns_default) }
    }

    /// One row.
    pub(crate) fn row(&self, label: &str, text: &str) {
        self.lines(text).iter().enumerate().for_each(|(index, line)| self.line(index, label, line));
    }

    /// One row whose text has a colour.
    pub(crate) fn painted(&self, label: &str, text: &str, tone: Tone) {
        let lines = self.lines(text);
        lines.iter().enumerate().for_each(|(index, line)| {
            self.line(index, label, &self.terminal.paint(tone, line).to_string());
        });
    }

    fn line(&self, index: usize, label: &str, line: &str) {
        let (label, width) = (if index == 0 { label } else { "" }, self.label);
        output::data(format!("{label:<width$}{line}").trim_end());
    }

    fn lines(&self, text: &str) -> Vec<String> {
        let text = printable(text);
        match self.columns {
            Some(columns) => wrap(&text, columns.saturating_sub(self.label).max(1)),
            None => vec![text.replace('\n', " ")],
        }
    }
}

/// A text that no terminal obeys.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\rc"), "a\u{fffd}[2Jb\u{fffd}c");
    }

    #[test]
    fn a_text_is_one_line_where_nobody_asked_for_a_width() {
        let terminal = Terminal { has_colours: false, columns: None };
        let rows = |columns| Rows { terminal, label: 4, columns };
        assert_eq!(rows(None).lines("one two\nthree"), ["one two three"]);
        assert_eq!(rows(Some(11)).lines("one two three"), ["one two", "three"]);
        assert_eq!(rows(Some(1)).lines("one two"), ["one", "two"]);
    }
}
