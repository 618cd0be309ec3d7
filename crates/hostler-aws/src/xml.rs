//! Text inside XML.
//!
//! Why: STS's and S3's documents are a handful of flat elements; a writer library would be more than they need.
//! Invariants: what comes out has no character that XML 1.0 forbids.

use std::fmt::Write as _;

/// `text` with XML's five special characters escaped and forbidden control characters replaced.
pub fn escape_xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Appends `<name>text</name>`.
pub fn push_element(out: &mut String, name: &str, text: &str) {
    // Writing to a String cannot fail.
    let _ = write!(out, "<{name}>{}</{name}>", escape_xml(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_and_forbidden_characters_are_replaced() {
        assert_eq!(escape_xml("a<b>&\"'\u{1}ü\r\n"), "a&lt;b&gt;&amp;&quot;&apos;\u{fffd}ü&#13;\n");
    }
}
