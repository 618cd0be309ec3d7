//! The K-Means engine: assigns each row to the nearest of the trained cluster centres.
//!
//! Why: the artifact is one (k, width) array, so serving it is reading, a distance loop and printing; it
//! answers as Amazon's K-Means image does (Euclidean distance, both numbers printed as floats).
//! Invariants: at least one cluster and one feature, all finite; a request holds no more than its body, some
//! rows, sixteen bytes per row and its answer in memory, so rows are bounded by `ROWS_MAX`.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::engine::{
    Answer, Engine, EngineError, EngineKind, ExecutionParameters, InvokeInput, LoadError, ZeroRow,
};
use crate::media::{RequestFormat, answer_format, request_format};
use crate::ndarray;
use crate::rows::{read_rows, values_max};
use crate::sniff::Verdict;
use centroids::Centroids;

mod answer;
mod centroids;

/// Training jobs name the file after their host: `model_algo-1`.
const FILE_PREFIX: &str = "model_algo-";
const FILE_PATTERN: &str = "model_algo-*";

/// A thousand clusters of a hundred thousand features fit; more is a mistake or an attack.
const MODEL_BYTES_MAX: u64 = 1 << 30;

/// Some 80 MB of JSON answer.
const ROWS_MAX: usize = 1_000_000;

/// Centres are kept one after another, and once more as vector instructions read them.
const VALUE_COPIES: u64 = 2;
/// Of a model, however small.
const OVERHEAD_BYTES: u64 = 4096;

/// Multiplications in about a millisecond.
const SHORT_WORK_MAX: usize = 2_000_000;

/// Bytes of text that are parsed in some hundreds of microseconds.
const SHORT_BODY_BYTES_MAX: usize = 64 * 1024;

/// A loaded K-Means model.
#[derive(Debug)]
pub struct KMeans {
    centroids: Centroids,
}

impl KMeans {
    /// Loads the only `model_algo-*` file of a directory; other files are ignored, as training jobs leave some.
    pub fn load(dir: &Path) -> Result<Self, LoadError> {
        let file = find_model(dir)?;
        let bytes = read_model(&file)?;
        Self::from_file(&file, &bytes)
    }

    fn from_file(file: &Path, bytes: &[u8]) -> Result<Self, LoadError> {
        let wrong = |problem: String| LoadError::Layout {
            file: file.to_owned(),
            engine: EngineKind::KMeans.name(),
            problem,
        };
        let list =
            ndarray::read(bytes).map_err(|source| LoadError::NdArray { file: file.to_owned(), source })?;
        let array = match list.arrays.as_slice() {
            [array] if list.names.is_empty() => array,
            [_] => return Err(wrong(format!("its array is named `{}`", list.names[0]))),
            arrays => return Err(wrong(format!("it holds {} arrays, not one", arrays.len()))),
        };
        let [clusters, width] = array.shape[..] else {
            let shape = &array.shape;
            return Err(wrong(format!("its array has the shape {shape:?}, not [clusters, features]")));
        };
        if clusters == 0 || width == 0 {
            return Err(wrong(format!("it holds {clusters} clusters of {width} features")));
        }
        let values = array
            .to_f32()
            .ok_or_else(|| wrong(format!("its values are {:?}, not 32-bit floats", array.element)))?;
        if let Some(position) = values.iter().position(|value| !value.is_finite()) {
            let (row, column) = (position / width as usize, position % width as usize);
            return Err(wrong(format!("feature {column} of cluster {row} is {}", values[position])));
        }
        Ok(Self { centroids: Centroids::new(values, width as usize) })
    }

    /// The nearest cluster of each of these rows, which follow one another, and the distance to it.
    ///
    /// The rows are whole and finite; a distance that does not fit 32 bits is infinite.
    pub fn assign(&self, rows: &[f32]) -> Vec<(usize, f32)> {
        let mut found = Vec::with_capacity(rows.len() / self.centroids.width());
        self.centroids.nearest_each(rows, &mut found);
        found
    }

    fn predict(&self, format: RequestFormat, body: &[u8]) -> Result<Vec<(usize, f32)>, EngineError> {
        let width = self.centroids.width();
        let batch_values = self.centroids.batch_rows() * width;
        let mut found = Vec::new();
        let mut waiting = Vec::new();
        let mut row_count = 0;
        read_rows(format, body, width, |row| {
            if row_count == ROWS_MAX {
                return Err(EngineError::TooManyRows { rows_max: ROWS_MAX });
            }
            row_count += 1;
            waiting.extend_from_slice(row);
            if waiting.len() >= batch_values {
                self.centroids.nearest_each(&waiting, &mut found);
                waiting.clear();
            }
            Ok(())
        })?;
        self.centroids.nearest_each(&waiting, &mut found);
        match found.iter().position(|(_, distance)| !distance.is_finite()) {
            Some(index) => Err(EngineError::TooFar { row: index + 1 }),
            None => Ok(found),
        }
    }
}

impl Engine for KMeans {
    fn describe(&self) -> String {
        format!("kmeans, {} clusters of {} features", self.centroids.count(), self.centroids.width())
    }

    fn execution_parameters(&self) -> ExecutionParameters {
        ExecutionParameters { batch_strategy: "MULTI_RECORD" }
    }

