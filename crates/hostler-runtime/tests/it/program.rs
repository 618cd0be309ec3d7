//! The program: its ready line, its exit codes and how it stops.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::client::{Client, invocation};

pub(crate) const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/kmeans-digits");

/// A running program, killed if a test fails before it stopped it.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) ready_line: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = command(Path::new(EXAMPLE), arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready_line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut ready_line).unwrap();
        let (_, rest) = ready_line.split_once("http://").expect("a ready line with an address");
        let (address, _) = rest.split_once(' ').unwrap();
        Self { child, address: address.parse().unwrap(), ready_line }
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn exit_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

fn command(model_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostler-runtime"));
    command.arg("--model-dir").arg(model_dir).args(["--port", "0"]).args(arguments);
    command
}

fn fail(model_dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command(model_dir, arguments).output().unwrap();
    assert_eq!(stdout, b"");
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn the_ready_line_names_the_port_that_was_picked_and_the_model() {
    let program = Program::start(&["--engine", "kmeans"]);
    let address = program.address;
    assert_ne!(address.port(), 0);
    assert_eq!(
        program.ready_line,
        format!("hostler runtime ready on http://{address} (kmeans, 10 clusters of 64 features)\n")
    );
    assert_eq!(Client::connect(address).get("/ping").status, 200);
}

#[test]
fn the_engine_is_chosen_by_the_content_when_it_is_not_named() {
    let program = Program::start(&[]);
    assert!(program.ready_line.contains("kmeans"), "{}", program.ready_line);
}

#[test]
fn sigterm_and_ctrl_c_stop_an_idle_server_with_exit_code_0() {
    for signal in ["TERM", "INT"] {
        let program = Program::start(&[]);
        let mut idle = Client::connect(program.address);
        assert_eq!(idle.get("/ping").status, 200);
        program.signal(signal);
        assert_eq!(program.exit_code(), Some(0));
        assert!(idle.is_closed());
    }
}

#[test]
fn a_request_in_flight_is_finished_after_sigterm() {
    let program = Program::start(&[]);
    let address = program.address;
    let row = ["1"; 64].join(",");
    let request = invocation("Content-Type: text/csv\r\nExpect: 100-continue\r\n", &row);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut client = Client::connect(address);
    client.send(head);
    client.send("\r\n\r\n");
    // Only a server that has begun to read the body says this.
    assert_eq!(client.line(), "HTTP/1.1 100 Continue");
    assert_eq!(client.line(), "");
    program.signal("TERM");
    // The listener closes first: from then on the server is stopping.
    while TcpStream::connect(address).is_ok() {}
    client.send(body);
    let reply = client.reply(true);
    assert_eq!(reply.status, 200);
    assert!(reply.body.starts_with(r#"{"predictions": ["#), "{}", reply.body);
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn a_missing_or_broken_model_ends_the_program_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let shown = dir.path().display();
    let (code, message) = fail(dir.path(), &["--engine", "kmeans"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        message,
        format!("error: no `model_algo-*` in the model directory `{shown}` (found: nothing)\n")
    );
    let (code, message) = fail(dir.path(), &[]);
    assert_eq!(code, Some(1));
    assert_eq!(
        message,
        format!("error: nothing in the model directory `{shown}` is a model that a built-in engine serves\n")
    );
    let whole = std::fs::read(Path::new(EXAMPLE).join("model_algo-1")).unwrap();
    std::fs::write(dir.path().join("model_algo-1"), &whole[..1000]).unwrap();
    let (code, message) = fail(dir.path(), &["--engine", "kmeans"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        message,
        format!(
            "error: the model file `{shown}/model_algo-1` is not an MXNet NDArray list: byte 64: \
             array 0 of shape [10, 64] needs more than the 936 bytes that are left in the file\n"
        )
    );
}

#[test]
fn a_port_that_is_taken_ends_the_program_with_the_reason() {
    let program = Program::start(&[]);
    let port = program.address.port().to_string();
    let mut second = Command::new(env!("CARGO_BIN_EXE_hostler-runtime"))
        .args(["--model-dir", EXAMPLE, "--port", &port])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut message = String::new();
    second.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(1));
    let expected = format!("error: `127.0.0.1:{port}` could not be listened on: Address already in use");
    assert!(message.starts_with(&expected), "{message}");
}
