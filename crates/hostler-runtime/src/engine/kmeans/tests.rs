//! Answers held against the real service and scikit-learn, and models that cannot be loaded.

#![expect(clippy::excessive_precision, reason = "numbers stand as their sources print them")]

use std::fs;

use super::*;
use crate::media::AnswerFormat;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/kmeans-digits");

fn example(name: &str) -> String {
    fs::read_to_string(Path::new(EXAMPLE).join(name)).unwrap()
}

/// A model file around these centres, by the format's description.
pub(crate) fn model_file(width: usize, centres: &[f32]) -> Vec<u8> {
    let clusters = (centres.len() / width) as u64;
    let mut file = Vec::new();
    for number in [0x112, 0, 1_u64] {
        file.extend(number.to_le_bytes());
    }
    for number in [0xF993_FAC9, 0, 2_u32] {
        file.extend(number.to_le_bytes());
    }
    for number in [clusters, width as u64] {
        file.extend(number.to_le_bytes());
    }
    for number in [1, 0, 0_u32] {
        file.extend(number.to_le_bytes());
    }
    file.extend(centres.iter().flat_map(|value| value.to_le_bytes()));
    file.extend(0_u64.to_le_bytes());
    file
}

fn model(width: usize, centres: &[f32]) -> KMeans {
    KMeans::from_file(Path::new("model_algo-1"), &model_file(width, centres)).unwrap()
}

fn invoke(
    model: &KMeans,
    content_type: &str,
    accept: Option<&str>,
    body: &str,
) -> Result<String, EngineError> {
    let answer =
        model.invoke(&InvokeInput { content_type: Some(content_type), accept, body: body.as_bytes() })?;
    Ok(String::from_utf8(answer.body.to_vec()).unwrap())
}

/// Centre 3 and the row are those of a public notebook that ran on the real service, which answered cluster
/// 3.0 and distance 0.27046188712. The notebook shows the row with six decimals only, which moves the
/// distance by up to 1.1e-6. The other centres are far away.
#[test]
fn the_answer_is_that_of_the_real_service() {
    let mut centres = vec![9.0; 3 * 7];
    centres.extend([
        -0.162926733,
        0.045313466,
        -0.300800741,
        0.072573900,
        -0.0414044,
        0.059064433,
        0.000824726,
    ]);
    let row = "-0.060274,0.160527,-0.088356,0.120480,-0.010824,0.040452,0.025895";
    let csv = invoke(&model(7, &centres), "text/csv", Some("text/csv"), row).unwrap();
    let (cluster, distance) = csv.trim_end().split_once(',').unwrap();
    assert_eq!(cluster, "3.0");
    let distance: f64 = distance.parse().unwrap();
    assert!((distance - 0.27046188712).abs() < 1.1e-6, "{distance}");
}

#[test]
fn distances_are_printed_with_every_digit_of_their_32_bits() {
    let predictions = [(3, 0.27046188712), (10, 3.0), (0, 0.0)];
    let json = String::from_utf8(answer::write(&predictions, AnswerFormat::Json)).unwrap();
    assert_eq!(
        json,
        "{\"predictions\": [\
            {\"closest_cluster\": 3.0, \"distance_to_cluster\": 0.27046188712120056}, \
            {\"closest_cluster\": 10.0, \"distance_to_cluster\": 3.0}, \
            {\"closest_cluster\": 0.0, \"distance_to_cluster\": 0.0}]}"
    );
    let csv = String::from_utf8(answer::write(&predictions, AnswerFormat::Csv)).unwrap();
    assert_eq!(csv, "3.0,0.27046188712120056\n10.0,3.0\n0.0,0.0\n");
    let lines = String::from_utf8(answer::write(&predictions, AnswerFormat::JsonLines)).unwrap();
    assert_eq!(
        lines,
        "{\"distance_to_cluster\": 0.27046188712120056, \"closest_cluster\": 3.0}\n\
         {\"distance_to_cluster\": 3.0, \"closest_cluster\": 10.0}\n\
         {\"distance_to_cluster\": 0.0, \"closest_cluster\": 0.0}\n"
    );
    // Written by the SDK's own record_pb2 from the same numbers.
    assert_eq!(answer::write(&predictions, AnswerFormat::RecordIo), recordio("answer.bin"));
}

#[test]
fn every_digit_gets_the_cluster_and_distance_that_scikit_learn_gives() {
    let model = KMeans::load(Path::new(EXAMPLE)).unwrap();
    let answer = invoke(&model, "text/csv", Some("text/csv"), &example("all-rows.csv")).unwrap();
    let expected = example("all-expected.csv");
    assert_eq!(answer.lines().count(), 1_797);
    assert_eq!(expected.lines().count(), 1_797);
    for (line, expected) in answer.lines().zip(expected.lines()) {
        let (cluster, distance) = line.split_once(',').unwrap();
        let (expected_cluster, expected_distance) = expected.split_once(',').unwrap();
        assert_eq!(cluster, format!("{expected_cluster}.0"));
        let difference = distance.parse::<f64>().unwrap() - expected_distance.parse::<f64>().unwrap();
        assert!(difference.abs() < 1e-5, "{line} {expected}");
    }
}

