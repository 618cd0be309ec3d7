//! Crashes, hangs and closed connections, at the start, in an answer and at the end.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crate::client::{Answer, Model, kill, program, send, terminate};

#[test]
fn it_exits_before_its_answer() {
    let mut model = Model::start(&[]);
    let mut connection = model.connect();
    send(&mut connection, &[("X-Test-Exit", "41")], "");
    assert!(Answer::read(&mut connection).is_err());
    assert_eq!(model.ended().code(), Some(41));
}

#[test]
fn it_crashes_after_so_many_bytes_of_its_answer() {
    let mut model = Model::start(&[]);
    let answer = model.invoke(&[("X-Test-Signal", "SEGV"), ("X-Test-At", "4")], "0123456789");
    assert_eq!((answer.text(), answer.is_cut), ("0123", true));
    assert_eq!(model.ended().signal(), Some(11));
}

#[test]
fn it_crashes_in_the_middle_of_a_chunk() {
    let mut model = Model::start(&[]);
    let mut connection = model.connect();
    let commands = [("X-Test-Chunks", "9"), ("X-Test-Signal", "KILL"), ("X-Test-At", "7")];
    send(&mut connection, &commands, "abcde");
    Answer::read_head(&mut connection).unwrap();
    let mut rest = String::new();
    connection.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "5\r\nabcde\r\n5\r\nab");
    assert_eq!(model.ended().signal(), Some(9));
}

#[test]
fn it_closes_before_the_answer_after_the_head_or_at_its_end() {
    let model = Model::start(&[]);
    for (at, expected) in [("head", ""), ("3", "abc"), ("99", "abcdef")] {
        let mut connection = model.connect();
        send(&mut connection, &[("X-Test-Close", "true"), ("X-Test-At", at)], "abcdef");
        assert_eq!(Answer::read(&mut connection).unwrap().text(), expected, "{at}");
        assert_eq!(connection.read(&mut [0]).unwrap(), 0, "{at}");
    }
    let mut connection = model.connect();
    send(&mut connection, &[("X-Test-Close", "true")], "abcdef");
    assert!(Answer::read(&mut connection).is_err());
    assert_eq!(model.invoke(&[], "still here").text(), "still here");
}

#[test]
fn one_that_hangs_holds_up_nobody_else() {
    let model = Model::start(&[]);
    let mut hanging = model.connect();
    send(&mut hanging, &[("X-Test-Hang", "true"), ("X-Test-At", "2")], "abcdef");
    Answer::read_head(&mut hanging).unwrap();
    let mut some = [0; 2];
    hanging.read_exact(&mut some).unwrap();
    assert_eq!(&some, b"ab");
    assert_eq!(model.invoke(&[("X-Test-Tell", "all")], "").json()["in_flight"], 2);
    hanging.get_mut().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(hanging.read(&mut [0]).is_err(), "nothing more comes");
}

#[test]
fn a_start_that_fails_says_its_words_and_ends_as_asked() {
    let variables = [("TEST_START_EXIT", "3"), ("TEST_START_WORDS", "ValueError: wrong shape")];
    let output = program().arg("0").envs(variables).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "ValueError: wrong shape\n");
    let output = program().arg("0").env("TEST_START_SIGNAL", "ABRT").output().unwrap();
    assert_eq!(output.status.signal(), Some(6));
}

#[test]
fn a_misspelled_variable_or_argument_ends_the_start() {
    for (arguments, variable, part) in [
        (vec!["0"], ("TEST_PINGS", "1"), "`TEST_PINGS=1`"),
        (vec!["0"], ("TEST_ANSWER", "statsu=1"), "`statsu`"),
        (vec!["0", "/m", "more"], ("A", "b"), "`more`"),
        (vec!["eighty"], ("A", "b"), "`eighty`"),
    ] {
        let output = program().args(arguments).env(variable.0, variable.1).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn the_port_comes_from_the_variable_of_the_contract_when_no_argument_says_it() {
    let mut child = program().arg("serve").env("SAGEMAKER_BIND_TO_PORT", "0").spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.contains("with model directory /opt/ml/model"), "{line}");
}

#[test]
fn sigterm_ends_it_unless_it_ignores_it() {
    let mut model = Model::start(&[]);
    terminate(model.child.id());
    assert_eq!(model.ended().code(), Some(0));

    let mut stubborn = Model::start(&[("TEST_STOP", "ignore")]);
    terminate(stubborn.child.id());
    assert_eq!(stubborn.invoke(&[], "x").text(), "x");
    stubborn.child.kill().unwrap();
    assert_eq!(stubborn.ended().signal(), Some(9));
}

#[test]
fn one_that_stops_late_finishes_what_is_in_flight() {
    let mut model = Model::start(&[("TEST_STOP", "60000")]);
    let mut connection = model.connect();
    send(&mut connection, &[("X-Test-Delay-Ms", "100")], "x");
    terminate(model.child.id());
    assert_eq!(Answer::read(&mut connection).unwrap().text(), "x");
    model.child.kill().unwrap();
    model.ended();
}

#[test]
fn it_ends_by_itself_after_a_time() {
    let mut model = Model::start(&[("TEST_EXIT_AFTER_MS", "1")]);
    assert_eq!(model.ended().code(), Some(7));
}

#[test]
fn its_child_lives_in_a_session_of_its_own_and_survives_sigterm() {
    let model = Model::start(&[("TEST_CHILD", "true")]);
    let parent = model.child.id();
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    let child: u32 = children.trim().parse().unwrap();
    let session_of = |pid: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(") ").next()?.split(' ').nth(3)?.parse().ok()
    };
    while session_of(child) != Some(child) {
        std::thread::yield_now();
    }
    let status = std::fs::read_to_string(format!("/proc/{child}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
    assert_ne!(caught & (1 << (15 - 1)), 0, "it catches signal 15: {status}");
    terminate(child);
    kill(child);
}
