//! The frameworks of AWS's images: what each has installed before a model says anything.
//!
//! Why: scripts import scikit-learn in the scikit-learn image without asking for it. The version stands in the image's tag,
//! and a pickled model is often read by just that version.
//! Invariants: pure. The model's own requirement of a package comes before the framework's.

/// The frameworks, by the names that the contract server knows.
pub const FRAMEWORKS: [&str; 4] = ["plain", "scikit-learn", "xgboost", "pytorch"];

/// What an image of this framework and version has installed; nothing for a framework that nobody knows.
pub fn base(framework: &str, version: Option<&str>, has_script: bool) -> Vec<String> {
    let minor = version.and_then(minor);
    let of = |package: &str| pinned(package, minor);
    match framework {
        "scikit-learn" => {
            let mut all = vec![of("scikit-learn"), "pandas".to_owned()];
            // Built before NumPy 2 was there, and not able to say so.
            if minor.is_some_and(|version| version < (1, 4)) {
                all.push("numpy<2".to_owned());
            }
            all
        }
        "xgboost" => {
            // The package without code for GPUs is a tenth of the other one; it begins with 2.1.
            let package =
                if minor.is_none_or(|version| version >= (2, 1)) { "xgboost-cpu" } else { "xgboost" };
            let mut all = vec![of(package)];
            if minor.is_some_and(|version| version < (2, 1)) {
                all.push("numpy<2".to_owned());
            }
            if has_script {
                all.extend(["pandas".to_owned(), "scikit-learn".to_owned()]);
            }
            all
        }
        "pytorch" => vec![of("torch"), "numpy".to_owned()],
        _ => Vec::new(),
    }
}

/// Those of `base` that the model does not ask for by itself.
pub(crate) fn besides(base: Vec<String>, requirements: &str) -> Vec<String> {
    let asked: Vec<String> = requirements.lines().filter_map(package).collect();
    // Two packages that hold the same module.
    let is_asked = |name: &str| {
        asked.iter().any(|asked| asked == name || name.strip_suffix("-cpu") == Some(asked.as_str()))
    };
    base.into_iter().filter(|line| !package(line).is_some_and(|name| is_asked(&name))).collect()
}

fn pinned(package: &str, minor: Option<(u32, u32)>) -> String {
    minor.map_or_else(|| package.to_owned(), |(major, minor)| format!("{package}=={major}.{minor}.*"))
}

fn minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The name of the package that a line asks for, as PyPI spells names; none for options and comments.
fn package(line: &str) -> Option<String> {
    let line = line.trim();
    let end = line.find(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter));
    let name = &line[..end.unwrap_or(line.len())];
    let is_name = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    is_name.then(|| name.to_ascii_lowercase().replace(['_', '.'], "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_tag_says_which_version_is_installed() {
        assert_eq!(base("scikit-learn", Some("1.2"), true), ["scikit-learn==1.2.*", "pandas", "numpy<2"]);
        assert_eq!(base("scikit-learn", Some("1.4"), true), ["scikit-learn==1.4.*", "pandas"]);
        assert_eq!(base("scikit-learn", None, true), ["scikit-learn", "pandas"]);
        assert_eq!(base("xgboost", Some("3.0"), false), ["xgboost-cpu==3.0.*"]);
        assert_eq!(base("xgboost", Some("1.7"), false), ["xgboost==1.7.*", "numpy<2"]);
        assert_eq!(base("pytorch", Some("2.1.0"), true), ["torch==2.1.*", "numpy"]);
        assert!(base("plain", None, true).is_empty());
    }

    #[test]
    fn what_the_model_asks_for_comes_first() {
        let base = || vec!["scikit-learn==1.2.*".to_owned(), "pandas".to_owned(), "numpy<2".to_owned()];
        let left = |requirements: &str| besides(base(), requirements).join(" ");
        assert_eq!(left(""), "scikit-learn==1.2.* pandas numpy<2");
        assert_eq!(left("Scikit_Learn >= 1.5\n# pandas\n-r numpy\n"), "pandas numpy<2");
        assert_eq!(
            left("pandas[parquet]==2 ; python_version > '3'\nnumpy @ https://x/numpy.whl"),
            "scikit-learn==1.2.*"
        );
        assert_eq!(besides(vec!["xgboost-cpu==3.0.*".to_owned()], "xgboost==2.0"), Vec::<String>::new());
    }
}
