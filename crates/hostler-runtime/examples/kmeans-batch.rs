//! Assigns rows to the clusters of a model, again and again: the program that `bench/kmeans/batch.py` measures.
//!
//! Why: the engine's arithmetic beside scikit-learn's, without HTTP and formats on either side.
//! Invariants: one thread; each line on standard input is one pass over all rows, answered by one line.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::{env, fs};

use hostler_runtime::engine::kmeans::KMeans;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(model_dir), Some(rows), Some(answers)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("expected MODEL_DIR ROWS ANSWERS: ROWS holds 32-bit floats, little endian".into());
    };
    let model = KMeans::load(Path::new(&model_dir))?;
    let bytes = fs::read(rows)?;
    let rows: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();

    // What was found, for a look at whether it is right: cluster and distance, eight bytes a row.
    let found = model.assign(&rows);
    let pair = |(cluster, distance): &(usize, f32)| [(*cluster as u32).to_le_bytes(), distance.to_le_bytes()];
    fs::write(answers, found.iter().flat_map(pair).flatten().collect::<Vec<u8>>())?;

    let mut output = io::stdout().lock();
    writeln!(output, "{}", model.assign(&rows).len())?;
    for line in io::stdin().lock().lines() {
        line?;
        writeln!(output, "{}", model.assign(&rows).len())?;
    }
    Ok(())
}
