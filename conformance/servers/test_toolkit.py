"""Default formats of script mode beside AWS's own inference toolkit, which the script asks for and is asked in its place.

What differs does so on purpose: DIFFERS says what, docs/script-mode.md why.
"""

import json

import pytest

from harness import scripts

CONFIG = scripts.settings()
STARTUP_S = 900
REQUIREMENTS = "sagemaker-inference==1.10.1\nscipy\n"
SCRIPT = """
import io, json

import numpy
import scipy.sparse
from hostler_serving import formats
from sagemaker_inference import decoder, encoder

def model_fn(model_dir):
    return {"numpy": numpy, "save_npy": save_npy, "save_npz": save_npz}

def save_npy(value, **more):
    stream = io.BytesIO()
    numpy.save(stream, value, **more)
    return stream.getvalue()

def save_npz(value):
    stream = io.BytesIO()
    scipy.sparse.save_npz(stream, scipy.sparse.csr_matrix(value))
    return stream.getvalue()

def told(call, *arguments):
    try:
        value = call(*arguments)
    except Exception:
        return "an error"
    if isinstance(value, str):
        value = value.encode()
    if scipy.sparse.issparse(value):
        value = value.toarray()
    return repr((getattr(value, "dtype", None), getattr(value, "shape", None), value))

def transform_fn(model, body, content_type, accept):
    # The cases are Python's own words, evaluated here, where NumPy is.
    answers = []
    for kind, name, text in json.loads(body):
        value = eval(text, dict(model))
        theirs, ours = (decoder.decode, formats.decode) if kind == "decode" else (encoder.encode, formats.encode)
        answers.append([told(theirs, value, name), told(ours, value, name)])
    return json.dumps(answers)
"""
JSON, CSV, NPY, NPZ = "application/json", "text/csv", "application/x-npy", "application/x-npz"
BODIES = {
    JSON: ["[1,2,3]", "[[1,2],[3,4.5]]", "1", '"text"', '{"a":1}', "[1,[2,3]]", "", "[", "null", "[true,false]", "NaN", "[[]]", "[]"],
    CSV: ["1,2,3", "1,2\n3,4", "1.5,2.5", "1,2\n3", "", "a,b", "one", "1,,3", "1;2", " 1 , 2 ", "1,2\n\n3,4\n", "# 1", "1,2 # x",
          '"1","2"', "1\t2", "a,1"],
}  # fmt: skip
FILES = {
    NPY: ["save_npy(numpy.eye(2))", "save_npy(numpy.array([1, 2]))", "save_npy(numpy.array(3.0))", "b'xx'", "b''"],
    NPZ: ["save_npz(numpy.eye(3))", "b'zz'"],
}
VALUES = [
    *("numpy.eye(2)", "numpy.array([1, 2, 3])", "numpy.array(3.5)", "[1, 2]", "[[1, 2], [3, 4]]", "(1, 2)", "{'a': 1}", "'text'"),
    *("5", "2.5", "None", "[None]", "numpy.float32(1.25)", "numpy.array(['a', 'b'])", "numpy.array([[1.1, 2.2]], dtype='float32')"),
    *("[{'a': numpy.int64(1)}]", "numpy.array([])", "[[]]", "numpy.zeros((2, 2, 2))", "numpy.array([True, False])", "float('nan')"),
]
# Objects in NumPy's format are pickled, and reading those runs the sender's code.
PICKLED = {"{'a': 1}", "None", "[None]", "[{'a': numpy.int64(1)}]"}
ALIKE = [
    *(("decode", name, repr(body)) for name, bodies in BODIES.items() for body in bodies),
    *(("decode", name, text) for name, texts in FILES.items() for text in texts),
    *(("encode", name, value) for name in (JSON, CSV, NPY, NPZ, "text/plain") for value in VALUES if (name, value in PICKLED) != (NPY, True)),
]
DIFFERS = [
    # Records of an integer and a float: floats are meant.
    ("decode", CSV, repr("1e3,-2")),
    ("decode", CSV + "; charset=utf-8", repr("1,2")),
    ("decode", "TEXT/CSV", repr("1,2")),
    ("decode", NPY, "save_npy(numpy.array([{'a': 1}], dtype=object), allow_pickle=True)"),
    *(("encode", NPY, value) for value in sorted(PICKLED)),
]


@pytest.fixture(scope="module")
def compared(hosting):
    body = scripts.script_archive(SCRIPT, REQUIREMENTS)
    url = hosting.upload(body, "toolkit/model.tar.gz")
    config = hosting.config(
        hosting.model(image=scripts.SCRIPT_IMAGE, url=url), ContainerStartupHealthCheckTimeoutInSeconds=STARTUP_S
    )
    endpoint = hosting.in_service(hosting.endpoint(config, wait=False), STARTUP_S)
    cases = [*ALIKE, *DIFFERS]
    answer = hosting.invoke(endpoint, json.dumps(cases), ContentType="application/json")
    return dict(zip(cases, json.loads(answer["Payload"]), strict=True))


def test_bodies_are_read_and_written_as_the_toolkit_does_it(compared):
    differ = {case: compared[case] for case in ALIKE if compared[case][0] != compared[case][1]}
    assert not differ
    read = sum(compared[case][0] != "an error" for case in ALIKE)
    assert read > len(ALIKE) / 2, "most are no errors"


def test_what_is_said_to_differ_does(compared):
    assert not [case for case in DIFFERS if compared[case][0] == compared[case][1]]
