//! A server that runs on the data directory, and the port that one would take.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use hostler_types::{Credentials, Region, Secret};

use super::report::Row;
use crate::client::{Client, Trouble, Unreachable};
use crate::profile;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// The server whose profile lies in the data directory.
pub(super) struct Running {
    url: String,
    answers: bool,
}

/// None: no server ever wrote its profile here.
pub(super) async fn running(data_dir: &Path) -> Option<Running> {
    let profile = profile::read(data_dir).ok()?;
    let url = profile.url.clone();
    let client = Client::new(profile.url, profile.region, profile.credentials, None).ok()?;
    let answers = is_there(&client).await;
    Some(Running { url, answers })
}

pub(super) fn row(data_dir: &Path, running: Option<&Running>) -> Row {
    match running {
        Some(Running { url, answers: true }) => Row::good("server", format!("one runs at {url}")),
        Some(Running { url, answers: false }) => Row::missing(
            "server",
            format!("none answers at {url}, where the last one of this data directory was"),
            format!("`hostler serve --data-dir {}` starts it again", data_dir.display()),
        ),
        None => Row::missing(
            "server",
            "none has run on this data directory yet",
            format!("`hostler serve --data-dir {}` starts one", data_dir.display()),
        ),
    }
}

pub(super) async fn port(listen: SocketAddr, running: Option<&Running>) -> Row {
    if let Some(Running { url, answers: true }) = running
        && url.split_once("://").is_some_and(|(_, address)| address == listen.to_string())
    {
        return Row::good("port", format!("{listen} is taken by the server of this data directory"));
    }
    match TcpListener::bind(listen) {
        Ok(_) => Row::good("port", format!("{listen} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let who = match stranger(listen) {
                Some(client) if is_there(&client).await => "a server of another data directory",
                _ => "another program",
            };
            Row::limited(
                "port",
                format!("{listen} is taken by {who}"),
                "choose another one by --listen; 127.0.0.1:0 takes any",
            )
        }
        Err(error) => Row::limited(
            "port",
            format!("{listen} cannot be listened on: {error}"),
            "choose another address or port by --listen; ports below 1024 are for root",
        ),
    }
}

fn stranger(address: SocketAddr) -> Option<Client> {
    let nobody = Credentials {
        access_key_id: String::new(),
        secret_access_key: Secret::new(String::new()),
        session_token: None,
        expires_at: None,
    };
    Client::new(format!("http://{address}"), Region::new("us-east-1".to_owned()), nobody, None).ok()
}

async fn is_there(client: &Client) -> bool {
    match client.health(ANSWER_TIMEOUT).await {
        Ok(is_healthy) => is_healthy,
        // Whether its certificate is believed is another question.
        Err(error) => {
            error.downcast_ref::<Unreachable>().is_some_and(|error| error.trouble == Trouble::Certificate)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    #[tokio::test]
    async fn a_port_is_tried_and_told_from_the_servers_own() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let own = Running { url: format!("http://{address}"), answers: true };
        assert_eq!(port(address, Some(&own)).await.verdict, Verdict::Good);
        let refused = port(address, None).await;
        assert_eq!(refused.verdict, Verdict::Limited);
        drop(taken);
        assert_eq!(port(address, None).await.verdict, Verdict::Good);
    }
}
