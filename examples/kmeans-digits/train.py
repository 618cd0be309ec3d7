#!/usr/bin/env python3
"""Trains the K-Means model of the demo on scikit-learn's handwritten digits and writes everything the
demo, the tests and the benchmark need next to this script. Running it again with the same versions of
scikit-learn and numpy changes nothing (see README.md).

Needs: pip install scikit-learn
"""

import gzip
import io
import json
import pathlib
import struct
import tarfile

import numpy
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

HERE = pathlib.Path(__file__).resolve().parent
CLUSTERS = 10
SEED = 20
SAMPLE_ROWS = 20


def ndarray_list(array):
    """One unnamed float32 array in MXNet's NDArray list format, version 2."""
    array = numpy.ascontiguousarray(array, dtype="<f4")
    out = struct.pack("<QQQ", 0x112, 0, 1)
    out += struct.pack("<Ii", 0xF993FAC9, 0)  # version 2, dense
    out += struct.pack("<I", array.ndim) + struct.pack(f"<{array.ndim}q", *array.shape)
    out += struct.pack("<iii", 1, 0, 0)  # cpu, device 0, float32
    out += array.tobytes()
    return out + struct.pack("<Q", 0)  # no names


def model_archive(file_name, content):
    """A gzipped tar of one file, the same bytes every time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo(file_name)
        entry.size = len(content)
        entry.mode = 0o644
        tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def csv_rows(rows):
    return "".join(",".join(str(int(value)) for value in row) + "\n" for row in rows)


def main():
    digits = load_digits()
    pixels = digits.data  # 1,797 rows of 64 whole numbers from 0 to 16
    model = KMeans(n_clusters=CLUSTERS, random_state=SEED, n_init=10).fit(pixels)

    # What is saved has 32 bits, so what is expected is computed from the 32-bit centres, in 64 bits.
    centroids = model.cluster_centers_.astype(numpy.float32)
    model.cluster_centers_ = centroids.astype(numpy.float64)
    clusters = model.predict(pixels)
    distances = model.transform(pixels).min(axis=1)

    content = ndarray_list(centroids)
    (HERE / "model_algo-1").write_bytes(content)
    (HERE / "model.tar.gz").write_bytes(model_archive("model_algo-1", content))

    sample = slice(0, SAMPLE_ROWS)
    (HERE / "rows.csv").write_text(csv_rows(pixels[sample]))
    (HERE / "rows-digits.txt").write_text("".join(f"{digit}\n" for digit in digits.target[sample]))
    expected = [
        {"closest_cluster": float(cluster), "distance_to_cluster": float(distance)}
        for cluster, distance in zip(clusters[sample], distances[sample])
    ]
    (HERE / "expected.json").write_text(json.dumps({"predictions": expected}, indent=1) + "\n")

    (HERE / "all-rows.csv").write_text(csv_rows(pixels))
    (HERE / "all-expected.csv").write_text(
        "".join(f"{cluster},{distance!r}\n" for cluster, distance in zip(clusters, map(float, distances)))
    )


if __name__ == "__main__":
    main()
