//! Reader of MXNet's NDArray list files, the form in which Amazon's older algorithms save their arrays.
//!
//! Why: `model_algo-1` of K-Means is such a file and the format is small; reading it here needs no MXNet.
//! The reader borrows: an array is a view into the file's bytes, so nothing is allocated on the word of a
//! length field. Bytes after the last name are ignored, as MXNet ignores them.
//! Invariants: every length is checked against the bytes that are left before it is used; knows nothing
//! of what the arrays mean.

use thiserror::Error;

/// First eight bytes of a list file.
pub const LIST_MAGIC: u64 = 0x112;

const MAGIC_V1: u32 = 0xF993_FAC8;
const MAGIC_V2: u32 = 0xF993_FAC9;
const MAGIC_V3: u32 = 0xF993_FACA;

/// More dimensions than any model has; numpy itself stops at 32.
const DIMENSIONS_MAX: u32 = 32;

/// The arrays of one file, in file order.
#[derive(Debug, Clone, PartialEq)]
pub struct NdArrayList<'a> {
    pub arrays: Vec<NdArray<'a>>,
    /// Empty for a list; one name per array for a dictionary.
    pub names: Vec<String>,
}

/// One dense array: its shape, its element type and its raw little-endian values in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct NdArray<'a> {
    pub shape: Vec<u64>,
    pub element: Element,
    pub values: &'a [u8],
}

/// Element types, numbered as in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    F32,
    F64,
    F16,
    U8,
    I32,
    I8,
    I64,
    Bool,
}

/// Why a file could not be read; `at` is the offset of the field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NdArrayError {
    #[error("the file ends at byte {at}, inside {what}")]
    Truncated { at: usize, what: &'static str },
    #[error("the file starts with {found:#x}, an MXNet NDArray list starts with {LIST_MAGIC:#x}{hint}")]
    NotAList { found: u64, hint: &'static str },
    #[error("byte {at}: array {index} is stored as {storage}, only dense arrays can be served")]
    Sparse { at: usize, index: u64, storage: &'static str },
    #[error("byte {at}: {what} is {found}, which no NDArray file has")]
    Nonsense { at: usize, what: &'static str, found: i64 },
    #[error(
        "byte {at}: array {index} of shape {shape:?} needs more than the {left} bytes that are left in the file"
    )]
    TooLong { at: usize, index: u64, shape: Vec<u64>, left: usize },
    #[error("byte {at}: there are {names} names for {arrays} arrays")]
    Names { at: usize, names: u64, arrays: u64 },
    #[error("byte {at}: the name of array {index} is not UTF-8")]
    NameNotUtf8 { at: usize, index: u64 },
}

impl Element {
    fn from_flag(flag: i32) -> Option<Self> {
        Some(match flag {
            0 => Self::F32,
            1 => Self::F64,
            2 => Self::F16,
            3 => Self::U8,
            4 => Self::I32,
            5 => Self::I8,
            6 => Self::I64,
            7 => Self::Bool,
            _ => return None,
        })
    }

    fn size_bytes(self) -> u64 {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 => 2,
            Self::U8 | Self::I8 | Self::Bool => 1,
        }
    }
}

impl NdArray<'_> {
    /// The values as 32-bit floats, for the two element types that training jobs write.
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        match self.element {
            Element::F32 => {
                let (values, _) = self.values.as_chunks::<4>();
                Some(values.iter().map(|raw| f32::from_le_bytes(*raw)).collect())
            }
            Element::F64 => {
                let (values, _) = self.values.as_chunks::<8>();
                let narrow = |raw: &[u8; 8]| f64::from_le_bytes(*raw) as f32;
                Some(values.iter().map(narrow).collect())
            }
            _ => None,
        }
    }
}

/// Whether these first bytes of a file are those of a list file.
pub fn is_list(first_bytes: &[u8]) -> bool {
    first_bytes.starts_with(&LIST_MAGIC.to_le_bytes())
}

/// Reads a whole file.
pub fn read(file: &[u8]) -> Result<NdArrayList<'_>, NdArrayError> {
    let mut reader = Reader { file, at: 0 };
    let magic = reader.u64("the list header")?;
    if magic != LIST_MAGIC {
        let hint = if file.starts_with(b"PK\x03\x04") {
            " (this is a zip archive, as linear-learner and factorization-machines write)"
        } else if file.starts_with(&[0x1F, 0x8B]) {
            " (this is a gzip file)"
        } else {
            ""
        };
        return Err(NdArrayError::NotAList { found: magic, hint });
    }
    reader.u64("the list header")?;
    let count = reader.u64("the list header")?;
    let mut arrays = Vec::new();
    for index in 0..count {
        arrays.push(reader.array(index)?);
    }
    let at = reader.at;
    let name_count = reader.u64("the number of names")?;
    if name_count != 0 && name_count != count {
        return Err(NdArrayError::Names { at, names: name_count, arrays: count });
    }
    let mut names = Vec::new();
    for index in 0..name_count {
        let length = reader.u64("the length of a name")?;
        let at = reader.at;
        let name = reader.take(length, "a name")?;
        let name = std::str::from_utf8(name).map_err(|_| NdArrayError::NameNotUtf8 { at, index })?;
        names.push(name.to_owned());
    }
    Ok(NdArrayList { arrays, names })
}

