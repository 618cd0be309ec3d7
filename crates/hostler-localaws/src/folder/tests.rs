use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use hostler_types::{AccountId, Millis, Region};

use super::*;

struct World {
    dir: tempfile::TempDir,
    folder: Folder,
}

fn record(account: &str) -> BucketRecord {
    BucketRecord {
        version: 1,
        account: AccountId::new(account),
        region: Region::new("us-east-1"),
        created_ms: Millis(1),
    }
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    folder.create_bucket("bucket", &record("1"), 10).unwrap();
    World { dir, folder }
}

fn sealed(folder: &Folder, key: &str, content: &[u8]) -> staged::Sealed {
    let mut file = folder.stage(None).unwrap();
    file.write(content).unwrap();
    let (staged, summed) = file.finish();
    let new = NewObject { key: key.to_owned(), modified_ms: Millis(2), ..NewObject::default() };
    staged.seal(new, summed.into()).unwrap()
}

fn put(folder: &Folder, key: &str, content: &[u8]) {
    folder.put_object("bucket", sealed(folder, key, content), &Condition::Always).unwrap();
}

fn content(object: &ObjectFile) -> Vec<u8> {
    let mut bytes = vec![0; object.record().size as usize];
    object.read_at(&mut bytes, 0).unwrap();
    bytes
}

fn names(folder: &Folder, query: &ListQuery) -> (Vec<String>, Option<String>) {
    let listing = folder.list_objects("bucket", query).unwrap();
    let names = listing.entries.iter().map(|entry| match entry {
        Listed::Object(record) => record.key.clone(),
        Listed::CommonPrefix(prefix) => format!("{prefix}*"),
    });
    (names.collect(), listing.last.filter(|_| listing.is_truncated))
}

/// Files that are not an object in its place.
fn leftovers(world: &World) -> usize {
    fs::read_dir(world.dir.path().join("tmp")).unwrap().count()
}

