"""Rows as XGBoost's containers read them: CSV with gaps, LIBSVM.

Why: an empty cell is a missing value, the delimiter is whatever the first line uses, and LIBSVM is a sparse matrix; none of
which the readers of other frameworks know.
Invariants: every error says what was read. RecordIO is not read here.
"""

import csv

import numpy
import scipy.sparse
import xgboost

from hostler_serving import formats
from hostler_serving.errors import UnsupportedFormat

LIBSVM = "text/libsvm"
# As many characters of the first line as tell the delimiter.
SNIFFED_CHARS = 512


def matrix(body, content_type):
    """The rows of a body."""
    name = formats.plain_type(content_type)
    if name in (formats.CSV, "csv"):
        return of_csv(formats.text_of(body).strip())
    if name in (LIBSVM, "text/x-libsvm", "libsvm"):
        return of_libsvm(formats.text_of(body).strip())
    raise UnsupportedFormat(content_type, "input_fn")


def of_csv(text):
    delimiter = delimiter_of(text.split("\n", 1)[0][:SNIFFED_CHARS])
    rows = [
        [numpy.nan if cell.strip() == "" else float(cell) for cell in line.split(delimiter)] for line in text.splitlines()
    ]
    return xgboost.DMatrix(numpy.array(rows, dtype="float32"))


def delimiter_of(line):
    try:
        found = csv.Sniffer().sniff(line).delimiter
    except csv.Error:
        return ","
    return "," if found.isalnum() or found in ".+-" else found


def of_libsvm(text):
    """Columns are counted from 0, or from 1 where none is 0; a label in front has no colon and is left out."""
    entries = []
    lines = text.splitlines()
    for row, line in enumerate(lines):
        for token in line.split():
            column, colon, value = token.partition(":")
            if colon:
                entries.append((row, int(column), float(value)))
    if not entries:
        raise ValueError("no line holds a `column:value`")
    first = min(column for _, column, _ in entries)
    shift = 1 if first >= 1 else 0
    rows, columns, values = zip(*entries)
    shape = (len(lines), max(columns) + 1 - shift)
    columns = [column - shift for column in columns]
    return xgboost.DMatrix(scipy.sparse.csr_matrix((values, (rows, columns)), shape=shape, dtype="float32"))
