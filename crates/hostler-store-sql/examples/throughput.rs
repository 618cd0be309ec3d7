//! Commits, reads and opening, measured on this machine: `cargo run -p hostler-store-sql --example throughput [DIR]`.
//!
//! Why: what a sync costs differs by a hundred from disk to disk; the figure belongs to a machine, not into a test.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hostler_store::conformance::{endpoint, key, query};
use hostler_store::{Document, Statuses, Store, StoreError, Transaction, Unused, Write};
use hostler_store_sql::SqliteStore;
use hostler_types::{Key, Kind};
use tokio::task::JoinSet;
use tokio::time::Instant;

const MEASURED: Duration = Duration::from_secs(3);
const BODY_BYTES: usize = 4_096;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // On the disk to be measured; the temporary directory may be memory.
    let parent = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(parent)?;
    let store = Arc::new(SqliteStore::open(dir.path())?);
    let numbers = Arc::new(AtomicU64::new(0));
    for committers in [1, 64] {
        println!(
            "{committers:>3} committers: {:>7.0} commits/s",
            commits(&store, &numbers, committers).await?
        );
    }
    println!("  1 reader:     {:>7.0} reads/s", reads(&store).await?);
    for (users, model) in [(0, "nobodys"), (store.keys(Kind::Endpoint).await?.len(), "everybodys")] {
        let asked = questions(&store, &key(Kind::Model, model)).await?;
        println!("  who of {users} users uses it: {asked:>7.0} answers/s");
    }
    println!("  listings of 100 by name: {:>7.0} pages/s", pages(&store).await?);
    let documents = store.keys(Kind::Endpoint).await?.len();
    store.close().await?;
    let start = Instant::now();
    drop(SqliteStore::open(dir.path())?);
    println!("opening and closing with {documents} documents of {BODY_BYTES} bytes: {:?}", start.elapsed());
    Ok(())
}

async fn commits(
    store: &Arc<SqliteStore>,
    numbers: &Arc<AtomicU64>,
    committers: usize,
) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..committers {
        let (store, numbers) = (store.clone(), numbers.clone());
        tasks.spawn(async move {
            let mut done = 0_u32;
            while start.elapsed() < MEASURED {
                let name = format!("e-{}", numbers.fetch_add(1, Ordering::Relaxed));
                let document = Document {
                    body: "b".repeat(BODY_BYTES),
                    uses: [key(Kind::Model, "everybodys")].into(),
                    ..endpoint(&name)
                };
                let writes = vec![Write::Put(document)];
                store.commit(Transaction { writes, ..Transaction::default() }).await?;
                done += 1;
            }
            Ok::<u32, StoreError>(done)
        });
    }
    let mut total = 0;
    for done in tasks.join_all().await {
        total += done?;
    }
    Ok(f64::from(total) / start.elapsed().as_secs_f64())
}

async fn reads(store: &SqliteStore) -> Result<f64, Box<dyn Error>> {
    let (start, mut done) = (Instant::now(), 0_u32);
    while start.elapsed() < MEASURED {
        store.get(&key(Kind::Endpoint, &format!("e-{}", done % 100))).await?;
        done += 1;
    }
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
}

/// What a deletion asks: in any status, and in some that no user has.
async fn questions(store: &SqliteStore, used: &Key) -> Result<f64, Box<dyn Error>> {
    let (start, mut done) = (Instant::now(), 0_u32);
    let passing = || Statuses::Of(["Creating", "Updating", "RollingBack"].map(str::to_owned).into());
    while start.elapsed() < MEASURED {
        for statuses in [Statuses::Any, passing()] {
            let unused = Some(Unused { key: used.clone(), statuses });
            match store.commit(Transaction { unused, ..Transaction::default() }).await {
                Ok(_) | Err(StoreError::InUse { .. }) => done += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
}

async fn pages(store: &SqliteStore) -> Result<f64, Box<dyn Error>> {
    let (start, mut done, mut query) = (Instant::now(), 0_u32, query(Kind::Endpoint));
    while start.elapsed() < MEASURED {
        query.after = store.list(&query).await?.next;
        done += 1;
    }
    Ok(f64::from(done) / start.elapsed().as_secs_f64())
}
