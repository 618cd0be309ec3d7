//! Pings: refused, sick, hanging, or healthy when a file says so.

use std::io::{Read, Write};
use std::time::Duration;

use crate::client::Model;

#[test]
fn a_ping_is_healthy_unless_it_is_said_otherwise() {
    assert_eq!(Model::start(&[]).ping(), 200);
    assert_eq!(Model::start(&[("TEST_PING", "503")]).ping(), 503);
}

#[test]
fn the_first_pings_are_refused() {
    let model = Model::start(&[("TEST_PING_REFUSE", "2")]);
    assert_eq!([model.ping(), model.ping(), model.ping()], [503, 503, 200]);
}

#[test]
fn it_is_healthy_when_the_file_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("release");
    let model = Model::start(&[("TEST_PING_FILE", file.to_str().unwrap())]);
    assert_eq!(model.ping(), 503);
    std::fs::write(&file, "").unwrap();
    assert_eq!(model.ping(), 200);
}

#[test]
fn it_falls_ill_after_so_many_invocations() {
    let model = Model::start(&[("TEST_PING_SICK_AFTER", "2"), ("TEST_PING_DELAY_MS", "1")]);
    model.invoke(&[], "");
    assert_eq!(model.ping(), 200);
    model.invoke(&[], "");
    assert_eq!(model.ping(), 500);
}

#[test]
fn a_command_makes_it_ill_and_well_again() {
    let model = Model::start(&[]);
    model.invoke(&[("X-Test-Ping", "500")], "");
    assert_eq!(model.ping(), 500);
    model.invoke(&[("X-Test-Ping", "200")], "");
    assert_eq!(model.ping(), 200);
}

#[test]
fn a_ping_that_hangs_holds_up_no_invocation() {
    let model = Model::start(&[("TEST_PING", "hang")]);
    let mut pinging = model.connect();
    pinging.get_mut().write_all(b"GET /ping HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(model.invoke(&[], "x").text(), "x");
    pinging.get_mut().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(pinging.read(&mut [0]).is_err(), "nothing comes");
}
