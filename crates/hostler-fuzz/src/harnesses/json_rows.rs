//! JSON bodies and JSON lines.
//!
//! Held against: `serde_json` reading the same text into a tree, where it can: it refuses numbers beyond 64-bit floats
//! in members that ours steps over.

use hostler_runtime::door::{read_rows, values_max};
use serde_json::Value;

use crate::bounds::{times, within};
use crate::generate::Source;
use crate::harness::Harness;

const JSON: &str = "application/json";
const LINES: &str = "application/jsonlines";
const WIDTH: usize = 3;

const WORDS: &[&[u8]] = &[
    b"{\"instances\":[",
    b"{\"features\":[1,2,3]}",
    b"{\"data\":{\"features\":",
    b"\"values\":[",
    b"\"keys\":[",
    b"\"shape\":[3]",
    b"\n",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b"\"\\ud83d\\ude00\":",
    b"\"\\",
    b"1e400",
    b"-0.0",
    b"null",
    b"\xef\xbb\xbf",
    b"\"",
];

pub(crate) const HARNESS: Harness = Harness {
    name: "json_rows",
    about: "JSON bodies; rows as serde_json's tree has them",
    run: |data| run(JSON, data, instances),
    generate: |source| generate(source, false),
    words: WORDS,
};

pub(crate) const LINES_HARNESS: Harness = Harness {
    name: "json_lines",
    about: "JSON lines; rows as serde_json's trees have them",
    run: |data| {
        run(LINES, data, |text| {
            text.trim_ascii_end().lines().map(|line| serde_json::from_str(line).ok()).collect()
        });
    },
    generate: |source| generate(source, true),
    words: WORDS,
};

fn run(content_type: &str, data: &[u8], trees: fn(&str) -> Option<Vec<Value>>) {
    let mut rows: Vec<f32> = Vec::with_capacity(data.len() * WIDTH);
    let read = within(times(8, data), || {
        read_rows(Some(content_type), data, WIDTH, &mut |row| {
            assert!(row.len() == WIDTH && row.iter().all(|value| value.is_finite()));
            rows.extend_from_slice(row);
        })
    });
    let most = values_max(Some(content_type), data, WIDTH).expect("the type is known");
    assert!(rows.len() <= most, "{} values, {most} at most were expected", rows.len());
    let text = std::str::from_utf8(data).map(|text| text.strip_prefix('\u{FEFF}').unwrap_or(text));
    match (read, text) {
        (Ok(()), Ok(text)) => {
            if let Some(trees) = trees(text) {
                let expected: Option<Vec<Vec<f32>>> = trees.iter().map(row).collect();
                let expected = expected.unwrap_or_else(|| panic!("accepted: {text}"));
                assert!(is_near(&rows, &expected.concat()), "{rows:?} is not {expected:?}");
            }
        }
        (Ok(()), Err(_)) => panic!("text that is not UTF-8 was accepted"),
        (Err(error), _) => assert!(error.to_string().len() < 800, "{error}"),
    }
}

/// The last of several `instances` is not there: ours refuses them.
fn instances(text: &str) -> Option<Vec<Value>> {
    let mut tree: Value = serde_json::from_str(text).ok()?;
    Some(tree.get_mut("instances")?.as_array_mut()?.drain(..).collect())
}

/// The row of one instance; none when it has none.
fn row(instance: &Value) -> Option<Vec<f32>> {
    if instance.is_array() {
        return numbers(instance);
    }
    let features = instance.get("features").or_else(|| instance.get("data")?.get("features"))?;
    if features.is_array() {
        return numbers(features);
    }
    let values = numbers(features.get("values")?)?;
    let Some(keys) = features.get("keys") else { return Some(values) };
    let mut row = vec![0.0; WIDTH];
    for (key, value) in keys.as_array()?.iter().zip(values) {
        *row.get_mut(usize::try_from(key.as_u64()?).ok()?)? = value;
    }
    Some(row)
}

fn numbers(list: &Value) -> Option<Vec<f32>> {
    list.as_array()?.iter().map(|number| number.as_f64().map(|number| number as f32)).collect()
}

/// serde_json rounds twice, to 64 bits and then to 32: the last bit may differ.
fn is_near(rows: &[f32], expected: &[f32]) -> bool {
    let is_near = |(a, b): (&f32, &f32)| (a.next_down()..=a.next_up()).contains(b);
    rows.len() == expected.len() && rows.iter().zip(expected).all(is_near)
}

fn generate(source: &mut Source, is_lines: bool) -> Vec<u8> {
    let mut instances = Vec::new();
    for _ in 0..source.size(200) {
        instances.push(instance(source));
    }
    let text = if is_lines {
        instances.join("\n")
    } else {
        format!("{{\"instances\": [{}]}}", instances.join(", "))
    };
    if source.one_in(2) { source.mutated(text.as_bytes(), &[], WORDS) } else { text.into_bytes() }
}

fn instance(source: &mut Source) -> String {
    let number =
        |source: &mut Source| source.pick(&["1", "-2.5", "1e-3", "0", "3.4e38", "16777217.0", "1E+2"]);
    let list = [number(source), number(source), number(source)].join(", ");
    let deep = source.size(80);
    match source.below(7) {
        0 => format!("[{list}]"),
        1 => format!("{{\"features\": [{list}]}}"),
        2 => format!("{{\"data\": {{\"features\": {{\"values\": [{list}]}}}}}}"),
        3 => format!("{{\"features\": {{\"values\": [{}], \"keys\": [2], \"shape\": [3]}}}}", number(source)),
        4 => "{\"features\": {\"keys\": [], \"shape\": [1, 3], \"values\": []}}".to_owned(),
        5 => format!("{{\"x\": {}{}, \"features\": [{list}]}}", "[".repeat(deep), "]".repeat(deep)),
        _ => format!("{{\"label\": \"\\u00e9\\\"\", \"features\": [{list}], \"y\": {{\"z\": null}}}}"),
    }
}
