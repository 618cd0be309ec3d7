//! Reader of `text/csv`: one row per line, no header, numbers between commas.
//!
//! Why: this is the hot path, and its cost is that of parsing floats; each cell is parsed where it stands and
//! only what does not look like a plain number is looked at twice. A general CSV reader would first split
//! cells that are almost never quoted.
//! Invariants: as `rows` says; quotes around a number are taken, a quoted label may hold commas.

use super::{RowsError, not_a_number};

const HEADER_HINT: &str = " (a header line is not expected)";

pub(super) fn read<E: From<RowsError>>(
    body: &[u8],
    width: usize,
    label_size: usize,
    mut sink: impl FnMut(&[f32]) -> Result<(), E>,
) -> Result<(), E> {
    let mut values = Vec::with_capacity(width);
    let mut lines = Lines { body, at: 0, row: 0, width, label_size };
    while lines.next_row()? {
        lines.read_row(&mut values)?;
        sink(&values)?;
    }
    if lines.row == 0 {
        return Err(RowsError::Empty { width }.into());
    }
    Ok(())
}

struct Lines<'a> {
    body: &'a [u8],
    at: usize,
    /// The row being read, counted from 1.
    row: usize,
    width: usize,
    label_size: usize,
}

#[derive(PartialEq)]
enum CellEnd {
    Comma,
    Row,
}

impl Lines<'_> {
    /// Moves to the next row; false at the end of the body. Empty lines may only stand at the end.
    fn next_row(&mut self) -> Result<bool, RowsError> {
        let rest = &self.body[self.at..];
        match rest.first() {
            None => return Ok(false),
            Some(b'\n' | b'\r' | b' ' | b'\t') => {}
            Some(_) => {
                self.row += 1;
                return Ok(true);
            }
        }
        let is_blank = |byte: &u8| byte.is_ascii_whitespace();
        if rest.iter().all(is_blank) {
            return Ok(false);
        }
        self.row += 1;
        let line_end = rest.iter().position(|byte| is_line_end(*byte)).unwrap_or(rest.len());
        if rest[..line_end].iter().all(is_blank) {
            return Err(RowsError::EmptyRow { row: self.row, width: self.width });
        }
        Ok(true)
    }

    fn read_row(&mut self, values: &mut Vec<f32>) -> Result<(), RowsError> {
        values.clear();
        let mut column = 0;
        loop {
            column += 1;
            if column <= self.label_size {
                self.skip_cell();
            } else if values.len() < self.width {
                values.push(self.number(column)?);
            } else {
                let got = column + self.cells_left();
                return Err(self.wrong_width(got));
            }
            if self.cell_end() == CellEnd::Row {
                break;
            }
        }
        if values.len() == self.width { Ok(()) } else { Err(self.wrong_width(column)) }
    }

    fn number(&mut self, column: usize) -> Result<f32, RowsError> {
        let start = self.at;
        self.skip_spaces();
        let rest = &self.body[self.at..];
        if let Ok((value, length)) = fast_float2::parse_partial::<f32, _>(rest)
            && matches!(rest.get(length), None | Some(b',' | b'\n' | b'\r' | b' '))
            && value.is_finite()
        {
            self.at += length;
            self.skip_spaces();
            if matches!(self.body.get(self.at), None | Some(b',' | b'\n' | b'\r')) {
                return Ok(value);
            }
            // Two numbers in one cell: let the error show the whole cell.
            self.at = start;
        }
        self.unusual_number(column)
    }

    /// A cell that is quoted, padded or wrong.
    fn unusual_number(&mut self, column: usize) -> Result<f32, RowsError> {
        let start = self.at;
        self.skip_cell();
        let mut text = self.body[start..self.at].trim_ascii();
        if let [b'"', inner @ .., b'"'] = text {
            // Blanks alone: whether quotes after a blank keep a line together is read in two ways, so a number is never
            // spread over lines.
            let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
            let start = inner.iter().position(|byte| !is_blank(byte)).unwrap_or(inner.len());
            let end = inner.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
            text = &inner[start..end];
        }
        if text.is_empty() {
            return Err(RowsError::EmptyCell { row: self.row, column });
        }
        match fast_float2::parse::<f32, _>(text) {
            Ok(value) if value.is_finite() => Ok(value),
            _ => {
                let hint = if self.row == 1 { HEADER_HINT } else { "" };
                Err(not_a_number(self.row, column, text, hint))
            }
        }
    }

    /// Moves to the separator after this cell; separators inside quotes belong to the cell.
    fn skip_cell(&mut self) {
        self.skip_spaces();
        if self.body.get(self.at) == Some(&b'"') {
            self.at += 1;
            while let Some(length) = self.body[self.at..].iter().position(|byte| *byte == b'"') {
                self.at += length + 1;
                // A doubled quote is one quote of the text.
                if self.body.get(self.at) != Some(&b'"') {
                    break;
                }
                self.at += 1;
            }
        }
        let rest = &self.body[self.at..];
        self.at += rest.iter().position(|byte| *byte == b',' || is_line_end(*byte)).unwrap_or(rest.len());
    }

    fn skip_spaces(&mut self) {
        while matches!(self.body.get(self.at), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Steps over the separator at the current position.
    fn cell_end(&mut self) -> CellEnd {
        match self.body.get(self.at) {
            Some(b',') => {
                self.at += 1;
                return CellEnd::Comma;
            }
            Some(b'\r') if self.body.get(self.at + 1) == Some(&b'\n') => self.at += 2,
            Some(_) => self.at += 1,
            None => {}
        }
        CellEnd::Row
    }

    /// How many further cells this row has after the one at the current position.
    fn cells_left(&mut self) -> usize {
        let mut cells = 0;
        self.skip_cell();
        while self.cell_end() == CellEnd::Comma {
            cells += 1;
            self.skip_cell();
        }
        cells
    }

    fn wrong_width(&self, got: usize) -> RowsError {
        if self.label_size == 0 {
            return RowsError::WrongWidth { row: self.row, got, width: self.width };
        }
        RowsError::WrongWidthWithLabels {
            row: self.row,
            got,
            expected: self.width.saturating_add(self.label_size),
            label_size: self.label_size,
            width: self.width,
        }
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}
