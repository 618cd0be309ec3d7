//! Reads a manifest: which objects below a prefix a model is made of.
//!
//! Why: the form is the one that AWS documents for the manifest of an `S3DataSource`: a JSON array whose first element
//! is `{"prefix": "s3://…"}` and whose others are appended to that prefix. (The service model's one sentence on
//! `ManifestS3Uri` speaks of a CSV file and does not say of which columns.)
//! Invariants: every object named lies below the model's `S3Uri`, in the same bucket; how its key becomes a path is
//! decided in `layout`.

use serde_json::Value;

use crate::unpack::quoted;

/// Bytes of a manifest: some thousand objects with long names.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// The URIs of the objects that `text` lists, in its order; each begins with `below`.
pub(crate) fn read(text: &[u8], below: &str, objects_max: usize) -> Result<Vec<String>, ManifestError> {
    let elements: Vec<Value> =
        serde_json::from_slice(text).map_err(|error| ManifestError::Form(error.to_string()))?;
    let mut elements = elements.iter();
    let prefix = elements.next().and_then(Value::as_object).filter(|first| first.len() == 1);
    let prefix = prefix.and_then(|first| first.get("prefix")).and_then(Value::as_str);
    let prefix = prefix.ok_or_else(|| ManifestError::Form("its first element has another form".into()))?;
    if elements.len() == 0 {
        return Err(ManifestError::Refused("it lists no object".into()));
    }
    if elements.len() > objects_max {
        let count = elements.len();
        return Err(ManifestError::OverLimit(format!(
            "it lists {count} objects; at most {objects_max} are fetched"
        )));
    }
    elements
        .map(|element| {
            let Some(rest) = element.as_str() else {
                return Err(ManifestError::Form("an element after the first is not a string".into()));
            };
            let uri = format!("{prefix}{rest}");
            if uri.len() > below.len() && uri.starts_with(below) {
                return Ok(uri);
            }
            let uri = quoted(uri.as_bytes());
            Err(ManifestError::Refused(format!(
                "it lists {uri}, which does not lie below `{below}`, the model's S3Uri"
            )))
        })
        .collect()
}

/// Why a manifest cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ManifestError {
    /// It is not a manifest.
    #[error("a JSON array `[{{\"prefix\": \"s3://…\"}}, \"relative/key\", …]` is expected; {0}")]
    Form(String),
    /// It lists what it must not.
    #[error("{0}")]
    Refused(String),
    /// It lists too much.
    #[error("{0}")]
    OverLimit(String),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BELOW: &str = "s3://models/llm/";

    fn check(text: &str, expected: Result<&[&str], &str>) {
        let got = read(text.as_bytes(), BELOW, 3).map_err(|error| error.to_string());
        match expected {
            Ok(uris) => assert_eq!(got.unwrap(), uris, "{text}"),
            Err(part) => assert!(got.as_ref().is_err_and(|error| error.contains(part)), "{text}: {got:?}"),
        }
    }

    #[test]
    fn keys_are_appended_to_the_prefix() {
        check(
            r#"[{"prefix": "s3://models/llm/"}, "config.json", "weights/0.bin"]"#,
            Ok(&["s3://models/llm/config.json", "s3://models/llm/weights/0.bin"]),
        );
        // As in AWS's own example, the prefix is a text and no directory.
        check(r#"[{"prefix": "s3://models/llm/v1-"}, "weights"]"#, Ok(&["s3://models/llm/v1-weights"]));
        check(r#"[{"prefix": "s3://models/"}, "llm/a"]"#, Ok(&["s3://models/llm/a"]));
    }

    #[test]
    fn what_is_no_manifest_is_told_the_form() {
        for text in [
            "",
            "s3://models/llm/a,s3://models/llm/b",
            "{}",
            "[]",
            r#"["a"]"#,
            r#"[{"prefix": 1}, "a"]"#,
            r#"[{"prefix": "s3://models/llm/", "suffix": "x"}, "a"]"#,
            r#"[{"prefix": "s3://models/llm/"}, 1]"#,
            r#"[{"prefix": "s3://models/llm/"}, {"prefix": "s3://models/llm/"}]"#,
        ] {
            check(text, Err(r#"`[{"prefix": "s3://…"}, "relative/key", …]` is expected"#));
        }
        check(r#"[{"prefix": "s3://models/llm/"}]"#, Err("it lists no object"));
    }

    #[test]
    fn objects_elsewhere_are_refused() {
        for (prefix, key) in [
            ("s3://other/llm/", "a"),
            ("s3://models/", "secret"),
            ("s3://models/llm", "2/a"),
            ("s3://models/llm/", ""),
            ("file:///etc/", "passwd"),
            ("", "s3://models/other/a"),
        ] {
            let text = serde_json::json!([{ "prefix": prefix }, key]).to_string();
            check(&text, Err("does not lie below `s3://models/llm/`"));
        }
    }

    proptest! {
        /// Whatever the text: no panic, and nothing that lies elsewhere.
        #[test]
        fn nothing_outside_the_prefix_is_ever_listed(
            prefix in "(s3://models/|s3://models/llm/|s3://other/|)(llm/|\\.\\./)?",
            keys in proptest::collection::vec("(llm/|\\.\\./|a|/|s3://other/x){0,3}", 0..4),
            tail in "(\\]|,1\\]|)",
        ) {
            let mut text = serde_json::json!([{ "prefix": prefix }]).to_string();
            text.pop();
            for key in &keys {
                text.push_str(&format!(",{}", serde_json::json!(key)));
            }
            text.push_str(&tail);
            if let Ok(uris) = read(text.as_bytes(), BELOW, 3) {
                prop_assert_eq!(tail, "]");
                prop_assert_eq!(uris.len(), keys.len());
                prop_assert!(uris.iter().all(|uri| uri.starts_with(BELOW)));
            }
        }
    }

    #[test]
    fn more_objects_than_are_fetched_are_counted() {
        let text = serde_json::json!([{ "prefix": BELOW }, "a", "b", "c", "d"]).to_string();
        check(&text, Err("it lists 4 objects; at most 3 are fetched"));
    }
}
