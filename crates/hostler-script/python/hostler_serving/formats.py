"""Bodies to arrays and back, by content type.

Why: the defaults of AWS's containers read JSON, CSV and NumPy's own format into NumPy arrays and write them; the same bytes
must give the same arrays here. Reading JSON Lines is added, since the SDK has a serializer for it.
Invariants: knows no model. Without NumPy in the environment, arrays are lists.
Failure: what cannot be read raises what NumPy or json raise; an unknown type raises UnsupportedFormat.
"""

import csv
import io
import json

from hostler_serving.errors import UnsupportedFormat

JSON = "application/json"
JSON_LINES = "application/jsonlines"
CSV = "text/csv"
NPY = "application/x-npy"
NPZ = "application/x-npz"
ANY = "*/*"
# Bodies of these reach a model's functions as text, if the type is given without parameters.
TEXTS = (JSON, CSV)
# Numbers in these have no width of their own: frameworks take them as 32-bit floats.
WITHOUT_WIDTH = (*TEXTS, JSON_LINES)

try:
    import numpy
except ImportError:
    numpy = None


def plain_type(content_type):
    """Without parameters: `text/csv` of `text/csv; charset=utf-8`."""
    return (content_type or "").split(";")[0].strip().lower()


def decode(body, content_type):
    """The array that a body holds."""
    reader = _readers().get(plain_type(content_type))
    if reader is None:
        raise UnsupportedFormat(content_type, "input_fn")
    return reader(body)


def encode(prediction, content_type):
    """An array, or anything that is like one, as a body."""
    writer = _writers().get(plain_type(content_type))
    if writer is None:
        raise UnsupportedFormat(content_type, "output_fn")
    return writer(prediction)


def choose(accept, default=JSON):
    """The first type of an Accept header that can be written."""
    for wanted in (accept or ANY).split(","):
        name = plain_type(wanted)
        if name in (ANY, ""):
            return default
        if name in _writers():
            return name
    raise UnsupportedFormat(accept, "output_fn")


def text_of(body):
    return body if isinstance(body, str) else bytes(body).decode("utf-8")


def _readers():
    readers = {JSON: _read_json, JSON_LINES: _read_json_lines, CSV: _read_csv}
    return readers if numpy is None else readers | {NPY: _read_npy, NPZ: _read_npz}


def _writers():
    writers = {JSON: _write_json, JSON_LINES: _write_json_lines, CSV: _write_csv}
    return writers if numpy is None else writers | {NPY: _write_npy}


def _array(values):
    return values if numpy is None else numpy.array(values)


def _read_json(body):
    return _array(json.loads(text_of(body)))


def _read_json_lines(body):
    return _array([json.loads(line) for line in text_of(body).splitlines() if line.strip()])


def _read_csv(body):
    text = text_of(body)
    if numpy is not None:
        # The types are guessed, as AWS's containers do: integers, floats, or text.
        found = numpy.genfromtxt(io.StringIO(text), dtype=None, delimiter=",", encoding="utf-8")
        kinds = {found.dtype[name].kind for name in found.dtype.names or ()}
        # A column of integers beside one of floats makes records there, which no model takes: floats are meant.
        return numpy.genfromtxt(io.StringIO(text), delimiter=",") if kinds == {"i", "f"} else found
    return [[float(cell) for cell in row] for row in csv.reader(io.StringIO(text)) if row]


def _read_npy(body):
    # Pickled objects inside would run code of whoever sent them: AWS's toolkit allows that, this does not.
    return numpy.load(io.BytesIO(body), allow_pickle=False)


def _read_npz(body):
    import scipy.sparse

    return scipy.sparse.load_npz(io.BytesIO(body))


def _as_list(value):
    """What json does not know: arrays and numbers of NumPy, tensors."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _write_json(prediction):
    return json.dumps(prediction, default=_as_list)


def _write_json_lines(prediction):
    rows = prediction.tolist() if hasattr(prediction, "tolist") else prediction
    return "".join(json.dumps(row, default=_as_list) + "\n" for row in rows)


def _write_csv(prediction):
    stream = io.StringIO()
    if numpy is not None:
        numpy.savetxt(stream, prediction, delimiter=",", fmt="%s")
    else:
        rows = (row if isinstance(row, (list, tuple)) else [row] for row in prediction)
        csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def _write_npy(prediction):
    stream = io.BytesIO()
    numpy.save(stream, prediction, allow_pickle=False)
    return stream.getvalue()
