//! The contract server: Python files inside this binary, laid out beside the instance that runs them.
//!
//! Why: nothing but this binary has to be installed; the files are of the same release as the server that starts them.
//! Invariants: every file of `python/` is in the table, which a test compares.

use std::fs;
use std::io;
use std::path::Path;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../python/", $name)))),*]
    };
}

const FILES: [(&str, &str); 18] = files![
    "__main__.py",
    "hostler_serving/__init__.py",
    "hostler_serving/answers.py",
    "hostler_serving/context.py",
    "hostler_serving/errors.py",
    "hostler_serving/exchange.py",
    "hostler_serving/formats.py",
    "hostler_serving/frameworks.py",
    "hostler_serving/front.py",
    "hostler_serving/handlers.py",
    "hostler_serving/of_plain.py",
    "hostler_serving/of_pytorch.py",
    "hostler_serving/of_sklearn.py",
    "hostler_serving/of_xgboost.py",
    "hostler_serving/pool.py",
    "hostler_serving/settings.py",
    "hostler_serving/worker.py",
    "hostler_serving/xgboost_rows.py",
];

/// Writes the server into `dir`, which is what Python is to run.
pub(crate) fn lay_out(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir.join("hostler_serving"))?;
    FILES.iter().try_for_each(|(name, text)| fs::write(dir.join(name), text))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_the_server_is_in_the_binary() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
        let mut found = BTreeSet::new();
        for (dir, prefix) in [(root.clone(), ""), (root.join("hostler_serving"), "hostler_serving/")] {
            for entry in fs::read_dir(dir).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if name.strip_suffix(".py").is_some() {
                    found.insert(format!("{prefix}{name}"));
                }
            }
        }
        let known: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(known, found);
    }
}
