//! What the terminal at the other end can show: colours, a line that is written over, a width.
//!
//! Why: the same command runs in a wide window, in a narrow one, in a script and in an editor's dumb terminal.
//! Invariants: colours and rewritten lines only on a terminal that can; `NO_COLOR` (any text) turns colours off. The
//! only place that reads `NO_COLOR` and `TERM`.

use std::fmt;
use std::io::IsTerminal;

/// Columns assumed when the terminal does not tell.
const COLUMNS_DEFAULT: usize = 80;
/// The same of rows.
const ROWS_DEFAULT: usize = 24;
/// Below this nothing is readable anyway.
const COLUMNS_MIN: usize = 20;

/// A meaning that has a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Warning,
    Bad,
    Hint,
    Quiet,
}

/// One of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Colours may be used.
    pub(crate) has_colours: bool,
    /// A line may be written over, and its width; none when this is no such terminal.
    pub(crate) columns: Option<usize>,
}

/// Text in a colour, or plain.
pub(crate) struct Painted<'a> {
    text: &'a str,
    code: Option<&'static str>,
}

impl Terminal {
    pub(crate) fn stdout() -> Self {
        let stdout = std::io::stdout();
        let columns = rustix::termios::tcgetwinsize(&stdout).ok().map(|size| usize::from(size.ws_col));
        Self::new(stdout.is_terminal(), columns, |name| std::env::var(name).ok())
    }

    /// Rows of standard output's terminal.
    pub(crate) fn rows() -> usize {
        let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
        size.map(|size| usize::from(size.ws_row)).filter(|rows| *rows > 0).unwrap_or(ROWS_DEFAULT)
    }

    pub(crate) fn stderr() -> Self {
        let stderr = std::io::stderr();
        let columns = rustix::termios::tcgetwinsize(&stderr).ok().map(|size| usize::from(size.ws_col));
        Self::new(stderr.is_terminal(), columns, |name| std::env::var(name).ok())
    }

    fn new(is_terminal: bool, columns: Option<usize>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_capable =
            is_terminal && variable("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        let no_color = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        let columns = columns.filter(|columns| *columns > 0).unwrap_or(COLUMNS_DEFAULT).max(COLUMNS_MIN);
        Self { has_colours: is_capable && !no_color, columns: is_capable.then_some(columns) }
    }

    pub(crate) fn paint(self, tone: Tone, text: &str) -> Painted<'_> {
        let code = match tone {
            Tone::Good => "\x1b[32m",
            Tone::Warning => "\x1b[33m",
            Tone::Bad => "\x1b[1;31m",
            Tone::Hint => "\x1b[36m",
            Tone::Quiet => "\x1b[2m",
        };
        Painted { text, code: self.has_colours.then_some(code) }
    }
}

impl fmt::Display for Painted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{code}{}\x1b[0m", self.text),
            None => f.write_str(self.text),
        }
    }
}

/// Breaks text at spaces so that no line is wider than `columns`, unless a single word is.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Breaks a message of several lines for a terminal: sentences and list items are broken at spaces, what is indented
/// otherwise (an example to copy) stays as it is.
pub(crate) fn fold(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        let is_prose = indent == 0 || body.starts_with("- ") || body.starts_with("because: ");
        if !is_prose {
            lines.push(line.to_owned());
            continue;
        }
        let hang = indent + 2;
        for (index, piece) in wrap(body, columns.saturating_sub(hang).max(1)).iter().enumerate() {
            let indent = if index == 0 { indent } else { hang };
            lines.push(format!("{:indent$}{piece}", ""));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(is_terminal: bool, variables: &[(&str, &str)]) -> Terminal {
        let value = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Terminal::new(is_terminal, Some(50), value)
    }

    #[test]
    fn colours_need_a_terminal_that_can_and_a_person_who_wants_them() {
        let check = |is_terminal, variables: &[(&str, &str)], has_colours, columns| {
            assert_eq!(terminal(is_terminal, variables), Terminal { has_colours, columns }, "{variables:?}");
        };
        check(true, &[("TERM", "xterm")], true, Some(50));
        check(true, &[("TERM", "xterm"), ("NO_COLOR", "")], true, Some(50));
        check(true, &[("TERM", "xterm"), ("NO_COLOR", "1")], false, Some(50));
        check(true, &[("TERM", "dumb")], false, None);
        check(true, &[], false, None);
        check(false, &[("TERM", "xterm")], false, None);
    }

    #[test]
    fn text_is_plain_without_colours() {
        let plain = terminal(false, &[]).paint(Tone::Bad, "no").to_string();
        assert_eq!(plain, "no");
        let painted = terminal(true, &[("TERM", "xterm")]).paint(Tone::Bad, "no").to_string();
        assert_eq!(painted, "\x1b[1;31mno\x1b[0m");
    }

    #[test]
    fn text_breaks_at_spaces_and_never_inside_a_word() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a-very-long-word b", 4), ["a-very-long-word", "b"]);
        assert_eq!(wrap("", 10), Vec::<String>::new());
    }

    #[test]
    fn a_message_is_folded_and_its_examples_are_not() {
        let text = "error: it did not work at all\n  because: nobody was there\n  - one thing or another\nhint: type\n  a long command that is copied";
        assert_eq!(
            fold(text, 20),
            [
                "error: it did not",
                "  work at all",
                "  because: nobody",
                "    was there",
                "  - one thing or",
                "    another",
                "hint: type",
                "  a long command that is copied",
            ]
        );
    }
}
