//! A position in a JSON text, and the steps over its pieces.
//!
//! Why: the reader wants floats straight from the text; a tree of values would cost more than the arithmetic.
//! Invariants: the text is valid UTF-8; nesting is bounded, so no body can exhaust the stack.

use std::borrow::Cow;

use crate::rows::{RowsError, shorten};

/// Deeper than any instance; only members that are skipped could come near it.
const DEPTH_MAX: usize = 64;

#[derive(Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// What the end of `text` is the end of, for an error message.
    end: &'static str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, end: "the end of the body" }
    }

    /// At the start of a line that ends where `text` does; bytes are counted from the start of `text`.
    pub(super) fn of_line(text: &'a str, start: usize) -> Self {
        Self { text, at: start, end: "the end of the line" }
    }

    /// The next byte that is not white space, without stepping over it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Steps over `wanted` if it comes next.
    pub(super) fn eat(&mut self, wanted: u8) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    /// Reads an object; `member` must step over the value of the key it is given.
    pub(super) fn object<E: From<RowsError>>(
        &mut self,
        expected: &'static str,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.eat(b'{') {
            return Err(self.expected(expected).into());
        }
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.expected("a member name in double quotes").into());
            }
            let key = self.string()?;
            if !self.eat(b':') {
                return Err(self.expected("`:`").into());
            }
            member(self, &key)?;
            if self.eat(b'}') {
                return Ok(());
            }
            if !self.eat(b',') {
                return Err(self.expected("`,` or `}`").into());
            }
        }
    }

    /// Reads an array; `item` must step over one value.
    pub(super) fn array<E: From<RowsError>>(
        &mut self,
        expected: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.eat(b'[') {
            return Err(self.expected(expected).into());
        }
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            if self.eat(b']') {
                return Ok(());
            }
            if !self.eat(b',') {
                return Err(self.expected("`,` or `]`").into());
            }
        }
    }

    /// Steps over a number and returns its text; None if what comes next is no JSON number.
    pub(super) fn number(&mut self) -> Option<&'a str> {
        self.peek();
        let length = number_length(&self.text.as_bytes()[self.at..])?;
        let number = &self.text[self.at..self.at + length];
        self.at += length;
        Some(number)
    }

    /// What stands at the current position up to the next separator, for an error message.
    pub(super) fn token(&mut self) -> &'a str {
        self.peek();
        let rest = &self.text[self.at..];
        let is_end =
            |character: char| matches!(character, ',' | ']' | '}' | ':') || character.is_ascii_whitespace();
        let first_length = rest.chars().next().map_or(0, char::len_utf8);
        let length = rest[first_length..].find(is_end).map_or(rest.len(), |end| first_length + end);
        &rest[..length]
    }

    /// Steps over any value.
    pub(super) fn skip(&mut self) -> Result<(), RowsError> {
        self.skip_nested(DEPTH_MAX)
    }

    fn skip_nested(&mut self, depth_left: usize) -> Result<(), RowsError> {
        let Some(depth_left) = depth_left.checked_sub(1) else {
            return Err(self.expected("at most 64 levels of nesting"));
        };
        match self.peek() {
            Some(b'{') => self.object("an object", |cursor, _| cursor.skip_nested(depth_left)),
            Some(b'[') => self.array("an array", |cursor| cursor.skip_nested(depth_left)),
            Some(b'"') => self.string().map(drop),
            _ => {
                let rest = &self.text[self.at..];
                let literal = ["true", "false", "null"].into_iter().find(|literal| rest.starts_with(literal));
                if let Some(literal) = literal {
                    self.at += literal.len();
                    return Ok(());
                }
                self.number().map(drop).ok_or_else(|| self.expected("a value"))
            }
        }
    }

    /// Reads a string, the current position being at its first quote.
    fn string(&mut self) -> Result<Cow<'a, str>, RowsError> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start + 1;
        let mut has_escapes = false;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    at += 2;
                }
                Some(0x20..) => at += 1,
                end => {
                    return Err(RowsError::Json {
                        at: at.min(bytes.len()) + 1,
                        expected: "the end of a string",
                        found: match end {
                            Some(_) => "a control character".to_owned(),
                            None => self.end.to_owned(),
                        },
                    });
                }
            }
        }
        self.at = at + 1;
        if !has_escapes {
            return Ok(Cow::Borrowed(&self.text[start + 1..at]));
        }
        // Escapes are rare enough to leave their grammar to serde_json.
        let quoted = &self.text[start..self.at];
        serde_json::from_str(quoted).map(Cow::Owned).map_err(|_| {
            self.at = start;
            self.expected("a string with known escapes")
        })
    }

    pub(super) fn expected(&mut self, expected: &'static str) -> RowsError {
        let found = match self.peek() {
            None => self.end.to_owned(),
            Some(_) => format!("`{}`", shorten(self.token().as_bytes())),
        };
        RowsError::Json { at: self.at + 1, expected, found }
    }
}

/// Refuses a member that has been seen before.
pub(super) fn once(has_seen: &mut bool, member: &'static str, row: Option<usize>) -> Result<(), RowsError> {
    if std::mem::replace(has_seen, true) {
        let place = row.map_or_else(String::new, |row| format!(" in row {row}"));
        return Err(RowsError::Twice { member, place });
    }
    Ok(())
}

/// The length of the JSON number that `text` starts with.
fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let count = text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        (count > 0).then_some(from + count)
    };
    let start = usize::from(text.first() == Some(&b'-'));
    let mut end = match text.get(start) {
        Some(b'0') => start + 1,
        _ => digits(start)?,
    };
    if text.get(end) == Some(&b'.') {
        end = digits(end + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(end) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        end = digits(end + 1 + sign)?;
    }
    Some(end)
}
