//! A running test model and a client that sees the bytes as they are.
//!
//! Why: an HTTP library would hide what is tested here: lies about lengths, broken chunks, closed connections.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Long enough for a busy machine; reaching it is a failure.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostler-testmodel"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A test model that listens.
pub(crate) struct Model {
    pub(crate) child: Child,
    pub(crate) output: BufReader<std::process::ChildStdout>,
    pub(crate) port: u16,
}

impl Model {
    pub(crate) fn start(variables: &[(&str, &str)]) -> Self {
        let mut command = program();
        command.args(["0", "/nowhere"]).envs(variables.iter().copied()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let rest = line.strip_prefix("listening on 127.0.0.1:").unwrap_or_else(|| panic!("{line:?}"));
        let port = rest.split(' ').next().unwrap().parse().unwrap();
        Self { child, output, port }
    }

    pub(crate) fn connect(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        BufReader::new(stream)
    }

    /// An invocation on a connection of its own, with these headers.
    pub(crate) fn invoke(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut connection = self.connect();
        send(&mut connection, headers, body);
        Answer::read(&mut connection).unwrap()
    }

    pub(crate) fn ping(&self) -> u16 {
        let mut connection = self.connect();
        connection.get_mut().write_all(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        Answer::read(&mut connection).unwrap().status
    }

    /// Waits for the end of the process.
    pub(crate) fn ended(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn terminate(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::TERM).unwrap();
}

pub(crate) fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

pub(crate) fn send(connection: &mut BufReader<TcpStream>, headers: &[(&str, &str)], body: &str) {
    let mut text = format!("POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    connection.get_mut().write_all(format!("{text}\r\n{body}").as_bytes()).unwrap();
}

/// An answer; the body only as far as the head describes it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The body ended before its announced end.
    pub(crate) is_cut: bool,
}

impl Answer {
    /// Reads head and body.
    pub(crate) fn read(connection: &mut BufReader<TcpStream>) -> io::Result<Self> {
        let mut answer = Self::read_head(connection)?;
        if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = read_chunk(connection)? {
                answer.body.extend(chunk);
            }
        } else if let Some(length) = answer.header("content-length") {
            let length: u64 = length.parse().unwrap();
            connection.by_ref().take(length).read_to_end(&mut answer.body)?;
            answer.is_cut = (answer.body.len() as u64) < length;
        } else {
            connection.read_to_end(&mut answer.body)?;
        }
        Ok(answer)
    }

    pub(crate) fn read_head(connection: &mut BufReader<TcpStream>) -> io::Result<Self> {
        let line = read_line(connection)?;
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut headers = Vec::new();
        loop {
            let line = read_line(connection)?;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Ok(Self { status, headers, body: Vec::new(), is_cut: false })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The next chunk; none at the last one.
pub(crate) fn read_chunk(connection: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let line = read_line(connection)?;
    let size = usize::from_str_radix(&line, 16).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut chunk = vec![0; size];
    connection.read_exact(&mut chunk)?;
    match read_line(connection)?.as_str() {
        "" => Ok((size > 0).then_some(chunk)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn read_line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
