//! What goes to the terminal: data to stdout, everything else to stderr.
//!
//! Invariants: a closed pipe ends the program quietly, as every Unix tool does; but for one that holds instances or
//! is half-way through a deployment: it goes on without a reader, since an end in the middle would leave them behind.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::hint;
use crate::terminal::{Terminal, Tone, fold};

const ERROR: &str = "error:";
const HINT: &str = "hint:";

static OUTLIVES_READER: AtomicBool = AtomicBool::new(false);

/// From now on a closed pipe loses output and nothing else.
pub(crate) fn outlive_reader() {
    OUTLIVES_READER.store(true, Ordering::Relaxed);
}

/// One line of data.
pub(crate) fn data(line: &str) {
    write_out(&mut std::io::stdout().lock(), line.as_bytes(), true);
}

/// Bytes of data as they are.
pub(crate) fn bytes(bytes: &[u8]) {
    write_out(&mut std::io::stdout().lock(), bytes, false);
}

/// One line for the person who watches.
pub(crate) fn say(line: &str) {
    write_out(&mut std::io::stderr().lock(), line.as_bytes(), true);
}

/// An error with its causes, and what to do about it.
pub(crate) fn error(error: &anyhow::Error) {
    let mut text = format!("{ERROR} {error}");
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // A library's error often repeats its cause in its own text.
        if !text.ends_with(&cause) {
            text.push_str(&format!("\n  because: {cause}"));
        }
    }
    if let Some(hint) = hint::of(error) {
        text.push_str(&format!("\n{HINT} {hint}"));
    }
    let terminal = Terminal::stderr();
    if let Some(columns) = terminal.columns {
        text = fold(&text, columns).join("\n");
    }
    for (word, tone) in [(ERROR, Tone::Bad), (HINT, Tone::Hint)] {
        let painted = |line: &str| match line.strip_prefix(word) {
            Some(rest) => format!("{}{rest}", terminal.paint(tone, word)),
            None => line.to_owned(),
        };
        text = text.lines().map(painted).collect::<Vec<_>>().join("\n");
    }
    say(&text);
}

/// Text for the person who watches, without an end of line.
pub(crate) fn say_partly(text: &str) {
    write_out(&mut std::io::stderr().lock(), text.as_bytes(), false);
}

fn write_out(out: &mut impl Write, bytes: &[u8], is_line: bool) {
    let end: &[u8] = if is_line { b"\n" } else { b"" };
    let written = out.write_all(bytes).and_then(|()| out.write_all(end)).and_then(|()| out.flush());
    if written.is_err() && !OUTLIVES_READER.load(Ordering::Relaxed) {
        std::process::exit(0);
    }
}
