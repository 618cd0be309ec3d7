//! The container contract: what each path answers, and each mistake.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use crate::client::{Client, Reply};
use crate::program::{EXAMPLE, Program};

const CSV: &str = "Content-Type: text/csv\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

fn example(name: &str) -> String {
    fs::read_to_string(Path::new(EXAMPLE).join(name)).unwrap()
}

fn ones() -> String {
    ["1"; 64].join(",")
}

/// The cluster and distance of each line of a CSV answer.
fn predictions(csv: &str) -> Vec<(f64, f64)> {
    let number = |text: &str| text.parse::<f64>().unwrap();
    let pair = |line: &str| line.split_once(',').map(|(a, b)| (number(a), number(b))).unwrap();
    csv.lines().map(pair).collect()
}

#[test]
fn ping_and_execution_parameters_answer_as_batch_transform_expects() {
    let program = Program::start(&["--workers", "3", "--max-payload-bytes", "6291456"]);
    let mut client = Client::connect(program.address);
    let ping = client.get("/ping");
    assert_eq!((ping.status, ping.body.as_str()), (200, r#"{"status":"Healthy"}"#));
    assert_eq!(client.get("/ping?from=prober").status, 200);
    client.send("HEAD /ping HTTP/1.1\r\nHost: model\r\n\r\n");
    assert_eq!(client.reply(false).status, 200);
    let parameters = client.get("/execution-parameters");
    assert_eq!(parameters.status, 200);
    assert_eq!(parameters.header("content-type"), Some("application/json"));
    assert_eq!(
        parameters.body,
        r#"{"MaxConcurrentTransforms":3,"BatchStrategy":"MULTI_RECORD","MaxPayloadInMB":6}"#
    );
}

#[test]
fn rows_get_the_answers_of_scikit_learn_in_the_format_that_was_asked_for() {
    let program = Program::start(&[]);
    let mut client = Client::connect(program.address);
    let rows = example("rows.csv");
    let reply = client.invoke("Content-Type: text/csv\r\nAccept: text/csv\r\n", &rows);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/csv")));
    let expected = predictions(&example("all-expected.csv"));
    let got = predictions(&reply.body);
    assert_eq!(got.len(), rows.lines().count());
    for ((cluster, distance), (expected_cluster, expected_distance)) in got.iter().zip(expected) {
        assert!((cluster - expected_cluster).abs() < f64::EPSILON);
        assert!((distance - expected_distance).abs() < 1e-5);
    }

    let of_csv = client.invoke(CSV, &ones());
    assert_eq!(of_csv.status, 200);
    assert_eq!(of_csv.header("content-type"), Some("application/json"));
    let body = format!(r#"{{"instances": [{{"features": [{}]}}]}}"#, ones());
    let of_json = client.invoke(JSON, &body);
    assert_eq!(of_json.body, of_csv.body);
    let with_label = client.invoke("Content-Type: text/csv; label_size=1\r\n", &format!("7,{}", ones()));
    assert_eq!(with_label.body, of_csv.body);
    let answer: serde_json::Value = serde_json::from_str(&of_csv.body).unwrap();
    assert!(answer["predictions"][0]["closest_cluster"].is_f64());
}

/// The request is what the SageMaker SDK's serializer made of the example's rows.
#[test]
fn recordio_of_the_sdk_is_answered_like_csv_in_recordio_and_json_lines() {
    const RECORD_IO: &str = "application/x-recordio-protobuf";
    let program = Program::start(&[]);
    let mut client = Client::connect(program.address);
    let rows = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordio/digits.bin")).unwrap();
    let csv = client.invoke("Content-Type: text/csv\r\nAccept: text/csv\r\n", &example("rows.csv"));
    let expected = predictions(&csv.body);

    let headers = format!("Content-Type: {RECORD_IO}\r\nAccept: {RECORD_IO}\r\n");
    let (reply, body) = client.invoke_bytes(&headers, &rows);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some(RECORD_IO)));
    // Frames of one size, the cluster's float and the distance's at fixed places: see tests/recordio/answer.bin.
    let float =
        |frame: &[u8], at: usize| f64::from(f32::from_le_bytes(frame[at..at + 4].try_into().unwrap()));
    let found: Vec<_> = body.chunks(72).map(|frame| (float(frame, 33), float(frame, 66))).collect();
    assert_eq!(found, expected);

    let headers = format!("Content-Type: {RECORD_IO}\r\nAccept: application/jsonlines\r\n");
    let (reply, body) = client.invoke_bytes(&headers, &rows);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/jsonlines")));
    // What reads JSON here may miss the last of 64 bits, so numbers are compared as the floats they are of.
    let number = |line: &serde_json::Value, member: &str| line[member].as_f64().unwrap() as f32;
    let lines = String::from_utf8(body).unwrap();
    let found: Vec<_> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .map(|line| (number(&line, "closest_cluster"), number(&line, "distance_to_cluster")))
        .collect();
    let expected: Vec<_> =
        expected.into_iter().map(|(cluster, distance)| (cluster as f32, distance as f32)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_big_batch_is_answered_whole() {
    let program = Program::start(&[]);
    let mut client = Client::connect(program.address);
    let rows = example("all-rows.csv").repeat(10);
    let reply = client.invoke("Content-Type: text/csv\r\nAccept: text/csv\r\n", &rows);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body.lines().count(), 17_970);
    let (first, _) = reply.body.split_at(reply.body.len() / 10);
    assert_eq!(reply.body, first.repeat(10));
}

#[test]
fn mistakes_get_a_status_and_a_sentence() {
    let program = Program::start(&["--max-payload-bytes", "100000"]);
    let row = ones();
    let accept_png = format!("{CSV}Accept: image/png\r\n");
    let huge = "1,".repeat(60_000);
    let cases: [(&str, &str, u16, &str); 15] = [
        (CSV, "1,2,3", 400, "row 1 has 3 columns, expected 64"),
        (CSV, "", 400, "the body is empty; at least one row of 64 numbers was expected"),
        (CSV, "a,b", 400, "row 1, column 1: `a` is not a number (a header line is not expected)"),
        (CSV, "1,nan", 400, "row 1, column 2: `nan` is not a finite 32-bit number"),
        (
            JSON,
            "{",
            400,
            "byte 2 of the JSON body: expected a member name in double quotes, found the end of the body",
        ),
        (JSON, &row, 400, "byte 1 of the JSON body: expected an object with `instances`, found `1`"),
        (
            "",
            &row,
            415,
            "a request without a content type cannot be read by this model; \
             it reads text/csv (optional parameters label_size and charset), application/json, \
             application/jsonlines and application/x-recordio-protobuf",
        ),
        (
            "Content-Type: application/x-recordio\r\n",
            &row,
            415,
            "content type `application/x-recordio` cannot be read by this model; \
             it reads text/csv (optional parameters label_size and charset), application/json, \
             application/jsonlines and application/x-recordio-protobuf",
        ),
        (
            "Content-Type: application/x-recordio-protobuf\r\n",
            &row,
            400,
            "byte 1 of the RecordIO body: expected a frame's magic number 0xced7230a, found 0x2c312c31",
        ),
        ("Content-Type: application/jsonlines\r\n", "[1]\n", 400, "row 1 has 1 columns, expected 64"),
        (
            "Content-Type: application/x-recordio-protobuf\r\n",
            "",
            400,
            "the body is empty; at least one row of 64 numbers was expected",
        ),
        (
            "Content-Type: text/csv\u{e9}\r\n",
            &row,
            415,
            "content type `a header that is not ASCII` cannot be read by this model; \
             it reads text/csv (optional parameters label_size and charset), application/json, \
             application/jsonlines and application/x-recordio-protobuf",
        ),
        (
            "Content-Type: text/csv; label_size=one\r\n",
            &row,
            400,
            "`label_size=one` in the content type is not a whole number",
        ),
        (
            &accept_png,
            &row,
            406,
            "`Accept: image/png` names nothing this model can write; it writes application/json, text/csv, \
             application/jsonlines and application/x-recordio-protobuf",
        ),
        (CSV, &huge, 413, "the request body is larger than the 100000 bytes this model takes"),
    ];
    for (headers, body, status, message) in cases {
        // A refused body may cost the connection, so each mistake has its own.
        let reply = Client::connect(program.address).invoke(headers, body);
        assert_eq!((reply.status, reply.body.as_str()), (status, message));
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}

#[test]
fn other_paths_and_methods_are_refused() {
    let program = Program::start(&[]);
    let mut client = Client::connect(program.address);
    let mut ask = |line: &str| -> Reply {
        client.send(&format!("{line} HTTP/1.1\r\nHost: model\r\n\r\n"));
        client.reply(true)
    };
    let reply = ask("GET /");
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.body,
        "no path `/` here; there are GET /ping, POST /invocations and GET /execution-parameters"
    );
    for path in ["/models", "/ping/", "/invocations/x", "/.."] {
        assert_eq!(ask(&format!("GET {path}")).status, 404, "{path}");
    }
    let reply = ask("GET /invocations");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
    assert_eq!(reply.body, "GET is not answered on this path; it takes POST");
    let reply = ask("DELETE /ping");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(ask("PUT /execution-parameters").status, 405);
}

#[test]
fn what_is_not_http_gets_400() {
    let program = Program::start(&[]);
    let mut client = Client::connect(program.address);
    client.send("hello\r\n\r\n");
    assert_eq!(client.reply(true).status, 400);
    assert_eq!(Client::connect(program.address).get("/ping").status, 200);
}

#[test]
fn connections_are_kept_and_many_are_served_at_once() {
    let program = Program::start(&["--workers", "2"]);
    let address: SocketAddr = program.address;
    let rows = example("rows.csv");
    let expected: Vec<_> = rows.lines().map(|row| Client::connect(address).invoke(CSV, row).body).collect();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                for (row, expected) in rows.lines().zip(&expected).cycle().take(200) {
                    assert_eq!(&client.invoke(CSV, row).body, expected);
                }
            });
        }
    });
}