struct Reader<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn array(&mut self, index: u64) -> Result<NdArray<'a>, NdArrayError> {
        let magic_at = self.at;
        let magic = self.u32("the header of an array")?;
        let shape = match magic {
            MAGIC_V2 | MAGIC_V3 => {
                self.dense_storage(index)?;
                let dimensions = self.u32("the shape of an array")?;
                self.shape(dimensions, Self::wide_dimension)?
            }
            MAGIC_V1 => {
                let dimensions = self.u32("the shape of an array")?;
                self.shape(dimensions, Self::wide_dimension)?
            }
            // Before there was a magic, the first number was that of the dimensions.
            dimensions if dimensions <= DIMENSIONS_MAX => self.shape(dimensions, Self::narrow_dimension)?,
            other => {
                return Err(NdArrayError::Nonsense {
                    at: magic_at,
                    what: "the magic number of an array",
                    found: i64::from(other),
                });
            }
        };
        if shape.is_empty() && magic != MAGIC_V3 {
            return Ok(NdArray { shape: vec![0], element: Element::F32, values: &[] });
        }
        self.u32("the device of an array")?;
        self.u32("the device of an array")?;
        let flag_at = self.at;
        let flag = self.i32("the element type of an array")?;
        let element = Element::from_flag(flag).ok_or(NdArrayError::Nonsense {
            at: flag_at,
            what: "the element type",
            found: i64::from(flag),
        })?;
        let left = self.file.len() - self.at;
        let length = shape
            .iter()
            .try_fold(element.size_bytes(), |product, dimension| product.checked_mul(*dimension))
            .filter(|length| *length <= left as u64);
        let Some(length) = length else {
            return Err(NdArrayError::TooLong { at: self.at, index, shape, left });
        };
        let values = self.take(length, "the values of an array")?;
        Ok(NdArray { shape, element, values })
    }

    fn dense_storage(&mut self, index: u64) -> Result<(), NdArrayError> {
        let at = self.at;
        let storage = match self.i32("the storage type of an array")? {
            0 => return Ok(()),
            1 => "row_sparse",
            2 => "csr",
            -1 => "undefined",
            found => {
                return Err(NdArrayError::Nonsense { at, what: "the storage type", found: i64::from(found) });
            }
        };
        Err(NdArrayError::Sparse { at, index, storage })
    }

    fn shape(
        &mut self,
        dimensions: u32,
        read_dimension: fn(&mut Self) -> Result<u64, NdArrayError>,
    ) -> Result<Vec<u64>, NdArrayError> {
        if dimensions > DIMENSIONS_MAX {
            return Err(NdArrayError::Nonsense {
                at: self.at - size_of::<u32>(),
                what: "the number of dimensions",
                found: i64::from(dimensions),
            });
        }
        (0..dimensions).map(|_| read_dimension(self)).collect()
    }

    fn wide_dimension(&mut self) -> Result<u64, NdArrayError> {
        let at = self.at;
        let found = self.u64("the shape of an array")? as i64;
        u64::try_from(found).map_err(|_| NdArrayError::Nonsense { at, what: "a dimension", found })
    }

    fn narrow_dimension(&mut self) -> Result<u64, NdArrayError> {
        self.u32("the shape of an array").map(u64::from)
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, NdArrayError> {
        self.fixed(what).map(u64::from_le_bytes)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, NdArrayError> {
        self.fixed(what).map(u32::from_le_bytes)
    }

    fn i32(&mut self, what: &'static str) -> Result<i32, NdArrayError> {
        self.fixed(what).map(i32::from_le_bytes)
    }

    fn fixed<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], NdArrayError> {
        let bytes = self.file[self.at..].first_chunk::<N>().ok_or(self.truncated(what))?;
        self.at += N;
        Ok(*bytes)
    }

    fn take(&mut self, length: u64, what: &'static str) -> Result<&'a [u8], NdArrayError> {
        let length = usize::try_from(length).map_err(|_| self.truncated(what))?;
        let bytes = self.file[self.at..].get(..length).ok_or(self.truncated(what))?;
        self.at += length;
        Ok(bytes)
    }

    fn truncated(&self, what: &'static str) -> NdArrayError {
        NdArrayError::Truncated { at: self.file.len(), what }
    }
}

#[cfg(test)]
mod tests;
