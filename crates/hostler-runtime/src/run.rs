//! The life of the server process: load, listen, say so, serve, stop.
//!
//! Why: the binary's hidden subcommand and this crate's own program share it.
//! Invariants: the port opens only once the model is loaded, so a ping that is answered is a model that is
//! ready; standard output carries the ready line and nothing else.
//! Failure: whatever fails before the ready line ends the process with an error that names the file or port.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::RuntimeArgs;
use crate::engine::{LoadError, load};
use crate::models::Models;
use crate::models::memory::room_of_this_process;
use crate::server::{self, Served, ServerError, Settings};
use crate::sniff::sniff;

/// A machine runs many instances; one of them needs no more threads than this to fill a gateway.
const WORKERS_MAX_DEFAULT: usize = 4;

/// Why the server did not start, or stopped on its own.
#[derive(Debug, Error)]
pub enum RuntimeError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("nothing in the model directory `{}` is a model that a built-in engine serves", dir.display())]
    Unrecognised { dir: PathBuf },
    #[error("`{address}` could not be listened on")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("the threads or signals of the server could not be set up")]
    SetUp {
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Serves until SIGTERM or SIGINT, then finishes the requests in flight and returns.
pub fn run(args: RuntimeArgs) -> Result<(), RuntimeError> {
    let served = what_is_served(&args)?;
    let cores = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let settings = Settings {
        workers: args.workers.map_or(cores.get().min(WORKERS_MAX_DEFAULT), NonZeroUsize::get),
        payload_bytes_max: args.max_payload_bytes,
        ..Settings::default()
    };
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(cores.get())
        .build()
        .map_err(|source| RuntimeError::SetUp { source })?;
    runtime.block_on(listen(SocketAddr::new(args.host, args.port), served, settings))
}

fn what_is_served(args: &RuntimeArgs) -> Result<Served, RuntimeError> {
    if args.multi_model {
        let room = args.models_memory_bytes.unwrap_or_else(room_of_this_process);
        return Ok(Served::Many(Arc::new(Models::new(args.engine, room))));
    }
    let dir = &args.model_dir;
    let kind = args.engine.or_else(|| sniff(dir));
    let kind = kind.ok_or_else(|| RuntimeError::Unrecognised { dir: dir.clone() })?;
    Ok(Served::One(Arc::from(load(kind, dir)?)))
}

async fn listen(address: SocketAddr, served: Served, settings: Settings) -> Result<(), RuntimeError> {
    let cannot_set_up = |source| RuntimeError::SetUp { source };
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot_set_up)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_set_up)?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let cannot_listen = |source| RuntimeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    say_ready(address, &served);
    server::serve(listener, served, settings, stop).await?;
    Ok(())
}

fn say_ready(address: SocketAddr, served: &Served) {
    let mut stdout = io::stdout().lock();
    let model = match served {
        Served::One(engine) => engine.describe(),
        Served::Many(models) => models.describe(),
    };
    // A closed standard output is no reason not to serve.
    let _ = writeln!(stdout, "hostler runtime ready on http://{address} ({model})");
    let _ = stdout.flush();
}
