//! Names that SageMaker refuses, collisions, limits, and a property: what is accepted can be laid out, inside.

use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;

use super::*;

const URI: &str = "s3://models/llm/";

fn verdict(paths: &[&str]) -> Result<(), String> {
    check(URI, paths, &UnpackLimits::default()).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(paths: &[&str], detail: &str) {
    let expected = format!("the objects at `{URI}` cannot be laid out as files: {detail}");
    assert_eq!(verdict(paths), Err(expected), "{paths:?}");
}

#[test]
fn ordinary_names_are_accepted() {
    for path in ["weights", "a/b/c", "model v1.bin", "ü+%20", ".hidden", "...", "a.", "-rf", "a\\b", "a\nb"]
    {
        assert_eq!(verdict(&[path]), Ok(()), "{path}");
    }
    let longest = "x".repeat(255);
    assert_eq!(verdict(&[&longest, "a/b", "a/c", "ab"]), Ok(()));
}

#[test]
fn names_that_sagemaker_forbids_are_refused() {
    refused(
        &[""],
        "an object has the prefix itself as its key, as the S3 console makes for a folder; delete it",
    );
    refused(
        &["weights/"],
        "`weights/` ends in a slash, as the S3 console makes for a folder; delete that object",
    );
    for path in ["a//b", "/etc/passwd", "//"] {
        let error = verdict(&[path]).unwrap_err();
        assert!(error.contains("empty name") || error.contains("ends in a slash"), "{error}");
    }
    refused(&["a/ /b"], "`a/ /b` holds a name of blanks alone");
    refused(&["a\0b"], "`a\\u{0}b` holds a zero byte");
    for path in [".", "..", "../x", "a/../../x", "a/./b", "a/.."] {
        refused(&[path], &format!("`{path}` goes through `.` or `..`"));
    }
    let long = format!("a/{}", "x".repeat(256));
    assert!(verdict(&[&long]).unwrap_err().ends_with("holds a name longer than 255 bytes"));
}

#[test]
fn a_file_is_no_directory_in_whatever_order() {
    // AWS's own example.
    let detail = "`weights` is a file, and a directory because of `weights/part1`";
    refused(&["weights", "weights/part1"], detail);
    refused(&["weights/part1", "weights"], detail);
    // Between the two in byte order stand names that have nothing to do with them.
    refused(&["weights", "weights.bin", "weights/part1"], detail);
    refused(&["a/b", "c", "a/b"], "`a/b` is there twice");
}

#[test]
fn limits_are_named_when_they_are_reached() {
    let limits = UnpackLimits { path_bytes: 10, depth: 3, files: 4, ..UnpackLimits::default() };
    let over = |paths: &[&str]| check(URI, paths, &limits).unwrap_err().to_string();
    let text = |detail: &str| format!("the artifact at `{URI}` is over a limit: {detail}");
    assert_eq!(over(&["0123456789a"]), text("the name `0123456789a` is longer than 10 bytes"));
    assert_eq!(over(&["a/b/c/d"]), text("`a/b/c/d` lies more than 3 directories deep"));
    assert_eq!(over(&["a/b/c", "d", "e"]), text("its files and directories are 5; at most 4 are made"));
    assert!(check(URI, &["a/b/c", "d"], &limits).is_ok());
}

proptest! {
    /// The file system is the judge: what is accepted can be made, one file per object, all below the directory.
    #[test]
    fn what_is_accepted_can_be_laid_out_inside(
        paths in proptest::collection::vec("(a|b|\\.|\\.\\.| |/|c/){1,6}", 1..6)
    ) {
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        if check(URI, &paths, &UnpackLimits::default()).is_ok() {
            let outer = tempfile::tempdir().unwrap();
            let root = outer.path().join("model");
            fs::create_dir(&root).unwrap();
            for path in &paths {
                let file = root.join(path);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::File::create_new(&file).unwrap();
                prop_assert!(file.canonicalize().unwrap().starts_with(root.canonicalize().unwrap()));
            }
            let beside: BTreeSet<_> = fs::read_dir(outer.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            prop_assert_eq!(beside, BTreeSet::from(["model".into()]));
        }
    }

    /// And the other way round: what can be made without replacing anything, from names without a trick, is accepted.
    #[test]
    fn what_can_be_laid_out_is_accepted(
        paths in proptest::collection::vec("(a|b|c)(/(a|b|c)){0,3}", 1..6)
    ) {
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let root = tempfile::tempdir().unwrap();
        let fits = paths.iter().all(|path| {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).is_ok() && fs::File::create_new(&file).is_ok()
        });
        prop_assert_eq!(check(URI, &paths, &UnpackLimits::default()).is_ok(), fits);
    }
}
