//! S3's small XML documents, both ways.
//!
//! Why: three request documents and a dozen answers, all flat; a tree for reading and a string for writing are enough.
//! Invariants: reading is bounded in depth and number of elements and knows no document types, so no entity can grow.

use std::fmt::Write as _;

use hostler_aws::{escape_xml, push_element};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// Name space of S3's documents.
const XMLNS: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
const DEPTH_MAX: usize = 8;
/// 10,000 parts with four elements each, and room.
const ELEMENTS_MAX: usize = 60_000;

/// A document that is being written.
#[derive(Debug)]
pub(crate) struct XmlWriter {
    text: String,
    open: Vec<&'static str>,
}

impl XmlWriter {
    /// Begins with S3's name space.
    pub(crate) fn new(root: &'static str) -> Self {
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{XMLNS}\">");
        Self { text, open: vec![root] }
    }

    pub(crate) fn open(&mut self, name: &'static str) -> &mut Self {
        // Writing to a String cannot fail, here and below.
        let _ = write!(self.text, "<{name}>");
        self.open.push(name);
        self
    }

    pub(crate) fn close(&mut self) -> &mut Self {
        if let Some(name) = self.open.pop() {
            let _ = write!(self.text, "</{name}>");
        }
        self
    }

    pub(crate) fn leaf(&mut self, name: &str, text: impl AsRef<str>) -> &mut Self {
        push_element(&mut self.text, name, text.as_ref());
        self
    }

    /// The text of an element whose own tags the caller opens.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.text.push_str(&escape_xml(text));
        self
    }

    /// Closes what is open.
    pub(crate) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text
    }
}

/// An element that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Self>,
}

impl Element {
    /// The root of a document; none when it is not well-formed or too large.
    pub(crate) fn parse(document: &[u8]) -> Option<Self> {
        let mut reader = Reader::from_str(std::str::from_utf8(document).ok()?);
        let (mut stack, mut root, mut count) = (Vec::<Self>::new(), None, 0);
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    count += 1;
                    if stack.len() == DEPTH_MAX || count > ELEMENTS_MAX || root.is_some() {
                        return None;
                    }
                    stack.push(Self::named(start.local_name().as_ref())?);
                }
                Event::Empty(start) => {
                    count += 1;
                    let element = Self::named(start.local_name().as_ref())?;
                    if count > ELEMENTS_MAX || root.is_some() {
                        return None;
                    }
                    match stack.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => root = Some(element),
                    }
                }
                Event::End(_) => {
                    let element = stack.pop()?;
                    match stack.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => root = Some(element),
                    }
                }
                Event::Text(text) => append(&mut stack, &text.decode().ok()?)?,
                Event::CData(text) => append(&mut stack, &text.decode().ok()?)?,
                Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                    Some(c) => append(&mut stack, c.encode_utf8(&mut [0; 4]))?,
                    None => append(&mut stack, resolve_predefined_entity(&reference.decode().ok()?)?)?,
                },
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::DocType(_) => return None,
                Event::Eof => return root.filter(|_| stack.is_empty()),
            }
        }
    }

    /// The first child of that name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children(name).next()
    }

    /// The text of the first child of that name.
    pub(crate) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// Every child of that name.
    pub(crate) fn children<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a Self> + use<'a, 'n> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn named(name: &[u8]) -> Option<Self> {
        Some(Self { name: std::str::from_utf8(name).ok()?.to_owned(), ..Self::default() })
    }
}

/// White space between the elements of a document is nobody's text.
fn append(stack: &mut [Element], text: &str) -> Option<()> {
    match stack.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_as_botocore_sends_it_is_read() {
        let document = br#"<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a &amp; b&#13;/&#x41;</Key></Object>
            <Object><Key>c</Key><VersionId/></Object><Quiet>true</Quiet></Delete>"#;
        let root = Element::parse(document).unwrap();
        let keys: Vec<_> = root.children("Object").filter_map(|object| object.child_text("Key")).collect();
        assert_eq!((root.name.as_str(), keys), ("Delete", vec!["a & b\r/A", "c"]));
        assert_eq!(root.child_text("Quiet"), Some("true"));
    }

    #[test]
    fn documents_that_are_not_well_formed_or_hostile_are_refused() {
        let deep = format!("{}{}", "<a>".repeat(9), "</a>".repeat(9));
        let many = format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX));
        for document in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<a></a>x",
            "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
            "<a>&unknown;</a>",
            &deep,
            &many,
        ] {
            assert_eq!(Element::parse(document.as_bytes()), None, "{document:.60}");
        }
        assert_eq!(Element::parse(b"<a>\xff</a>"), None);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut xml = XmlWriter::new("R");
        xml.leaf("K", "a<&>").open("P").leaf("Q", "1").close().text("t");
        let root = Element::parse(xml.finish().as_bytes()).unwrap();
        assert_eq!(root.child_text("K"), Some("a<&>"));
        assert_eq!(root.child("P").unwrap().child_text("Q"), Some("1"));
        assert_eq!(root.text, "t");
    }
}
