//! Many models in one process: SageMaker's container API for multi-model endpoints, kept and broken.
//!
//! Why: a model's own files are all that reaches a load through a platform, so they hold its commands.
//! Invariants: a name is loaded once at a time; what is loaded is told page by page in the order of names.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::answer::{self, Then};
use super::connection::plain;
use super::request::Request;
use super::server::Server;
use super::wish::{Wish, status};

/// The file of a model's directory that says how its load goes.
const COMMANDS: &str = "load.test";
const PAGE: usize = 100;

/// What a listing says instead of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    Status(u16),
    Empty,
}

impl Listing {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "empty" { Some(Self::Empty) } else { status(text).map(Self::Status) }
    }
}

/// A model that is loaded, or is being loaded.
#[derive(Debug)]
struct There {
    url: String,
    is_loaded: bool,
}

/// The models of this process.
#[derive(Debug, Default)]
pub(super) struct Models {
    /// Whether there are such paths at all.
    is_served: bool,
    most: Option<usize>,
    /// Nothing is ever unloaded.
    keeps: bool,
    there: Mutex<BTreeMap<String, There>>,
    listing: Mutex<Option<Listing>>,
    loads: AtomicU64,
}

impl Models {
    pub(super) fn new(is_served: bool, most: Option<usize>, keeps: bool) -> Self {
        Self { is_served, most, keeps, ..Self::default() }
    }

    /// Loads that were begun, and the models that are there.
    pub(super) fn tell(&self) -> Value {
        json!({
            "loads": self.loads.load(Ordering::Relaxed),
            "there": self.there().iter().filter(|(_, one)| one.is_loaded).map(|(name, _)| name).collect::<Vec<_>>(),
        })
    }

    /// From now on.
    pub(super) fn list_so(&self, listing: Listing) {
        *self.listing.lock().unwrap_or_else(PoisonError::into_inner) = Some(listing);
    }

    fn there(&self) -> MutexGuard<'_, BTreeMap<String, There>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request to `/models` or below; none when this process has no such paths.
pub(super) fn serve(stream: &mut TcpStream, request: &Request, server: &Server) -> Option<io::Result<Then>> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let rest = path.strip_prefix("/models").filter(|_| server.models.is_served)?;
    let segments: Vec<&str> = rest.split('/').skip(1).collect();
    Some(match (request.method.as_str(), segments.as_slice()) {
        ("POST", []) => load(stream, request, server),
        ("GET", []) => list(stream, query, server),
        ("GET", [name]) => show(stream, name, server),
        ("DELETE", [name]) => unload(stream, name, server),
        ("POST", [name, "invoke"]) => invoke(stream, name, request, server),
        _ => plain(stream, 404, "no such path"),
    })
}

fn load(stream: &mut TcpStream, request: &Request, server: &Server) -> io::Result<Then> {
    let document: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let (Some(name), Some(url)) = (document["model_name"].as_str(), document["url"].as_str()) else {
        return plain(stream, 400, "the body is not {\"model_name\": …, \"url\": …}");
    };
    let models = &server.models;
    {
        let mut there = models.there();
        if there.contains_key(name) {
            return plain(stream, 409, "there is such a model already");
        }
        if models.most.is_some_and(|most| there.len() >= most) {
            return plain(stream, 507, "there is no room for one more model");
        }
        there.insert(name.to_owned(), There { url: url.to_owned(), is_loaded: false });
    }
    models.loads.fetch_add(1, Ordering::Relaxed);
    let wish = match commands(Path::new(url)) {
        Ok(wish) => wish,
        Err(what) => {
            models.there().remove(name);
            return plain(stream, 400, &what);
        }
    };
    answer::prepare(&wish, server)?;
    if wish.status.is_some_and(|status| !(200..300).contains(&status)) {
        models.there().remove(name);
    } else if let Some(one) = models.there().get_mut(name) {
        one.is_loaded = true;
    }
    answer::write(stream, request, server, &wish)
}

/// How the load of this directory goes.
fn commands(dir: &Path) -> Result<Wish, String> {
    if !dir.exists() {
        return Err(format!("there is nothing at `{}`", dir.display()));
    }
    let mut wish = Wish { body: Some(br#"{"status": "loaded"}"#.to_vec()), ..Wish::default() };
    match fs::read_to_string(dir.join(COMMANDS)) {
        Ok(commands) => wish.take_list(&commands)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // The model may be a file and no directory.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
        Err(error) => return Err(error.to_string()),
    }
    Ok(wish)
}

fn list(stream: &mut TcpStream, query: &str, server: &Server) -> io::Result<Then> {
    let lie = *server.models.listing.lock().unwrap_or_else(PoisonError::into_inner);
    match lie {
        Some(Listing::Status(status)) => return plain(stream, status, "a listing that fails"),
        Some(Listing::Empty) => return plain(stream, 200, r#"{"models": []}"#),
        None => {}
    }
    let after = query.split('&').find_map(|pair| pair.strip_prefix("next_page_token=")).unwrap_or_default();
    let there = server.models.there();
    let mut page: Vec<_> =
        there.iter().filter(|(name, one)| one.is_loaded && name.as_str() > after).take(PAGE + 1).collect();
    let is_last = page.len() <= PAGE;
    page.truncate(PAGE);
    let models: Vec<Value> =
        page.iter().map(|(name, one)| json!({ "modelName": name, "modelUrl": one.url })).collect();
    let mut document = json!({ "models": models });
    if let (false, Some((name, _))) = (is_last, page.last()) {
        document["nextPageToken"] = json!(name);
    }
    plain(stream, 200, &document.to_string())
}

fn show(stream: &mut TcpStream, name: &str, server: &Server) -> io::Result<Then> {
    let there = server.models.there();
    let url = there.get(name).filter(|one| one.is_loaded).map(|one| one.url.clone());
    drop(there);
    match url {
        Some(url) => plain(stream, 200, &json!({ "modelName": name, "modelUrl": url }).to_string()),
        None => plain(stream, 404, "there is no such model"),
    }
}

fn unload(stream: &mut TcpStream, name: &str, server: &Server) -> io::Result<Then> {
    if server.models.keeps {
        return plain(stream, 500, "nothing is unloaded here");
    }
    let was = server.models.there().remove(name);
    match was {
        Some(_) => plain(stream, 200, r#"{"status": "unloaded"}"#),
        None => plain(stream, 404, "there is no such model"),
    }
}

fn invoke(stream: &mut TcpStream, name: &str, request: &Request, server: &Server) -> io::Result<Then> {
    if !server.models.there().get(name).is_some_and(|one| one.is_loaded) {
        return plain(stream, 404, "there is no such model");
    }
    let wish = match Wish::of(request, &server.every) {
        Ok(wish) => wish,
        Err(what) => return plain(stream, 400, &what),
    };
    if wish.forget {
        server.models.there().remove(name);
    }
    let _in_flight = server.begin();
    answer::give(stream, request, server)
}
