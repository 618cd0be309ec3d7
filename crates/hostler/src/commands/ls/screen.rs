//! A list that stays on the screen and is drawn over.
//!
//! Why: the alternate screen is the terminal's own answer to a picture that changes: what was there before comes back,
//! and a resize cannot leave half of an old picture behind.
//! Invariants: a picture is one write, from the top, each line erased to its end, so that nothing flickers. The cursor
//! and the former screen come back whenever this is dropped.

use crate::output;
use crate::terminal::Terminal;

const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const TOP: &str = "\x1b[H";
const ERASE_LINE: &str = "\x1b[K";
const ERASE_BELOW: &str = "\x1b[J";

pub(super) struct Screen;

impl Screen {
    pub(super) fn enter() -> Self {
        output::bytes(ENTER.as_bytes());
        Self
    }

    /// Draws these lines, as many as there is room for; none may be wider than the terminal.
    pub(super) fn draw(lines: &[String]) {
        let room = Terminal::rows();
        let mut picture = TOP.to_owned();
        let shown = if lines.len() > room { room.saturating_sub(1) } else { lines.len() };
        for (index, line) in lines[..shown].iter().enumerate() {
            // No line break after the last line: it would scroll a full screen.
            let end = if index == 0 { "" } else { "\r\n" };
            picture.push_str(&format!("{end}{line}{ERASE_LINE}"));
        }
        if shown < lines.len() {
            picture.push_str(&format!("\r\nand {} more{ERASE_LINE}", lines.len() - shown));
        }
        picture.push_str(ERASE_BELOW);
        output::bytes(picture.as_bytes());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        output::bytes(LEAVE.as_bytes());
    }
}
