//! Where a model's script is, and what it asks for.
//!
//! Why: three ways lead to it: `code/` in the model's archive, SAGEMAKER_SUBMIT_DIRECTORY below `/opt/ml/model`, and an
//! archive of its own, which the SDK uploads for some frameworks.
//! Invariants: reads, and writes nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const OPT_ML_MODEL: &str = "/opt/ml/model";
const PROGRAM_DEFAULT: &str = "inference.py";
const REQUIREMENTS: &str = "requirements.txt";
/// A longer one is a mistake.
const REQUIREMENTS_BYTES_MAX: u64 = 1 << 20;

/// A model's code.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) dir: PathBuf,
    /// Whether the program is there; a framework's defaults may do without.
    pub(crate) has_script: bool,
    /// The file, when there is one, and what it holds.
    pub(crate) requirements: Option<(PathBuf, String)>,
}

impl Code {
    /// Looks for it.
    pub(crate) fn find(
        model_dir: &Path,
        own_dir: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> io::Result<Self> {
        let dir = match (own_dir, variable("SAGEMAKER_SUBMIT_DIRECTORY")) {
            (Some(own), _) => own.to_path_buf(),
            (None, Some(submitted)) => submitted_dir(model_dir, &submitted),
            (None, None) => model_dir.join("code"),
        };
        let program = variable("SAGEMAKER_PROGRAM").filter(|program| !program.is_empty());
        let has_script = dir.join(program.as_deref().unwrap_or(PROGRAM_DEFAULT)).is_file();
        let path = dir.join(REQUIREMENTS);
        let requirements = match fs::metadata(&path) {
            Ok(meta) if meta.len() > REQUIREMENTS_BYTES_MAX => {
                return Err(io::Error::other(format!(
                    "{REQUIREMENTS} is larger than {REQUIREMENTS_BYTES_MAX} bytes"
                )));
            }
            Ok(meta) if meta.is_file() => {
                let bytes = fs::read(&path)?;
                Some((path, String::from_utf8_lossy(&bytes).into_owned()))
            }
            _ => None,
        };
        Ok(Self { dir, has_script, requirements })
    }

    /// Whether requirements lead to other files of the code, which then decide what is installed as well.
    pub(crate) fn refers_to_files(&self) -> bool {
        let Some((_, text)) = &self.requirements else { return false };
        text.lines().map(str::trim).any(|line| {
            // Wherever it stands: one that leads to no file costs an environment more, one that is missed is another's.
            let is_option =
                !line.starts_with('#') && line.split_whitespace().any(|word| word.starts_with('-'));
            let is_path = line.starts_with(['.', '/']) || line.contains("file:");
            let word = line.split([' ', ';', '[']).next().unwrap_or_default();
            is_option || is_path || !word.is_empty() && !word.starts_with('#') && self.dir.join(word).exists()
        })
    }
}

/// The directory that the SDK names, which lies in the model's archive.
fn submitted_dir(model_dir: &Path, submitted: &str) -> PathBuf {
    match Path::new(submitted).strip_prefix(OPT_ML_MODEL) {
        Ok(below) => model_dir.join(below),
        Err(_) if submitted.starts_with('/') && Path::new(submitted).is_dir() => PathBuf::from(submitted),
        Err(_) => model_dir.join("code"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn the_script_is_found_on_each_of_its_ways() {
        let model =
            model(&[("code/inference.py", ""), ("src/serve.py", ""), ("src/requirements.txt", "numpy\n")]);
        let find = |own: Option<&Path>, variables: &[(&str, &str)]| {
            let find = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            let code = Code::find(model.path(), own, find).unwrap();
            (code.dir, code.has_script, code.requirements.map(|(_, text)| text))
        };
        let code = model.path().join("code");
        assert_eq!(find(None, &[]), (code.clone(), true, None));
        assert_eq!(find(None, &[("SAGEMAKER_PROGRAM", "serve.py")]), (code.clone(), false, None));
        let submitted = [("SAGEMAKER_SUBMIT_DIRECTORY", "/opt/ml/model/code")];
        assert_eq!(find(None, &submitted), (code, true, None));
        let src = model.path().join("src");
        let named =
            [("SAGEMAKER_PROGRAM", "serve.py"), ("SAGEMAKER_SUBMIT_DIRECTORY", "s3://b/sourcedir.tar.gz")];
        assert_eq!(find(Some(&src), &named), (src.clone(), true, Some("numpy\n".to_owned())));
    }

    #[test]
    fn requirements_that_lead_to_other_files_are_told_from_plain_ones() {
        let refers = |text: &str| {
            let model = model(&[("code/requirements.txt", text), ("code/wheel.whl", "")]);
            Code::find(model.path(), None, |_| None).unwrap().refers_to_files()
        };
        assert!(!refers("numpy==1.26\n# -r other.txt\npandas>=2 ; python_version > '3.8'\n"));
        for text in
            ["-r other.txt", "-c limits.txt", "./wheel.whl", "wheel.whl", "x @ file:///x", "--find-links=w"]
        {
            assert!(refers(text), "{text}");
        }
    }
}
