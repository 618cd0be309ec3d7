//! Answers as they were asked for.

use std::io::{BufRead, Read, Write};

use crate::client::{Answer, Model, read_chunk, send};

const ATTRIBUTES: &str = "X-Amzn-SageMaker-Custom-Attributes";

#[test]
fn without_commands_it_is_an_echo() {
    let model = Model::start(&[]);
    let answer = model.invoke(&[("Content-Type", "text/csv"), ("Accept", "*/*")], "1,2");
    assert_eq!((answer.status, answer.text()), (200, "1,2"));
    assert_eq!(answer.header("content-type"), Some("text/csv"));
    let answer = model.invoke(&[("Content-Type", "text/csv"), ("Accept", "application/x-own")], "1,2");
    assert_eq!(answer.header("content-type"), Some("application/x-own"));
}

#[test]
fn a_request_in_chunks_is_read_and_one_that_waits_is_told_to_go_on() {
    let model = Model::start(&[]);
    let mut connection = model.connect();
    let head = "POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
    connection.get_mut().write_all(head.as_bytes()).unwrap();
    assert_eq!(Answer::read_head(&mut connection).unwrap().status, 100);
    connection.get_mut().write_all(b"3\r\none\r\n4;x=y\r\n two\r\n0\r\nTrailer: t\r\n\r\n").unwrap();
    assert_eq!(Answer::read(&mut connection).unwrap().text(), "one two");
}

#[test]
fn status_body_type_headers_and_attributes_are_as_asked() {
    let model = Model::start(&[]);
    let commands =
        "test: status=503; body=melted; content_type=text/x; header=Retry-After: 7; attributes=a=1";
    let answer = model.invoke(&[(ATTRIBUTES, commands)], "rows");
    assert_eq!((answer.status, answer.text()), (503, "melted"));
    assert_eq!(answer.header("content-type"), Some("text/x"));
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(answer.header("x-amzn-sagemaker-custom-attributes"), Some("a=1"));
}

#[test]
fn a_command_that_does_not_exist_is_refused_by_name() {
    let model = Model::start(&[]);
    let answer = model.invoke(&[("X-Test-Dely-Ms", "1")], "");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("`dely_ms`"), "{}", answer.text());
}

#[test]
fn a_variable_holds_for_every_invocation_and_a_request_wins_over_it() {
    let model = Model::start(&[("TEST_ANSWER", "status=418; body=tea")]);
    assert_eq!(model.invoke(&[], "x").text(), "tea");
    let answer = model.invoke(&[], r#"{"test": {"status": 200, "repeat": 2}, "body": "pot"}"#);
    assert_eq!((answer.status, answer.text()), (200, "teatea"), "the variable's body stays");
}

#[test]
fn it_tells_what_it_sees_and_who_it_is() {
    let model = Model::start(&[("GIVEN", "yes")]);
    let all = model.invoke(&[("X-Test-Tell", "all"), ("X-Own", "h")], "rows").json();
    assert_eq!(all["body"], "rows");
    assert_eq!(all["path"], "/invocations");
    assert_eq!(all["headers"]["x-own"], "h");
    assert_eq!(all["environment"], serde_json::json!({ "GIVEN": "yes" }), "the whole environment");
    assert_eq!(all["model_dir"], "/nowhere");
    assert_eq!((&all["invocations"], &all["in_flight"]), (&1.into(), &1.into()));
    let pid = model.invoke(&[("X-Test-Tell", "pid")], "").json();
    assert_eq!(pid, serde_json::json!({ "pid": model.child.id() }));
}

#[test]
fn a_large_answer_is_whole() {
    let model = Model::start(&[]);
    let answer = model.invoke(&[("X-Test-Repeat", "500001")], "0123456789abcdef");
    assert_eq!(answer.body, b"0123456789abcdef".repeat(500_001));
}

#[test]
fn chunks_come_one_by_one_with_the_connection_usable_after_them() {
    let model = Model::start(&[]);
    let mut connection = model.connect();
    for _ in 0..2 {
        send(&mut connection, &[("X-Test-Chunks", "3"), ("X-Test-Pause-Ms", "1")], "piece");
        let head = Answer::read_head(&mut connection).unwrap();
        assert_eq!(head.header("transfer-encoding"), Some("chunked"));
        let mut chunks = Vec::new();
        while let Some(chunk) = read_chunk(&mut connection).unwrap() {
            chunks.push(chunk);
        }
        assert_eq!(chunks, [b"piece"; 3]);
    }
}

#[test]
fn an_event_stream_is_a_chunk_per_event() {
    let model = Model::start(&[]);
    let mut connection = model.connect();
    send(&mut connection, &[("X-Test-Events", "2")], "one\ntwo");
    assert_eq!(Answer::read_head(&mut connection).unwrap().header("content-type"), Some("text/event-stream"));
    for number in 0..2 {
        let event = read_chunk(&mut connection).unwrap().unwrap();
        assert_eq!(String::from_utf8(event).unwrap(), format!("id: {number}\ndata: one\ndata: two\n\n"));
    }
    assert_eq!(read_chunk(&mut connection).unwrap(), None);
}

#[test]
fn the_first_chunk_is_there_long_before_the_last() {
    let model = Model::start(&[]);
    let mut connection = model.connect();
    // An hour between the two: that the first one arrives at all is the proof.
    send(&mut connection, &[("X-Test-Chunks", "2"), ("X-Test-Pause-Ms", "3600000")], "piece");
    Answer::read_head(&mut connection).unwrap();
    assert_eq!(read_chunk(&mut connection).unwrap().unwrap(), b"piece");
}

#[test]
fn it_tells_that_it_began_and_waits_until_it_may_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let [began, release] = ["began", "release"].map(|name| directory.path().join(name));
    let model = Model::start(&[]);
    let mut connection = model.connect();
    let commands = [("X-Test-Touch", began.to_str().unwrap()), ("X-Test-Until", release.to_str().unwrap())];
    send(&mut connection, &commands, "x");
    while !began.exists() {
        std::thread::yield_now();
    }
    assert_eq!(model.invoke(&[("X-Test-Tell", "all")], "").json()["in_flight"], 2, "it waits");
    std::fs::write(&release, "").unwrap();
    assert_eq!(Answer::read(&mut connection).unwrap().text(), "x");
}

