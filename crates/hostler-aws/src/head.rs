//! The head of a request where it stands: slices of what was read, or of what a server has parsed.
//!
//! Why: whose a request is and who signed it is read out of a dozen fields, each once. A map of owned values, made for
//! every request to be asked twenty times, cost more than all of that; a look along the fields costs next to nothing.
//! Invariants: decides nothing. Fields are in their order, those of one name too; names are compared in any case, as
//! HTTP has it. Values hold no control characters: whoever makes a head has refused them.

use http::request::Parts;

/// The head of a request.
#[derive(Clone, Debug, Default)]
pub struct Head<'a> {
    /// As it is spelled.
    pub method: &'a str,
    /// Up to the question mark.
    pub path: &'a str,
    /// After the question mark, if there is one.
    pub query: Option<&'a str>,
    /// Of a target that names one.
    pub authority: Option<&'a str>,
    /// All of them, in their order.
    pub fields: Vec<Field<'a>>,
}

/// One field of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// As it is spelled.
    pub name: &'a str,
    /// Without the blanks around it.
    pub value: &'a [u8],
}

impl<'a> Head<'a> {
    /// A head that somebody else has parsed.
    pub fn of(parts: &'a Parts) -> Self {
        let field = |(name, value): (&'a http::HeaderName, &'a http::HeaderValue)| Field {
            name: name.as_str(),
            value: value.as_bytes(),
        };
        Self {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query(),
            authority: parts.uri.authority().map(http::uri::Authority::as_str),
            fields: parts.headers.iter().map(field).collect(),
        }
    }

    /// The values of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.is(name)).map(|field| field.value)
    }

    /// The first value of this name.
    pub fn find(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.iter().find(|field| field.is(name)).map(|field| field.value)
    }

    /// The same, where it is ASCII.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        ascii(self.find(name)?)
    }
}

impl Field<'_> {
    /// Whether it has this name.
    pub fn is(&self, name: &str) -> bool {
        self.name.len() == name.len() && self.name.eq_ignore_ascii_case(name)
    }

    /// Whether its name begins so.
    pub fn begins(&self, beginning: &str) -> bool {
        self.name
            .as_bytes()
            .get(..beginning.len())
            .is_some_and(|begins| begins.eq_ignore_ascii_case(beginning.as_bytes()))
    }
}

/// A value as text; none when it is not ASCII.
pub(crate) fn ascii(value: &[u8]) -> Option<&str> {
    if value.is_ascii() { std::str::from_utf8(value).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn fields_are_found_in_any_case_and_in_their_order() {
        let request =
            Request::post("http://h:1/a?b=c").header("X-B", "1").header("x-a", "2").header("x-b", "3");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let head = Head::of(&parts);
        assert_eq!(
            (head.method, head.path, head.query, head.authority),
            ("POST", "/a", Some("b=c"), Some("h:1"))
        );
        assert_eq!(head.all("X-b").collect::<Vec<_>>(), [b"1", b"3"]);
        assert_eq!((head.find("x-A"), head.find("x-"), head.text("X-B")), (Some(&b"2"[..]), None, Some("1")));
        assert_eq!(head.fields.iter().filter(|field| field.begins("X-")).count(), 3);
    }

    #[test]
    fn what_is_not_ascii_is_there_and_no_text() {
        let request = Request::get("/").header("x", "\u{e9}");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let head = Head::of(&parts);
        assert_eq!((head.find("x"), head.text("x")), (Some("\u{e9}".as_bytes()), None));
    }
}
