#!/usr/bin/env python3
"""Large batches: Hostler's K-Means beside scikit-learn's predict, per second of each process's own processor time.

Both sides get the same centres and rows (32-bit floats, made up or digits), one thread each, and are measured in
turn. Their answers are compared first. See README.md.
"""

import argparse
import http.client
import os
import pathlib
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "examples" / "kmeans-digits"))

# Clusters, features, rows: digits as the demo has them, MNIST's width with few and many clusters, many small ones.
SHAPES = [(10, 64, 50_000), (10, 784, 8_000), (100, 784, 8_000), (1_000, 128, 8_000), (10, 2, 200_000)]
SEED = 7
PAYLOAD_BYTES = 25 * 1024 * 1024  # what one request may hold
FRAME_BYTES = 40  # of a row in RecordIO, besides its values


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True, help="the built example `kmeans-batch`")
    parser.add_argument("--runtime", type=pathlib.Path, help="hostler-runtime: measures whole requests, too")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--venv", type=pathlib.Path, default=HERE / ".venv")
    return parser.parse_args()


def cpu_seconds(pid):
    """Processor time of a process and all its threads, by the kernel's clock for it (clock_getcpuclockid)."""
    return time.clock_gettime(~pid << 3 | 2)


class Side:
    """A program that does one pass for each line it is sent."""

    def __init__(self, command, passes):
        self.passes, self.rates = passes, []
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.row_count = int(self.process.stdout.readline())

    def measure(self):
        before = cpu_seconds(self.process.pid)
        for _ in range(self.passes):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            assert int(self.process.stdout.readline()) == self.row_count
        self.rates.append(self.passes * self.row_count / (cpu_seconds(self.process.pid) - before))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Requests:
    """The built-in model server, asked by whole requests of RecordIO-protobuf, as the SageMaker SDK asks."""

    def __init__(self, runtime, model, rows, passes):
        self.passes, self.rates = passes, []
        self.row_count, self.body = len(rows), recordio(rows)
        command = [runtime, "--engine", "kmeans", "--model-dir", model, "--port", "0", "--workers", "1"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        url = re.search(r"http://\S+", self.process.stdout.readline()).group()
        self.connection = http.client.HTTPConnection(url.removeprefix("http://").rstrip("/."))
        self.ask()

    def ask(self):
        kind = "application/x-recordio-protobuf"
        self.connection.request("POST", "/invocations", self.body, {"Content-Type": kind, "Accept": kind})
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200 and len(body) == 72 * self.row_count, body[:200]

    def measure(self):
        before = cpu_seconds(self.process.pid)
        for _ in range(self.passes):
            self.ask()
        self.rates.append(self.passes * self.row_count / (cpu_seconds(self.process.pid) - before))

    def close(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait()


def recordio(rows):
    """The bytes of the SDK's RecordSerializer for 32-bit floats, without its loop over every row."""
    def field(tag, length):
        head = bytes([tag])
        while length >= 0x80:
            head, length = head + bytes([length & 0x7F | 0x80]), length >> 7
        return head + bytes([length])

    floats = rows.shape[1] * 4
    tensor = field(0x0A, floats)
    value = field(0x12, len(tensor) + floats) + tensor
    entry = field(0x0A, 6) + b"values" + field(0x12, len(value) + floats) + value
    record = field(0x0A, len(entry) + floats) + entry
    head = struct.pack("<II", 0xCED7230A, len(record) + floats) + record
    padding = b"\0" * (-(len(record) + floats) % 4)
    return b"".join(head + row.tobytes() + padding for row in rows)


REFERENCE = """
import sys, numpy
from sklearn.cluster import KMeans
centres, rows, what, answers = sys.argv[1:]
centres, rows = numpy.load(centres), numpy.load(rows)
model = KMeans(len(centres), init=centres, n_init=1, max_iter=1).fit(centres)
model.cluster_centers_ = centres

def predict():
    return model.predict(rows)

def distances():
    found = model.transform(rows)
    return found[numpy.arange(len(found)), found.argmin(axis=1)]

if what == "predict":
    exact = KMeans(len(centres), init=centres.astype(float), n_init=1, max_iter=1).fit(centres.astype(float))
    exact.cluster_centers_ = centres.astype(float)
    found = exact.transform(rows.astype(float))
    numpy.savez(answers, clusters=found.argmin(axis=1), distances=found.min(axis=1), quick=predict())
one_pass = predict if what == "predict" else distances
print(len(one_pass()), flush=True)
for _ in sys.stdin:
    print(len(one_pass()), flush=True)
"""


def compare(numpy, ours, theirs):
    """The same clusters as in 64 bits; distances within what a 32-bit float can hold, or 1e-6."""
    found = numpy.fromfile(ours, dtype=[("cluster", "<u4"), ("distance", "<f4")])
    expected = numpy.load(theirs)
    differing = int((found["cluster"] != expected["clusters"]).sum())
    quick = int((expected["quick"] != expected["clusters"]).sum())
    difference = numpy.abs(found["distance"] - expected["distances"])
    allowed = numpy.maximum(1e-6, numpy.spacing(found["distance"]))
    assert differing == 0, f"{differing} rows have another cluster than scikit-learn gives in 64 bits"
    assert (difference <= allowed).all(), difference.max()
    return difference.max(), quick


def one_shape(arguments, python, numpy, ndarray_list, clusters, width, row_count, folder):
    random = numpy.random.default_rng(SEED)
    centres = random.random((clusters, width), dtype=numpy.float32)
    rows = random.random((row_count, width), dtype=numpy.float32)
    model = folder / "model"
    model.mkdir(exist_ok=True)
    (model / "model_algo-1").write_bytes(ndarray_list(centres))
    rows.tofile(folder / "rows.bin")
    numpy.save(folder / "centres.npy", centres)
    numpy.save(folder / "rows.npy", rows)
    # A round of some tenths of a second.
    passes = max(1, round(2e8 / (row_count * width * (clusters + 20))) * 10)
    ours = [arguments.program.resolve(), model, folder / "rows.bin", folder / "ours.bin"]
    theirs = [python, "-c", REFERENCE, folder / "centres.npy", folder / "rows.npy"]
    sides = [
        Side([*theirs, "predict", folder / "theirs.npz"], passes),
        Side([*theirs, "distances", ""], max(1, passes // 4)),
        Side(ours, passes),
    ]
    if arguments.runtime and (width * 4 + FRAME_BYTES) * row_count < PAYLOAD_BYTES:
        sides.append(Requests(arguments.runtime.resolve(), model, rows, max(1, passes // 10)))
    try:
        difference, quick = compare(numpy, folder / "ours.bin", folder / "theirs.npz")
        for side in sides:
            side.measure()
            side.rates.clear()
        for _ in range(arguments.rounds):
            for side in sides:
                side.measure()
    finally:
        for side in sides:
            side.close()
    reference, distances, hostler, *requests = (statistics.median(side.rates) for side in sides)
    ratios = [ours / theirs for theirs, ours in zip(sides[0].rates, sides[2].rates)]
    whole = f"{requests[0]:,.0f} ({requests[0] / reference:.2f})" if requests else "-"
    print(f"| {clusters:,} x {width} | {reference:,.0f} | {distances:,.0f} | {hostler:,.0f} "
          f"| {hostler / reference:.2f} | {min(ratios):.2f} - {max(ratios):.2f} | {hostler / distances:.1f} | {whole} | {difference:.1e} | {quick} |", flush=True)


def main():
    arguments = parse_arguments()
    sys.path.insert(0, str(HERE))
    from run import make_venv

    python = make_venv(arguments.venv)
    if pathlib.Path(sys.prefix).resolve() != arguments.venv.resolve():
        # numpy is there, not here.
        os.execv(python, [str(python), *sys.argv])
    import numpy
    from train import ndarray_list

    print(f"Rows per second of processor time, one thread each; medians of {arguments.rounds} rounds, in turn; "
          f"{os.cpu_count()} cores.\n")
    print("| clusters x features | scikit-learn predict | the same with distances | hostler, with distances "
          "| ratio to predict | least - most | ratio with distances | whole requests (ratio to predict) "
          "| greatest difference of a distance | rows where scikit-learn's 32 bits give another cluster than its 64 |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for shape in SHAPES:
            one_shape(arguments, python, numpy, ndarray_list, *shape, pathlib.Path(folder))


if __name__ == "__main__":
    main()