#[test]
fn json_and_csv_requests_get_the_same_answer() {
    let model = KMeans::load(Path::new(EXAMPLE)).unwrap();
    let rows = example("rows.csv");
    let instances: Vec<_> = rows.lines().map(|row| format!(r#"{{"features": [{row}]}}"#)).collect();
    let json = format!(r#"{{"instances": [{}]}}"#, instances.join(", "));
    let of_csv = invoke(&model, "text/csv", None, &rows).unwrap();
    let of_json = invoke(&model, "application/json", None, &json).unwrap();
    assert_eq!(of_csv, of_json);

    let answer: serde_json::Value = serde_json::from_str(&of_csv).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&example("expected.json")).unwrap();
    let numbers = |value: &serde_json::Value, member: &str| -> Vec<f64> {
        let predictions = value["predictions"].as_array().unwrap();
        predictions.iter().map(|prediction| prediction[member].as_f64().unwrap()).collect()
    };
    assert_eq!(numbers(&answer, "closest_cluster"), numbers(&expected, "closest_cluster"));
    let distances = numbers(&answer, "distance_to_cluster");
    for (distance, expected) in distances.iter().zip(numbers(&expected, "distance_to_cluster")) {
        assert!((distance - expected).abs() < 1e-5);
    }
}

fn recordio(name: &str) -> Vec<u8> {
    fs::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordio")).join(name)).unwrap()
}

#[test]
fn requests_of_every_format_get_the_same_answer_in_every_format() {
    let model = KMeans::load(Path::new(EXAMPLE)).unwrap();
    let rows = example("rows.csv");
    let lines: Vec<_> = rows.lines().map(|row| format!("{{\"features\": [{row}]}}\n")).collect();
    let lines = lines.concat();
    // Made by the SDK's serializer from the same rows.
    let of_sdk = recordio("digits.bin");
    for accept in ["application/json", "application/jsonlines", "text/csv", "application/x-recordio-protobuf"]
    {
        let answer = |content_type, body| {
            let input = InvokeInput { content_type: Some(content_type), accept: Some(accept), body };
            let answer = model.invoke(&input).unwrap();
            assert_eq!(answer.content_type, accept);
            answer.body
        };
        let of_csv = answer("text/csv", rows.as_bytes());
        assert_eq!(answer("application/jsonlines", lines.as_bytes()), of_csv);
        assert_eq!(answer("application/x-recordio-protobuf", &of_sdk), of_csv);
    }
}

#[test]
fn distances_of_any_size_are_right() {
    let of = |centres: &[f32], row: &str| invoke(&model(1, centres), "text/csv", Some("text/csv"), row);
    assert_eq!(of(&[1.0, 4.0], "4").unwrap(), "1.0,0.0\n");
    assert_eq!(of(&[1.0, 1.0], "4").unwrap(), "0.0,3.0\n");
    // Their squares do not fit 32 bits, the distances do; numpy.float64(numpy.float32(1e30)) and so on.
    assert_eq!(of(&[-2e30, 0.0], "1e30").unwrap(), "1.0,1.0000000150474662e+30\n");
    assert_eq!(of(&[3e-30, 1e-30], "0").unwrap(), "1.0,1.0000000031710769e-30\n");
    let too_far = of(&[-3e38], "1\n3e38").unwrap_err();
    assert_eq!(too_far.status(), 400);
    assert_eq!(
        too_far.to_string(),
        "row 2 is so far from every cluster that the distance does not fit a 32-bit float"
    );
}

#[test]
fn a_width_that_is_no_multiple_of_a_block_is_served() {
    for width in 1..70 {
        let mut centres = vec![1.0; width];
        centres.extend(vec![3.0; width]);
        let row = vec!["4"; width].join(",");
        let answer = invoke(&model(width, &centres), "text/csv", Some("text/csv"), &row).unwrap();
        let (cluster, distance) = answer.trim_end().split_once(',').unwrap();
        assert_eq!(cluster, "1.0", "width {width}");
        let expected = (width as f64).sqrt() as f32;
        assert_eq!(distance.parse(), Ok(f64::from(expected)), "width {width}");
    }
}

#[test]
fn more_rows_than_the_limit_are_refused() {
    let error = invoke(&model(1, &[0.0]), "text/csv", None, &"1\n".repeat(ROWS_MAX + 1)).unwrap_err();
    assert_eq!(error.status(), 413);
    assert_eq!(error.to_string(), "the request holds more than 1000000 rows; send them in several requests");
}

#[test]
fn accept_and_content_type_are_checked_before_the_body() {
    let model = model(1, &[0.0]);
    let status = |content_type, accept| invoke(&model, content_type, accept, "").unwrap_err().status();
    assert_eq!(status("text/csv", Some("image/png")), 406);
    assert_eq!(status("image/png", None), 415);
    assert_eq!(status("text/csv", None), 400);
}

#[test]
fn only_short_work_stays_on_the_threads_that_answer_pings() {
    let model = KMeans::load(Path::new(EXAMPLE)).unwrap();
    let takes_long = |content_type, body: &str| {
        model.may_take_long(&InvokeInput {
            content_type: Some(content_type),
            accept: None,
            body: body.as_bytes(),
        })
    };
    let one_row = example("rows.csv").lines().next().unwrap().to_owned();
    assert!(!takes_long("text/csv", &one_row));
    assert!(!takes_long("application/json", &one_row));
    assert!(takes_long("text/csv", &example("all-rows.csv")));
    assert!(takes_long("application/json", &" ".repeat(SHORT_BODY_BYTES_MAX + 1)));
}

fn dir_with(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

/// Every cause on one line, as the program prints it.
fn load_error(dir: &Path) -> String {
    let error = KMeans::load(dir).unwrap_err();
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    let message = error.to_string() + &cause.unwrap_or_default();
    message.replace(&dir.display().to_string(), "DIR")
}

#[test]
fn the_model_is_found_among_what_training_leaves_behind() {
    let model = model_file(1, &[0.0]);
    let files: &[(&str, &[u8])] =
        &[("model_algo-7", &model), ("state_01ab", b"x"), (".hidden", b"x"), ("._model_algo-1", b"x")];
    let dir = dir_with(files);
    fs::create_dir(dir.path().join("model_algo-dir")).unwrap();
    assert_eq!(KMeans::load(dir.path()).unwrap().describe(), "kmeans, 1 clusters of 1 features");
    assert_eq!(crate::sniff(dir.path()), Some(EngineKind::KMeans));
}

#[test]
fn a_directory_without_one_model_is_refused_with_what_was_found() {
    let none = dir_with(&[("model.joblib", b"x"), ("code.py", b"x")]);
    assert_eq!(
        load_error(none.path()),
        "no `model_algo-*` in the model directory `DIR` (found: `code.py`, `model.joblib`)"
    );
    let empty = dir_with(&[]);
    assert_eq!(load_error(empty.path()), "no `model_algo-*` in the model directory `DIR` (found: nothing)");
    let two = dir_with(&[("model_algo-1", b"x"), ("model_algo-2", b"x")]);
    assert_eq!(
        load_error(two.path()),
        "several `model_algo-*` in the model directory `DIR`, one was expected: `model_algo-1`, `model_algo-2`"
    );
    let missing = empty.path().join("missing");
    let message = load_error(&missing);
    assert!(message.starts_with("the model directory `DIR` could not be read: No such file"), "{message}");
    for dir in [none.path(), empty.path(), two.path(), &missing] {
        assert_eq!(crate::sniff(dir), None);
    }
}

#[test]
fn a_file_that_is_no_kmeans_model_is_refused_with_the_reason() {
    let good = model_file(2, &[1.0, 2.0]);
    let mut three_dimensional = good.clone();
    three_dimensional[32] = 1;
    let mut of_integers = good.clone();
    of_integers[60] = 4;
    let named = [&good[..good.len() - 8], &1_u64.to_le_bytes(), &1_u64.to_le_bytes(), b"v"].concat();
    let two_arrays = {
        let array = &good[24..good.len() - 8];
        [&good[..16], &2_u64.to_le_bytes(), array, array, &0_u64.to_le_bytes()].concat()
    };
    let cases: [(&[u8], &str); 9] = [
        (
            &good[..good.len() - 9],
            "is not an MXNet NDArray list: byte 64: array 0 of shape [1, 2] needs more than",
        ),
        (b"PK\x03\x04 and so on", "is not an MXNet NDArray list: the file starts with"),
        (b"", "is not an MXNet NDArray list: the file ends at byte 0, inside the list header"),
        (&three_dimensional, "is not"),
        (&of_integers, "is not a kmeans model: its values are I32, not 32-bit floats"),
        (&named, "is not a kmeans model: its array is named `v`"),
        (&two_arrays, "is not a kmeans model: it holds 2 arrays, not one"),
        (&model_file(2, &[]), "is not a kmeans model: it holds 0 clusters of 2 features"),
        (&model_file(2, &[1.0, 2.0, 3.0, f32::NAN]), "is not a kmeans model: feature 1 of cluster 1 is NaN"),
    ];
    for (file, expected) in cases {
        let dir = dir_with(&[("model_algo-1", file)]);
        let message = load_error(dir.path());
        assert!(message.starts_with("the model file `DIR/model_algo-1` "), "{message}");
        assert!(message.contains(expected), "{message}");
        assert_eq!(crate::sniff(dir.path()), None);
    }
}
