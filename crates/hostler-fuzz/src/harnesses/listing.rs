//! What a foreign S3 answers: pages of a listing, and refusals.
//!
//! Held against: the `roxmltree` crate, for listings that both accept, and a bound on what is repeated of a refusal.

use hostler_artifacts_object::door::{ReadPage, read_page, read_refusal};
use http::StatusCode;
use percent_encoding::percent_decode_str;

use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

const PREFIX: &str = "llm/";

pub(crate) const HARNESS: Harness = Harness {
    name: "listing",
    about: "listings and refusals of a foreign S3; keys as the roxmltree crate reads them, all below the prefix",
    run,
    generate,
    words: &[
        b"<ListBucketResult>",
        b"<Contents><Key>llm/a</Key><Size>1</Size></Contents>",
        b"</ListBucketResult>",
        b"<Key>",
        b"<Size>",
        b"<NextContinuationToken>",
        b"%2F",
        b"+",
        b"%ff",
        b"18446744073709551616",
        b"-1",
        b"<Error><Code>",
        b"</Code>",
        b"<Message>",
        b"<Region>",
        b"&amp;",
        b"<![CDATA[",
        b"<!DOCTYPE a [<!ENTITY x \"y\">]>",
        b"&x;",
    ],
};

fn run(data: &[u8]) {
    if let Ok(ReadPage { entries, .. }) = within(times(80, data), || read_page(data, PREFIX)) {
        assert!(entries.iter().all(|(key, _)| key.starts_with(PREFIX)));
        assert!(entries.len() <= data.len() / 10);
        compare(data, &entries);
    }
    for status in [StatusCode::FORBIDDEN, StatusCode::BAD_REQUEST, StatusCode::MOVED_PERMANENTLY] {
        let text = within(times(8, data), || read_refusal(status, data));
        assert!(text.len() <= 4 * 900 + 500, "a text of {} bytes", text.len());
    }
}

fn compare(data: &[u8], entries: &[(String, u64)]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(document) = roxmltree::Document::parse(text) else { return };
    // Serde's reader drops blanks at the ends of a text and knows nothing of comments inside it.
    if text.contains(['\r', '!', '?']) {
        return;
    }
    let child = |node: roxmltree::Node<'_, '_>, name: &str| {
        let found =
            node.children().find(|child| child.has_tag_name(name) || child.tag_name().name() == name)?;
        Some(found.text().unwrap_or_default().trim().to_owned())
    };
    let expected: Vec<Option<(String, u64)>> = document
        .root_element()
        .children()
        .filter(|node| node.tag_name().name() == "Contents")
        .map(|node| {
            let key = child(node, "Key")?.replace('+', " ");
            Some((
                percent_decode_str(&key).decode_utf8().ok()?.into_owned(),
                child(node, "Size")?.parse().ok()?,
            ))
        })
        .collect();
    let found: Vec<_> = entries.iter().map(|(key, size)| Some((key.trim().to_owned(), *size))).collect();
    let expected: Vec<_> =
        expected.into_iter().map(|entry| entry.map(|(key, size)| (key.trim().to_owned(), size))).collect();
    assert_eq!(found, expected);
}

fn generate(source: &mut Source) -> Vec<u8> {
    if source.one_in(5) {
        let message = "<Message>".repeat(source.size(300)) + &"m".repeat(source.size(3000));
        return format!("<Error><Code>AccessDenied</Code>{message}</Message></Error>").into_bytes();
    }
    let mut text = String::from(
        "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">",
    );
    for number in 0..source.size(1000) {
        let key = source.pick(&["llm/a", "llm/b%2Fc", "llm/+d", "llm/%C3%A9", "llm/"]);
        text.push_str(&format!(
            "<Contents><Key>{key}{number}</Key><ETag>&quot;e&quot;</ETag><Size>{number}</Size></Contents>"
        ));
        if source.one_in(30) {
            text.push_str("<CommonPrefixes><Prefix>x</Prefix></CommonPrefixes><KeyCount>3</KeyCount>");
        }
    }
    text.push_str("<NextContinuationToken>t</NextContinuationToken></ListBucketResult>");
    if source.one_in(2) { source.mutated(text.as_bytes(), &[], HARNESS.words) } else { text.into_bytes() }
}
