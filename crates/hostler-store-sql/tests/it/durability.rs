//! What was acknowledged outlives `kill -9` at any moment, and nothing is there by halves.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hostler_store::conformance::{endpoint, key, scope};
use hostler_store::{Check, Document, Expect, Holdings, Store, Transaction, Write};
use hostler_store_sql::{DataDirLock, SqliteStore};
use hostler_types::Kind;

/// Set for the child: the directory and the first number it commits.
const CHILD_DIR: &str = "HOSTLER_STORE_TEST_DIR";
const CHILD_FIRST: &str = "HOSTLER_STORE_TEST_FIRST";

const ROUNDS: u64 = 20;
const COMMITTERS: u64 = 8;

/// Numbers of one round: more than a child gets to before it is killed.
const NUMBERS_PER_ROUND: u64 = 1_000_000;

/// Longer than a page of the database, so that a torn write would show.
fn body(number: u64) -> String {
    format!("{number:020}").repeat(500)
}

fn pair(number: u64) -> [Document; 2] {
    let holds = Holdings::from([("places".to_owned(), 1)]);
    ["left", "right"].map(|side| Document {
        body: body(number),
        holds: holds.clone(),
        ..endpoint(&format!("{side}-{number}"))
    })
}

/// Not a test by itself: the process that the parent kills. It does nothing unless the parent asks for it.
#[test]
fn a_child_that_commits_until_it_is_killed() {
    let (Some(dir), Ok(first)) = (std::env::var_os(CHILD_DIR), std::env::var(CHILD_FIRST)) else {
        return;
    };
    let (dir, first) = (PathBuf::from(dir), first.parse::<u64>().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let _lock = DataDirLock::acquire(&dir).unwrap();
    let store = Arc::new(SqliteStore::open(&dir).unwrap());
    println!();
    let committers: Vec<_> =
        (0..COMMITTERS).map(|offset| runtime.spawn(commit_for_ever(store.clone(), first + offset))).collect();
    for committer in committers {
        runtime.block_on(committer).unwrap();
    }
}

async fn commit_for_ever(store: Arc<SqliteStore>, mut number: u64) {
    loop {
        let documents = pair(number);
        let checks =
            documents.iter().map(|document| Check { key: document.key.clone(), expect: Expect::Absent });
        let transaction = Transaction {
            checks: checks.collect(),
            writes: documents.iter().cloned().map(Write::Put).collect(),
            ..Transaction::default()
        };
        store.commit(transaction).await.expect("the commit succeeds");
        let mut out = std::io::stdout().lock();
        writeln!(out, "ack {number}").expect("the parent listens");
        out.flush().expect("the parent listens");
        number += COMMITTERS;
    }
}

/// Runs a child, kills it after `acks` acknowledgements and `pause`, and tells all that it acknowledged.
fn run_and_kill(dir: &Path, first: u64, acks: usize, pause: Duration) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().expect("this binary has a path"))
        .args(["--exact", "durability::a_child_that_commits_until_it_is_killed", "--nocapture"])
        .env(CHILD_DIR, dir)
        .env(CHILD_FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output is piped"));
    let mut acknowledged = Vec::new();
    let mut is_killed = false;
    let mut line = String::new();
    while lines.read_line(&mut line).expect("its output is read") > 0 {
        // A line without its end was cut off by the kill.
        if let Some(number) = line.strip_prefix("ack ").and_then(|line| line.strip_suffix('\n')) {
            acknowledged.push(number.parse().expect("a number was acknowledged"));
        }
        line.clear();
        if acknowledged.len() >= acks && !is_killed {
            // Not to wait for anything: it moves the moment of the kill within a commit.
            std::thread::sleep(pause);
            child.kill().expect("the child is killed");
            is_killed = true;
        }
    }
    let status = child.wait().expect("the child ended");
    assert!(is_killed, "the child ended by itself: {status}");
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_kill_9_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let random = RandomState::new().build_hasher().finish();
        let (acks, pause) = ((random % 60) as usize, Duration::from_micros((random >> 32) % 4_000));
        let told = run_and_kill(dir.path(), round * NUMBERS_PER_ROUND, acks.max(1), pause);
        acknowledged.extend(told);

        let context = format!("round {round}, killed after {acks} acks and {pause:?}");
        let _lock = DataDirLock::acquire(dir.path()).expect("a dead process holds no lock");
        let store = SqliteStore::open(dir.path()).expect("the database opens after a kill");
        let keys: BTreeSet<_> = store.keys(Kind::Endpoint).await.unwrap().into_iter().collect();
        for number in &acknowledged {
            for document in pair(*number) {
                assert!(keys.contains(&document.key), "{context}: `{}` is lost", document.key);
            }
        }
        // Of what was not acknowledged, whole pairs may be there and nothing else.
        for found in &keys {
            let (_, number) = found.name().split_once('-').unwrap();
            for side in ["left", "right"] {
                let other = key(Kind::Endpoint, &format!("{side}-{number}"));
                assert!(keys.contains(&other), "{context}: `{found}` is there without `{other}`");
            }
            if number.parse::<u64>().unwrap() / NUMBERS_PER_ROUND == round {
                let document = store.get(found).await.unwrap().unwrap();
                assert_eq!(document.body, body(number.parse().unwrap()), "{context}: `{found}`");
            }
        }
        let held = store.holdings(&scope()).await.unwrap().remove("places").unwrap_or(0);
        assert_eq!(held, keys.len() as u64, "{context}: what is held is what is there");
    }
    assert!(acknowledged.len() as u64 >= ROUNDS);
}