#[test]
fn an_object_survives_a_restart_with_everything_about_it() {
    let World { dir, folder } = world();
    put(&folder, "a/b", b"hello");
    drop(folder);
    let folder = Folder::open(dir.path()).unwrap();
    let object = folder.object("bucket", "a/b").unwrap();
    assert_eq!(content(&object), b"hello");
    // printf hello | md5sum
    assert_eq!(object.record().etag, "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(folder.bucket("bucket").unwrap(), record("1"));
}

#[test]
fn a_reader_keeps_the_object_that_it_opened() {
    let World { folder, dir: _dir } = world();
    put(&folder, "k", b"old");
    let old = folder.object("bucket", "k").unwrap();
    put(&folder, "k", b"newer");
    assert_eq!(content(&old), b"old");
    assert_eq!(content(&folder.object("bucket", "k").unwrap()), b"newer");
    folder.delete_object("bucket", "k").unwrap();
    assert_eq!(content(&old), b"old");
    assert!(matches!(folder.object("bucket", "k"), Err(FolderError::NoSuchKey)));
    folder.delete_object("bucket", "k").unwrap();
}

#[test]
fn what_was_not_finished_leaves_nothing() {
    let world = world();
    let mut file = world.folder.stage(None).unwrap();
    file.write(b"half").unwrap();
    assert_eq!(leftovers(&world), 1);
    drop(file);
    drop(sealed(&world.folder, "k", b"whole, but never put"));
    assert_eq!(leftovers(&world), 0);
    assert!(matches!(world.folder.object("bucket", "k"), Err(FolderError::NoSuchKey)));
}

#[test]
fn a_start_clears_what_a_crash_left() {
    let World { dir, folder } = world();
    put(&folder, "k", b"kept");
    folder.create_bucket("gone", &record("1"), 10).unwrap();
    drop(folder);
    fs::write(dir.path().join("tmp/half"), b"half").unwrap();
    fs::create_dir_all(dir.path().join("tmp/grave/objects")).unwrap();
    // A deletion that got as far as its deciding step.
    fs::remove_dir(dir.path().join("buckets/gone/objects")).unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    assert_eq!(folder.buckets().unwrap().len(), 1);
    assert!(!dir.path().join("buckets/gone").exists());
    assert_eq!(content(&folder.object("bucket", "k").unwrap()), b"kept");
}

#[test]
fn a_bucket_is_deleted_only_when_it_is_empty() {
    let World { folder, dir: _dir } = world();
    put(&folder, "k", b"x");
    assert!(matches!(folder.delete_bucket("bucket"), Err(FolderError::BucketNotEmpty)));
    let late = sealed(&folder, "late", b"x");
    folder.delete_object("bucket", "k").unwrap();
    folder.delete_bucket("bucket").unwrap();
    assert!(matches!(folder.bucket("bucket"), Err(FolderError::NoSuchBucket)));
    let put = folder.put_object("bucket", late, &Condition::Always);
    assert!(matches!(put, Err(FolderError::NoSuchBucket)), "a put that lost the race is told so");
    assert!(matches!(folder.list_objects("bucket", &ListQuery::default()), Err(FolderError::NoSuchBucket)));
    assert_eq!(folder.create_bucket("bucket", &record("2"), 10).unwrap(), Created::New);
}

#[test]
fn bucket_names_belong_to_one_account_and_are_limited() {
    let World { folder, dir: _dir } = world();
    assert_eq!(folder.create_bucket("bucket", &record("1"), 10).unwrap(), Created::Existed);
    let taken = folder.create_bucket("bucket", &record("2"), 10);
    assert!(matches!(taken, Err(FolderError::BucketExists { account }) if account == "1"));
    assert_eq!(folder.create_bucket("second", &record("1"), 2).unwrap(), Created::New);
    let third = folder.create_bucket("third", &record("1"), 2);
    assert!(matches!(third, Err(FolderError::Full { what: "buckets", limit: 2 })));
    assert_eq!(folder.create_bucket("third", &record("2"), 2).unwrap(), Created::New);
}

#[test]
fn pages_hold_every_key_once_in_byte_order() {
    let World { folder, dir: _dir } = world();
    let long = format!("l/{}", "x".repeat(1000));
    let mut keys = vec!["a", "a-b", "a/b", "a/c/d", "a0", "b/", "ü", "Z", "%", long.as_str()];
    for key in &keys {
        put(&folder, key, key.as_bytes());
    }
    keys.sort_unstable();
    for limit in 1..=keys.len() + 1 {
        let (mut found, mut after) = (Vec::new(), Some(String::new()));
        while let Some(marker) = after {
            let query = ListQuery { after: marker, limit, ..ListQuery::default() };
            let (page, next) = names(&folder, &query);
            assert!(page.len() <= limit);
            found.extend(page);
            after = next;
        }
        assert_eq!(found, keys, "pages of {limit}");
    }
}

#[test]
fn keys_are_grouped_by_the_delimiter() {
    let World { folder, dir: _dir } = world();
    for key in ["a", "a/b", "a/c/d", "a/c/e", "a0", "b/x", "b/y"] {
        put(&folder, key, b"");
    }
    let list = |prefix: &str, delimiter: &str, after: &str, limit| {
        let query = ListQuery {
            prefix: prefix.into(),
            delimiter: Some(delimiter.into()),
            after: after.into(),
            limit,
        };
        names(&folder, &query)
    };
    assert_eq!(list("", "/", "", 10), (vec!["a".into(), "a/*".into(), "a0".into(), "b/*".into()], None));
    assert_eq!(list("", "/", "", 2), (vec!["a".into(), "a/*".into()], Some("a/".into())));
    assert_eq!(list("", "/", "a/", 2), (vec!["a0".into(), "b/*".into()], None));
    assert_eq!(list("a/", "/", "", 10), (vec!["a/b".into(), "a/c/*".into()], None));
    assert_eq!(list("a/c", "/", "", 10), (vec!["a/c/*".into()], None));
    assert_eq!(list("", "c/", "", 10).0[..2], ["a".to_owned(), "a/b".to_owned()]);
    assert_eq!(list("nothing", "/", "", 10), (vec![], None));
    assert_eq!(list("", "/", "", 0), (vec![], None));
}

#[test]
fn pages_are_not_disturbed_by_changes_between_them() {
    let World { folder, dir: _dir } = world();
    for key in ["b", "d", "f", "h"] {
        put(&folder, key, b"");
    }
    let (first, after) = names(&folder, &ListQuery { limit: 2, ..ListQuery::default() });
    assert_eq!(first, ["b", "d"]);
    put(&folder, "a", b"");
    put(&folder, "g", b"");
    folder.delete_object("bucket", "d").unwrap();
    let query = ListQuery { limit: 10, after: after.unwrap(), ..ListQuery::default() };
    assert_eq!(names(&folder, &query).0, ["f", "g", "h"]);
}

#[test]
fn of_many_conditional_puts_one_wins() {
    let World { folder, dir: _dir } = world();
    let folder = Arc::new(folder);
    let threads: Vec<_> = (0..8)
        .map(|index| {
            let folder = Arc::clone(&folder);
            std::thread::spawn(move || {
                let sealed = sealed(&folder, "lock", &[index]);
                folder.put_object("bucket", sealed, &Condition::Absent).is_ok()
            })
        })
        .collect();
    let wins = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|won| *won);
    assert_eq!(wins.count(), 1);
    let etag = folder.object("bucket", "lock").unwrap().record().etag.clone();
    let replace = |etag: &str| {
        folder.put_object("bucket", sealed(&folder, "lock", b"next"), &Condition::ETag(etag.to_owned()))
    };
    assert!(replace(&etag).is_ok());
    assert!(matches!(replace(&etag), Err(FolderError::Precondition)));
}

