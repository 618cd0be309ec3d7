//! The data directory: who holds it, its key, and where the rooms keep their things.
//!
//! Invariants: one server at a time (a lock the kernel drops with the process); keys are made once, readable by the
//! owner alone, and written whole or not at all.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hostler_store_sql::DataDirLock;
use hostler_types::{AccountId, Millis, Secret};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::profile::NoProfile;

/// The keys of a data directory.
#[derive(Serialize, Deserialize)]
struct KeyFile {
    access_key_id: String,
    secret_access_key: String,
    /// Seals session tokens; hexadecimal.
    cluster_key: String,
}

/// The keys, ready to use.
pub(crate) struct ServerKeys {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Secret,
    pub(crate) cluster_key: [u8; 32],
    pub(crate) account: AccountId,
}

/// Both secrets of a server.
const KEYS: &str = "keys.json";
/// Says when a server last stopped its instances on purpose, in milliseconds.
const STOPPED: &str = "stopped";

/// Tells what containers belong to this directory, wherever it is moved.
const ID: &str = "id";

/// The paths below the data directory.
#[derive(Clone, Debug)]
pub(crate) struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// Makes the directory if need be.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("making the data directory `{}` failed", path.display()))?;
        let root = path
            .canonicalize()
            .with_context(|| format!("finding the data directory `{}` failed", path.display()))?;
        Ok(Self { root })
    }

    /// One in which a server has been.
    pub(crate) fn existing(path: &Path) -> anyhow::Result<Self> {
        let root = path.canonicalize().ok().filter(|root| root.join(KEYS).is_file());
        Ok(Self { root: root.ok_or_else(|| NoProfile { data_dir: path.to_owned() })? })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Reads its id, or makes one.
    pub(crate) fn id(&self) -> anyhow::Result<String> {
        let path = self.join(ID);
        let id = fs::read_to_string(&path).unwrap_or_default();
        if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(id);
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        write_private(&path, id.as_bytes())
            .with_context(|| format!("writing `{}` failed", path.display()))?;
        Ok(id)
    }

    /// Reads the keys, or makes them.
    pub(crate) fn keys(&self, account: &AccountId) -> anyhow::Result<ServerKeys> {
        let path = self.join(KEYS);
        let file = if let Some(file) = self.read_keys()? {
            file
        } else {
            let file = make_keys()?;
            write_private(&path, &serde_json::to_vec_pretty(&file)?)?;
            file
        };
        let mut cluster_key = [0; 32];
        if hex::decode_to_slice(&file.cluster_key, &mut cluster_key).is_err() {
            bail!("`{}` is damaged: cluster_key is not 64 hexadecimal digits", path.display());
        }
        Ok(ServerKeys {
            access_key_id: file.access_key_id,
            secret_access_key: Secret::new(file.secret_access_key),
            cluster_key,
            account: account.clone(),
        })
    }

    /// Replaces the server's own key, and nothing else; its new id. No server may be running.
    pub(crate) fn rotate_key(&self) -> anyhow::Result<String> {
        let _lock = DataDirLock::acquire(&self.root)?;
        let cluster_key = self.read_keys()?.context("the data directory lost its keys")?.cluster_key;
        let file = KeyFile { cluster_key, ..make_keys()? };
        write_private(&self.join(KEYS), &serde_json::to_vec_pretty(&file)?)?;
        Ok(file.access_key_id)
    }

    fn read_keys(&self) -> anyhow::Result<Option<KeyFile>> {
        let path = self.join(KEYS);
        match fs::read(&path) {
            Ok(bytes) => {
                let file = serde_json::from_slice(&bytes);
                Ok(Some(file.with_context(|| format!("`{}` is damaged", path.display()))?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading `{}` failed", path.display())),
        }
    }

    /// When a server last stopped its instances on purpose; long ago, if nobody noted it.
    pub(crate) fn stopped_at(&self) -> Millis {
        let noted = fs::read_to_string(self.join(STOPPED)).unwrap_or_default();
        Millis(noted.trim().parse().unwrap_or(0))
    }

    /// Notes that all instances were stopped on purpose by now.
    pub(crate) fn note_stop(&self, now: Millis) -> anyhow::Result<()> {
        write_private(&self.join(STOPPED), format!("{}\n", now.0).as_bytes())
    }
}

fn make_keys() -> anyhow::Result<KeyFile> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let random = SystemRandom::new();
    let mut bytes = [0; 16 + 30 + 32];
    random.fill(&mut bytes).map_err(|_| anyhow::anyhow!("the system gave no random bytes"))?;
    let id: String = bytes[..16].iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    Ok(KeyFile {
        access_key_id: format!("AKIA{id}"),
        secret_access_key: hex::encode(&bytes[16..46])[..40].to_owned(),
        cluster_key: hex::encode(&bytes[46..]),
    })
}

/// Writes a file that only the owner can read: beside its place, then renamed over it.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("writing `{}` failed", path.display()))
}
