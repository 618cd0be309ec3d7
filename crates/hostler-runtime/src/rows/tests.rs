//! Bodies well and badly written; numbers are held against Rust's own parser, JSON against serde_json.

use proptest::prelude::*;

use super::*;

const CSV: RequestFormat = RequestFormat::Csv { label_size: 0, charset: Charset::Utf8 };

fn read(format: RequestFormat, body: &[u8], width: usize) -> Result<Vec<Vec<f32>>, RowsError> {
    let mut rows = Vec::new();
    read_rows(format, body, width, |row| {
        rows.push(row.to_vec());
        Ok::<_, RowsError>(())
    })?;
    Ok(rows)
}

/// What the reader makes of a body for a model of two features: the rows, or the error's sentence.
fn check(format: RequestFormat, body: &str, expected: Result<&[[f32; 2]], &str>) {
    let actual = read(format, body.as_bytes(), 2).map_err(|error| error.to_string());
    let expected =
        expected.map(|rows| rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>()).map_err(str::to_owned);
    assert_eq!(actual, expected, "{body}");
}

fn csv_is(body: &str, rows: &[[f32; 2]]) {
    check(CSV, body, Ok(rows));
}

fn csv_fails(body: &str, message: &str) {
    check(CSV, body, Err(message));
}

fn json_is(body: &str, rows: &[[f32; 2]]) {
    check(RequestFormat::Json, body, Ok(rows));
}

fn json_fails(body: &str, message: &str) {
    check(RequestFormat::Json, body, Err(message));
}

#[test]
fn csv_rows_are_read_with_any_line_ends_padding_and_quotes() {
    csv_is("1,2", &[[1.0, 2.0]]);
    csv_is("1,2\n3,4\n", &[[1.0, 2.0], [3.0, 4.0]]);
    csv_is("1,2\r\n3,4\r\n", &[[1.0, 2.0], [3.0, 4.0]]);
    csv_is("1,2\r3,4\r", &[[1.0, 2.0], [3.0, 4.0]]);
    csv_is("1,2\n\n \n\r\n", &[[1.0, 2.0]]);
    csv_is(" 1 ,\t2 \n 3,4", &[[1.0, 2.0], [3.0, 4.0]]);
    csv_is("\"1\",\" 2 \"\n", &[[1.0, 2.0]]);
    csv_is("\u{FEFF}1,2\n", &[[1.0, 2.0]]);
    csv_is("-1.5e-3,+2\n.5,5.", &[[-0.0015, 2.0], [0.5, 5.0]]);
    csv_is("1e-60,-0", &[[0.0, -0.0]]);
}

#[test]
fn label_columns_are_dropped_whatever_they_hold() {
    let labels = |label_size| RequestFormat::Csv { label_size, charset: Charset::SingleByte };
    check(labels(1), "seven,1,2\n,3,4", Ok(&[[1.0, 2.0], [3.0, 4.0]]));
    check(labels(2), "\"a, \"\"b\"\"\nc\",x,1,2\n", Ok(&[[1.0, 2.0]]));
    let message = "row 1 has 2 columns, expected 3 (1 label columns, then 2 features)";
    check(labels(1), "1,2", Err(message));
    let latin1 = read(labels(1), b"caf\xe9,1,2", 2).unwrap();
    assert_eq!(latin1, [[1.0, 2.0]]);
}