#[test]
fn a_length_that_is_too_long_ends_in_a_closed_connection() {
    let model = Model::start(&[]);
    let answer = model.invoke(&[("X-Test-Length", "+10")], "short");
    assert_eq!(answer.header("content-length"), Some("15"));
    assert!(answer.is_cut);
    assert_eq!(answer.text(), "short");
}

#[test]
fn a_length_that_is_too_short_leaves_bytes_in_a_connection_that_stays_open() {
    let model = Model::start(&[]);
    let mut connection = model.connect();
    send(&mut connection, &[("X-Test-Length", "-3")], "abcdef");
    assert_eq!(Answer::read(&mut connection).unwrap().text(), "abc");
    let mut rest = [0; 3];
    connection.read_exact(&mut rest).unwrap();
    assert_eq!(&rest, b"def");
    send(&mut connection, &[], "next");
    assert_eq!(Answer::read(&mut connection).unwrap().text(), "next");
}

#[test]
fn a_chunk_that_lies_breaks_the_stream() {
    let model = Model::start(&[]);
    for lie in ["+2", "-2"] {
        let mut connection = model.connect();
        send(&mut connection, &[("X-Test-Chunks", "2"), ("X-Test-Length", lie)], "piece");
        Answer::read_head(&mut connection).unwrap();
        assert_eq!(read_chunk(&mut connection).unwrap().unwrap(), b"piece");
        assert!(read_chunk(&mut connection).is_err(), "{lie}");
    }
}

#[test]
fn an_answer_without_a_length_ends_by_closing() {
    let model = Model::start(&[]);
    let answer = model.invoke(&[("X-Test-Length", "none")], "open end");
    assert_eq!(answer.header("content-length"), None);
    assert_eq!(answer.text(), "open end");
}

#[test]
fn memory_is_taken_for_good_and_a_line_is_logged() {
    let mut model = Model::start(&[]);
    let resident_kib = |pid: u32| -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let before = resident_kib(model.child.id());
    model.invoke(&[("X-Test-Eat-Mib", "64"), ("X-Test-Log", "fed"), ("X-Test-Spin-Ms", "1")], "");
    assert!(resident_kib(model.child.id()) >= before + 64 * 1024);
    let mut line = String::new();
    model.output.read_line(&mut line).unwrap();
    assert_eq!(line, "fed\n");
}