#[test]
fn parts_become_one_object_and_vanish() {
    let world = world();
    let folder = &world.folder;
    let upload = UploadRecord {
        version: 1,
        key: "joined".into(),
        started_ms: Millis(1),
        headers: BTreeMap::new(),
        metadata: BTreeMap::new(),
        checksum: None,
    };
    let id = folder.create_upload("bucket", &upload, 1).unwrap();
    assert!(matches!(folder.create_upload("bucket", &upload, 1), Err(FolderError::Full { limit: 1, .. })));
    for (number, part) in [(2, &b"wrong"[..]), (1, b"one "), (2, b"two")] {
        folder.put_part("bucket", &id, number, sealed(folder, "joined", part)).unwrap();
    }
    let parts = folder.parts("bucket", &id).unwrap();
    let chosen: Vec<_> = parts
        .iter()
        .map(|(number, record)| ChosenPart { number: *number, etag: record.etag.clone() })
        .collect();
    let finish = |chosen: &[ChosenPart]| {
        let new = NewObject { key: "joined".into(), ..NewObject::default() };
        let sums = RecordSums { etag: "e-2".into(), checksum: None, part_sizes: vec![4, 3] };
        folder.complete_upload("bucket", &id, chosen, (new, sums, &Condition::Always))
    };
    let changed = [ChosenPart { number: 1, etag: "other".into() }];
    assert!(matches!(finish(&changed), Err(FolderError::PartChanged)));
    finish(&chosen).unwrap();
    assert_eq!(content(&folder.object("bucket", "joined").unwrap()), b"one two");
    assert!(matches!(folder.upload("bucket", &id, "joined"), Err(FolderError::NoSuchUpload)));
    assert_eq!(leftovers(&world), 0);
}

#[test]
fn upload_ids_cannot_leave_the_folder() {
    let World { folder, dir: _dir } = world();
    for id in ["", ".", "..", "../../bucket", "00000000000000000000000000000000"] {
        assert!(matches!(folder.upload("bucket", id, "k"), Err(FolderError::NoSuchUpload)), "{id}");
        assert!(matches!(folder.abort_upload("bucket", id), Err(FolderError::NoSuchUpload)), "{id}");
    }
}

#[test]
fn a_damaged_object_is_an_error_and_not_a_short_answer() {
    let World { folder, dir } = world();
    put(&folder, "k", b"hello");
    let path = dir.path().join("buckets/bucket/objects/k");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    assert!(matches!(folder.object("bucket", "k"), Err(FolderError::Damaged { .. })));
}