#[test]
fn csv_mistakes_are_named_with_their_place() {
    csv_fails("", "the body is empty; at least one row of 2 numbers was expected");
    csv_fails(" \n\n", "the body is empty; at least one row of 2 numbers was expected");
    csv_fails("1\n", "row 1 has 1 columns, expected 2");
    csv_fails("1,2\n1,2,3,4,5\n", "row 2 has 5 columns, expected 2");
    csv_fails("1,2\n3\n", "row 2 has 1 columns, expected 2");
    csv_fails("1,2,\n", "row 1 has 3 columns, expected 2");
    csv_fails("1,2\n\n3,4", "row 2 is empty, expected 2 numbers");
    csv_fails("1,\n", "row 1, column 2 is empty, expected a number");
    csv_fails(",1\n", "row 1, column 1 is empty, expected a number");
    csv_fails("1,2\n3,\"\"", "row 2, column 2 is empty, expected a number");
    csv_fails("x1,x2\n1,2", "row 1, column 1: `x1` is not a number (a header line is not expected)");
    csv_fails("1,2\n1 2,3", "row 2, column 1: `1 2` is not a number");
    csv_fails("1,2\n3,4 5", "row 2, column 2: `4 5` is not a number");
    // Found by fuzzing: other readers take the quotes after a blank for content, and this for two rows.
    csv_fails("1,2\n3, \"\n4\"", "row 2, column 2: `\n4` is not a number");
    csv_fails("1,2\n3,4_000", "row 2, column 2: `4_000` is not a number");
    csv_fails("1,2\n0x10,4", "row 2, column 1: `0x10` is not a number");
    csv_fails("1,nan", "row 1, column 2: `nan` is not a finite 32-bit number");
    csv_fails("-inf,2", "row 1, column 1: `-inf` is not a finite 32-bit number");
    csv_fails("1e39,2", "row 1, column 1: `1e39` is not a finite 32-bit number");
    csv_fails("1,1e99999999999", "row 1, column 2: `1e99999999999` is not a finite 32-bit number");
    let long = format!("1,2\n3,{}", "z".repeat(10_000));
    csv_fails(&long, &format!("row 2, column 2: `{}...` is not a number", "z".repeat(40)));
    let error = read(CSV, b"1,2\n3,\xff", 2).unwrap_err();
    assert_eq!(error.to_string(), "byte 7 of the body is not UTF-8");
}