    fn memory_bytes(&self) -> u64 {
        let values = self.centroids.width() * self.centroids.count();
        VALUE_COPIES * (values * size_of::<f32>()) as u64 + OVERHEAD_BYTES
    }

    fn may_take_long(&self, input: &InvokeInput<'_>) -> bool {
        if input.body.len() > SHORT_BODY_BYTES_MAX {
            return true;
        }
        let Ok(format) = request_format(input.content_type) else {
            return false;
        };
        values_max(format, input.body, self.centroids.width()).saturating_mul(self.centroids.count())
            > SHORT_WORK_MAX
    }

    fn zero_row(&self) -> ZeroRow {
        ZeroRow { content_type: "text/csv", body: vec!["0"; self.centroids.width()].join(",") }
    }

    fn invoke(&self, input: &InvokeInput<'_>) -> Result<Answer, EngineError> {
        // Accept first: there is no sense in computing what nobody can read.
        let answer_format = answer_format(input.accept)?;
        let request_format = request_format(input.content_type)?;
        let predictions = self.predict(request_format, input.body)?;
        Ok(Answer {
            content_type: answer_format.content_type(),
            body: answer::write(&predictions, answer_format).into(),
        })
    }
}

/// Whether a directory holds a model that this engine loads, and why.
pub(crate) fn judge(dir: &Path) -> Verdict {
    // Loading is the only honest answer, but a zip of some gigabytes need not be read for it.
    let refuses = |error: &LoadError| Verdict::Refuses { because: error.with_causes() };
    let file = match find_model(dir) {
        Ok(file) => file,
        Err(error) => return refuses(&error),
    };
    let name = file.file_name().unwrap_or_default().display();
    if let Ok(first_bytes) = first_bytes(&file)
        && !ndarray::is_list(&first_bytes)
    {
        let is_zip = first_bytes.starts_with(b"PK\x03\x04");
        let what = if is_zip { "a zip archive" } else { "something else" };
        return Verdict::Refuses { because: format!("`{name}` is {what}, not an MXNet NDArray list") };
    }
    match KMeans::load(dir) {
        Err(error) => refuses(&error),
        Ok(KMeans { centroids }) => Verdict::Serves {
            because: format!(
                "`{name}` is an MXNet NDArray list with one unnamed array of {} x {} numbers: clusters x features",
                centroids.count(),
                centroids.width()
            ),
        },
    }
}

fn first_bytes(file: &Path) -> std::io::Result<[u8; 8]> {
    let mut first_bytes = [0; 8];
    File::open(file)?.read_exact(&mut first_bytes)?;
    Ok(first_bytes)
}

fn find_model(dir: &Path) -> Result<PathBuf, LoadError> {
    let cannot_read = |source| LoadError::ReadDir { dir: dir.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(cannot_read)? {
        names.push(entry.map_err(cannot_read)?.file_name());
    }
    names.sort();
    let is_model = |name: &OsStr| name.to_string_lossy().starts_with(FILE_PREFIX) && dir.join(name).is_file();
    let models: Vec<_> = names.iter().filter(|name| is_model(name)).collect();
    match models.as_slice() {
        [model] => Ok(dir.join(model)),
        [] => Err(LoadError::NoModel {
            dir: dir.to_owned(),
            pattern: FILE_PATTERN,
            found: list_names(names.iter()),
        }),
        several => Err(LoadError::SeveralModels {
            dir: dir.to_owned(),
            pattern: FILE_PATTERN,
            found: list_names(several.iter().copied()),
        }),
    }
}

/// The first few names, for a message.
fn list_names<'a>(names: impl ExactSizeIterator<Item = &'a std::ffi::OsString>) -> String {
    const NAMES_MAX: usize = 10;
    let count = names.len();
    if count == 0 {
        return "nothing".to_owned();
    }
    let quoted: Vec<_> = names.take(NAMES_MAX).map(|name| format!("`{}`", name.display())).collect();
    let more = match count.saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    quoted.join(", ") + &more
}

/// The file's bytes, the numbers read from them, and the model made of these.
pub(crate) fn memory_to_load(dir: &Path) -> Result<u64, LoadError> {
    let file = find_model(dir)?;
    let size = file.metadata().map_err(|source| LoadError::Read { file: file.clone(), source })?.len();
    Ok(size.saturating_mul(1 + VALUE_COPIES) + OVERHEAD_BYTES)
}

fn read_model(file: &Path) -> Result<Vec<u8>, LoadError> {
    let cannot_read = |source| LoadError::Read { file: file.to_owned(), source };
    let opened = File::open(file).map_err(cannot_read)?;
    let size_bytes = opened.metadata().map_err(cannot_read)?.len();
    if size_bytes > MODEL_BYTES_MAX {
        return Err(LoadError::TooLarge {
            file: file.to_owned(),
            bytes: size_bytes,
            bytes_max: MODEL_BYTES_MAX,
        });
    }
    let mut bytes = Vec::with_capacity(size_bytes as usize);
    // The limit holds even if the file grows meanwhile.
    opened.take(MODEL_BYTES_MAX).read_to_end(&mut bytes).map_err(cannot_read)?;
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod tests;
