//! XML documents that S3 clients send.
//!
//! Held against: the `roxmltree` crate, for documents that both accept. Ours is a reader of flat documents and does not
//! mend line ends.

use hostler_localaws::door::{ReadElement, read_document};

use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

pub(crate) const HARNESS: Harness = Harness {
    name: "s3_document",
    about: "XML documents of S3 clients; elements and texts as the roxmltree crate reads them",
    run,
    generate,
    words: &[
        b"<",
        b">",
        b"</",
        b"/>",
        b"<a>",
        b"</a>",
        b"<!DOCTYPE a [<!ENTITY x \"y\">]>",
        b"&x;",
        b"&#x41;",
        b"&#0;",
        b"&amp;",
        b"<![CDATA[",
        b"]]>",
        b"<!--",
        b"-->",
        b"<?xml version=\"1.0\"?>",
        b"<CompleteMultipartUpload>",
        b"<Part><PartNumber>1</PartNumber></Part>",
        b"<Object><Key>k</Key></Object>",
        b"xmlns:a=\"x\"",
        b"a:b",
        b"\r\n",
    ],
};

fn run(data: &[u8]) {
    // An element of four bytes is three strings and lists of three words each, in a list that grows by doubling.
    let Some(elements) = within(times(80, data), || read_document(data)) else { return };
    assert!(elements.iter().all(|element| element.depth < 9) && elements.len() <= 60_000);
    let text = std::str::from_utf8(data).expect("only text is accepted");
    // The other reader turns each line end into one line feed, as XML has it.
    if text.contains('\r') {
        return;
    }
    if let Ok(document) = roxmltree::Document::parse(text) {
        let root = document.root_element();
        let expected: Vec<ReadElement> = root
            .descendants()
            .filter(roxmltree::Node::is_element)
            .map(|node| ReadElement {
                depth: node.ancestors().skip(1).filter(roxmltree::Node::is_element).count(),
                name: node.tag_name().name().to_owned(),
                text: node
                    .children()
                    .filter(roxmltree::Node::is_text)
                    .filter_map(|text| text.text())
                    .collect(),
            })
            .collect();
        assert_eq!(elements, expected);
    }
}

fn generate(source: &mut Source) -> Vec<u8> {
    let mut text = source.pick(&["", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"]).to_owned();
    let root = source.pick(&["Delete", "CompleteMultipartUpload", "CreateBucketConfiguration"]);
    text.push_str(&format!("<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"));
    for number in 0..source.size(2000) {
        text.push_str(&match source.below(5) {
            0 => "<Object><Key>a &amp; b&#13;</Key></Object>".to_owned(),
            1 => format!("<Part><PartNumber>{number}</PartNumber><ETag>&quot;e&quot;</ETag></Part>"),
            2 => "<b/>".to_owned(),
            3 => "\n  <!-- c --><x><![CDATA[<y>]]></x>".to_owned(),
            _ => "<a><a><a>t</a></a></a>".to_owned(),
        });
    }
    text.push_str(&format!("</{root}>"));
    if source.one_in(2) { source.mutated(text.as_bytes(), &[], HARNESS.words) } else { text.into_bytes() }
}