#[test]
fn every_form_of_a_json_instance_is_read() {
    let one = &[[1.0, 2.5]];
    json_is(r#"{"instances":[{"features":[1,2.5]}]}"#, one);
    json_is(r#"{"instances":[{"features":{"values":[1,2.5]}}]}"#, one);
    json_is(r#"{"instances":[{"data":{"features":{"values":[1,2.5]}}}]}"#, one);
    json_is(r#"{"instances":[{"data":{"features":[1,2.5]}}]}"#, one);
    json_is(r#"{"instances":[[1,2.5]]}"#, one);
    json_is(r#"{"instances":[{"features":{"shape":[1,2],"values":[1,2.5]}}]}"#, one);
    json_is(r#"{"instances":[{"features":{"keys":[1,0],"shape":[2],"values":[2.5,1]}}]}"#, one);
    json_is(r#"{"instances":[{"features":{"values":[2.5,1],"keys":[1,0]}}]}"#, one);
    json_is(r#"{"instances":[{"features":{"keys":[],"values":[1,2.5]}}]}"#, one);
    json_is(r#"{"instances":[{"features":{"keys":[1],"values":[3]}}]}"#, &[[0.0, 3.0]]);
    json_is(r#"{"instances":[{"features":{"keys":[],"shape":[2],"values":[]}}]}"#, &[[0.0, 0.0]]);
    json_is(r#"{"instances":[{"f\u0065atures":[1,2.5]}]}"#, one);
    json_is(
        r#" { "configuration" : {"a": [null, true, {"b": "\"}"}]} ,
            "instances" : [ { "label": "x", "features" : [ 1 , -2.5e1 ] } , { "features" : [ 0 , 4E+0 ] } ] } "#,
        &[[1.0, -25.0], [0.0, 4.0]],
    );
}

#[test]
fn json_mistakes_are_named_with_their_place() {
    let empty = "the body is empty; at least one row of 2 numbers was expected";
    json_fails("", empty);
    json_fails(" ", empty);
    json_fails(r#"{"instances":[]}"#, empty);
    json_fails("{}", "the JSON body has no `instances`; expected `{\"instances\": [{\"features\": [...]}]}`");
    json_fails("[[1,2]]", "byte 1 of the JSON body: expected an object with `instances`, found `[[1`");
    json_fails("1,2\n", "byte 1 of the JSON body: expected an object with `instances`, found `1`");
    json_fails(
        r#"{"instances":[{"values":[1,2]}]}"#,
        "row 1 has no `features`; expected `{\"features\": [...]}` or `{\"data\": {\"features\": {\"values\": [...]}}}`",
    );
    json_fails(
        r#"{"instances":[{"features":[1,2]}"#,
        "byte 33 of the JSON body: expected `,` or `]`, found the end of the body",
    );
    json_fails(
        r#"{"instances":[[1,2]]} x"#,
        "byte 23 of the JSON body: expected the end of the body, found `x`",
    );
    json_fails(r#"{"instances":[[1,2],[3]]}"#, "row 2 has 1 columns, expected 2");
    json_fails(r#"{"instances":[[1,2,3,4]]}"#, "row 1 has 4 columns, expected 2");
    json_fails(r#"{"instances":[[]]}"#, "row 1 has 0 columns, expected 2");
    json_fails(r#"{"instances":[[1,NaN]]}"#, "row 1, column 2: `NaN` is not a finite 32-bit number");
    json_fails(
        r#"{"instances":[[-Infinity,1]]}"#,
        "row 1, column 1: `-Infinity` is not a finite 32-bit number",
    );
    json_fails(r#"{"instances":[[1e39,1]]}"#, "row 1, column 1: `1e39` is not a finite 32-bit number");
    json_fails(r#"{"instances":[[1,null]]}"#, "row 1, column 2: `null` is not a number");
    json_fails(r#"{"instances":[[1,"2"]]}"#, "row 1, column 2: `\"2\"` is not a number");
    json_fails(r#"{"instances":[[1,2],[[1,2]]]}"#, "row 2, column 1: `[1` is not a number");
    json_fails(r#"{"instances":[[1,]]}"#, "row 1, column 2: `]` is not a number");
    json_fails(r#"{"instances":[[01,2]]}"#, "byte 17 of the JSON body: expected `,` or `]`, found `1`");
    json_fails(r#"{"instances":[[1.,2]]}"#, "row 1, column 1: `1.` is not a number");
    json_fails(
        r#"{"instances":[[1,"#,
        "byte 18 of the JSON body: expected a number, found the end of the body",
    );
    json_fails(
        r#"{"instances":[{"features":[1,2],"features":[1,2]}]}"#,
        "`features` is given twice in row 1",
    );
    json_fails(r#"{"instances":[[1,2]],"instances":[[1,2]]}"#, "`instances` is given twice");
    json_fails(
        "{\"inst\nances\":1}",
        "byte 7 of the JSON body: expected the end of a string, found a control character",
    );
    json_fails(
        r#"{"\x":1}"#,
        r#"byte 2 of the JSON body: expected a string with known escapes, found `"\x"`"#,
    );
}

#[test]
fn sparse_mistakes_are_named_with_their_row() {
    let sparse = |features: &str, message: &str| {
        json_fails(&format!(r#"{{"instances":[{{"features":{features}}}]}}"#), message);
    };
    sparse(r#"{"keys":[2],"values":[1]}"#, "row 1: key 2 is beyond the 2 features, which count from 0");
    sparse(r#"{"keys":[0,0],"values":[1,2]}"#, "row 1: key 0 is given twice");
    sparse(r#"{"keys":[0,0,1],"values":[1,2]}"#, "row 1: there are more keys than features (2)");
    sparse(r#"{"keys":[0],"values":[1,2]}"#, "row 1: 1 keys for 2 values");
    sparse(
        r#"{"keys":[0],"shape":[3],"values":[1]}"#,
        "row 1: `shape` does not agree with the width of the model (2)",
    );
    sparse(
        r#"{"keys":[0],"shape":[4294967296,4294967296],"values":[1]}"#,
        "row 1: `shape` does not agree with the width of the model (2)",
    );
    sparse(r#"{"keys":[-1],"values":[1]}"#, "byte 36 of the JSON body: expected a whole number, found `-1`");
    sparse(
        r#"{"keys":[0]}"#,
        "row 1 has no `features`; expected `{\"features\": [...]}` or `{\"data\": {\"features\": {\"values\": [...]}}}`",
    );
}

#[test]
fn json_lines_hold_one_instance_each_in_every_form() {
    let lines_are = |body: &str, rows: &[[f32; 2]]| check(RequestFormat::JsonLines, body, Ok(rows));
    lines_are(r#"{"features":[1,2]}"#, &[[1.0, 2.0]]);
    lines_are("\u{FEFF}[1,2]\r\n\t[3,4] \n\n \n", &[[1.0, 2.0], [3.0, 4.0]]);
    lines_are(
        concat!(
            r#"{"data":{"features":{"values":[1,2]}}}"#,
            "\n",
            r#"{"label": 3, "features":{"keys":[1],"shape":[2],"values":[4]}}"#,
            "\n",
            r#"{"features":{"values":[5,6]},"configuration":{"a":[]}}"#,
        ),
        &[[1.0, 2.0], [0.0, 4.0], [5.0, 6.0]],
    );
}

#[test]
fn mistakes_in_json_lines_are_named_with_their_place() {
    let lines_fail = |body: &str, message: &str| check(RequestFormat::JsonLines, body, Err(message));
    let empty = "the body is empty; at least one row of 2 numbers was expected";
    lines_fail("", empty);
    lines_fail("\r\n \n", empty);
    lines_fail("[1,2]\n\n[3,4]", "row 2 is empty, expected 2 numbers");
    lines_fail("[1,2]\n[3]", "row 2 has 1 columns, expected 2");
    lines_fail("[1,2]\n[3,nan]", "row 2, column 2: `nan` is not a finite 32-bit number");
    lines_fail("[1,2] [3,4]", "byte 7 of the JSON body: expected the end of the line, found `[3`");
    lines_fail("[1,2]\n[3,\n4]", "byte 10 of the JSON body: expected a number, found the end of the line");
    lines_fail(
        "{\"features\":[1,2]}\n{\"features",
        "byte 30 of the JSON body: expected the end of a string, found the end of the line",
    );
    lines_fail(
        r#"{"instances":[{"features":[1,2]}]}"#,
        "row 1 has no `features`; expected `{\"features\": [...]}` or `{\"data\": {\"features\": {\"values\": [...]}}}`",
    );
    let not_text = read(RequestFormat::JsonLines, b"[1,2]\n[\xff", 2).unwrap_err();
    assert_eq!(not_text.to_string(), "byte 8 of the body is not UTF-8");
}

#[test]
fn no_body_stands_for_more_values_than_its_format_allows() {
    let sparse_json = r#"{"features":{"keys":[],"shape":[1000],"values":[]}}"#;
    let most = |format, body: &str| values_max(format, body.as_bytes(), 1000);
    assert_eq!(most(CSV, "1,2,3,4\n"), 4);
    let json = format!(r#"{{"instances":[{sparse_json},{sparse_json}]}}"#);
    assert!((2_000..10_000).contains(&most(RequestFormat::Json, &json)));
    assert_eq!(most(RequestFormat::JsonLines, &format!("{sparse_json}\n{sparse_json}")), 2_000);
    assert_eq!(values_max(RequestFormat::RecordIo, b"\x0a\x23\xd7\xce\0\0\0\0", 1000), 1000);
}

#[test]
fn nesting_without_end_is_refused() {
    let body = format!("{{\"x\":{}", "[".repeat(1_000_000));
    let error = read(RequestFormat::Json, body.as_bytes(), 2).unwrap_err();
    assert!(error.to_string().contains("expected at most 64 levels of nesting"), "{error}");
}

#[test]
fn the_sink_ends_the_reading() {
    let mut rows = 0;
    let result = read_rows(CSV, b"1\n2\n3\n", 1, |_| {
        rows += 1;
        if rows == 2 { Err(RowsError::NoInstances) } else { Ok(()) }
    });
    assert_eq!(result, Err(RowsError::NoInstances));
    assert_eq!(rows, 2);
}

fn json_soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            " ",
            "\n",
            "\"instances\"",
            "\"features\"",
            "\"data\"",
            "\"values\"",
            "\"keys\"",
            "\"shape\"",
            "{\"instances\":[",
            "{\"features\":[",
            "{\"features\":{",
            "1",
            "-",
            "0",
            "2.5",
            "1e",
            "e9",
            "null",
            "true",
            "NaN",
            "é",
            "\\u00",
            "\u{1}",
        ])
        .prop_map(str::to_owned),
        any::<f32>().prop_map(|value| value.to_string()),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        body in prop::collection::vec(any::<u8>(), 0..200),
        width in 1_usize..5,
        label_size in prop_oneof![0_usize..3, Just(usize::MAX)],
    ) {
        for charset in [Charset::Utf8, Charset::SingleByte] {
            let _ = read(RequestFormat::Csv { label_size, charset }, &body, width);
        }
        let _ = read(RequestFormat::Json, &body, width);
        let _ = read(RequestFormat::JsonLines, &body, width);
    }

    #[test]
    fn csv_like_text_never_panics(body in "[0-9eE.,+\\-\n\r\t \"naif]{0,80}", width in 1_usize..4, label_size in 0_usize..3) {
        let _ = read(RequestFormat::Csv { label_size, charset: Charset::Utf8 }, body.as_bytes(), width);
    }

    #[test]
    fn json_like_text_never_panics_and_nothing_but_json_is_taken(body in json_soup(), width in 1_usize..4) {
        let is_read = read(RequestFormat::Json, body.as_bytes(), width).is_ok();
        if is_read {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok());
        }
    }

    #[test]
    fn lines_of_json_like_text_never_panic_and_each_is_taken_only_if_it_is_json(
        lines in prop::collection::vec(json_soup(), 1..4),
        width in 1_usize..4,
    ) {
        let body = lines.join("\n");
        if read(RequestFormat::JsonLines, body.as_bytes(), width).is_ok() {
            for line in body.trim_ascii_end().split('\n') {
                prop_assert!(serde_json::from_str::<serde_json::Value>(line).is_ok());
            }
        }
    }

    #[test]
    fn numbers_are_read_as_rust_reads_them(
        rows in prop::collection::vec(prop::array::uniform3(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO), 1..5),
        digits in 0_usize..12,
    ) {
        for form in [|value: f32, _| format!("{value}"), |value, _| format!("{value:e}"), |value, digits| format!("{value:.digits$}")] {
            let texts: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|value| form(*value, digits)).collect()).collect();
            let expected: Vec<Vec<f32>> = texts.iter().map(|row| row.iter().map(|text| text.parse().unwrap()).collect()).collect();
            let csv = texts.iter().map(|row| row.join(",")).collect::<Vec<_>>().join("\n");
            prop_assert_eq!(&read(CSV, csv.as_bytes(), 3).unwrap(), &expected);
            let lists: Vec<String> = texts.iter().map(|row| format!("[{}]", row.join(", "))).collect();
            let json = format!(r#"{{"instances": [{}]}}"#, lists.join(","));
            prop_assert_eq!(&read(RequestFormat::Json, json.as_bytes(), 3).unwrap(), &expected);
            let lines = lists.join("\r\n");
            prop_assert_eq!(&read(RequestFormat::JsonLines, lines.as_bytes(), 3).unwrap(), &expected);
        }
    }
}
