#!/usr/bin/env python3
"""Writes the RecordIO bodies that the reader is tested with, by the SageMaker SDK's own code, and beside each the
rows that are in it. Running it again with the same versions changes nothing (see README.md).

Needs: pip install 'sagemaker==2.257.7' 'numpy==2.4.6' 'scipy==1.17.1'
"""

import io
import json
import pathlib

import numpy
import scipy.sparse
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from sagemaker.amazon import common, record_pb2
from sagemaker.serializers import RecordSerializer

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
FLOATS = numpy.array([[1.5, -2.25, 3e-3], [0.0, 1e30, -1e-40], [7.0, 8.0, 9.0]])
INTEGERS = numpy.array([[1, -2, 3], [0, 2**31 - 1, -(2**31)], [127, 128, -129]])
SPARSE = scipy.sparse.csr_matrix(numpy.array([[0, 2, 0, -4], [0, 0, 0, 0], [1, 2, 3, 4]], dtype=float))


def serialized(array):
    """What a predictor of the SDK sends by default."""
    return RecordSerializer().serialize(array).read()


def dense(array, labels=None):
    body = io.BytesIO()
    common.write_numpy_to_dense_tensor(body, array, labels)
    return body.getvalue()


def sparse(matrix):
    body = io.BytesIO()
    common.write_spmatrix_to_sparse_tensor(body, matrix)
    return body.getvalue()


def framed(records):
    body = io.BytesIO()
    for record in records:
        common._write_recordio(body, record.SerializeToString(deterministic=True))
    return body.getvalue()


def with_every_field():
    """Records that use all that the message has, with a shape beside dense values."""
    for vector in FLOATS:
        record = record_pb2.Record(uid="row", metadata="{}", configuration='{"a": 1}')
        record.label["values"].float32_tensor.values.append(1)
        record.features["values"].float64_tensor.values.extend(vector)
        record.features["values"].float64_tensor.shape.extend([1, 3])
        yield record


def other_descriptor(packed, extra):
    """The same message by a schema of another age: repeated numbers unpacked, or with fields of the future."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name=f"other-{packed}-{extra}.proto", package="other", syntax="proto2")

    def message(name, *fields):
        made = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            added = made.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".other.{kind}"
            else:
                added.type = kind
                if repeated and kind != kinds.TYPE_STRING:
                    added.options.packed = packed

    more = [("later_double", 100, kinds.TYPE_DOUBLE, False), ("later_fixed", 2**29 - 1, kinds.TYPE_FIXED32, False),
            ("later_text", 101, kinds.TYPE_STRING, True), ("later_number", 102, kinds.TYPE_SINT64, True)] if extra else []
    tensors = [("Float32Tensor", kinds.TYPE_FLOAT), ("Float64Tensor", kinds.TYPE_DOUBLE), ("Int32Tensor", kinds.TYPE_INT32)]
    for name, kind in tensors:
        message(name, *more, ("values", 1, kind, True), ("keys", 2, kinds.TYPE_UINT64, True),
                ("shape", 3, kinds.TYPE_UINT64, True))
    message("Value", *more, ("float32_tensor", 2, "Float32Tensor", False),
            ("float64_tensor", 3, "Float64Tensor", False), ("int32_tensor", 7, "Int32Tensor", False))
    message("Entry", ("key", 1, kinds.TYPE_STRING, False), ("value", 2, "Value", False))
    message("Record", *more, ("features", 1, "Entry", True))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("other.Record"))


def fill(message, extra):
    if extra:
        message.later_double, message.later_fixed = 0.5, 7
        message.later_text.extend(["", "later"])
        message.later_number.extend([-1, 2**40])


def by_other_schema(tensor, packed, extra, matrix):
    """Sparse rows, so that all three lists of numbers are used."""
    kind = other_descriptor(packed, extra)
    for row in matrix.tocsr():
        record = kind()
        fill(record, extra)
        entry = record.features.add(key="values")
        fill(entry.value, extra)
        made = getattr(entry.value, tensor)
        fill(made, extra)
        integers = tensor == "int32_tensor"
        made.values.extend(int(value) if integers else float(value) for value in row.data)
        made.keys.extend(int(key) for key in row.indices)
        made.shape.extend([1, matrix.shape[1]])
        yield record


def answers(predictions):
    for cluster, distance in predictions:
        record = record_pb2.Record()
        record.label["closest_cluster"].float32_tensor.values.append(cluster)
        record.label["distance_to_cluster"].float32_tensor.values.append(distance)
        yield record


def main():
    every_sparse = {f"sparse-{name}": (sparse(SPARSE.astype(kind)), SPARSE.toarray())
                    for name, kind in [("float32", "float32"), ("float64", float), ("int32", int)]}
    unpacked = {f"unpacked-{name}": (framed(by_other_schema(f"{name}_tensor", False, False, SPARSE)), SPARSE.toarray())
                for name in ["float32", "float64", "int32"]}
    cases = {
        "serializer-one-row": (serialized(FLOATS[0].astype("float32")), FLOATS[:1]),
        "float32": (dense(FLOATS.astype("float32")), FLOATS),
        "float64": (dense(FLOATS), FLOATS),
        "int32": (dense(INTEGERS), INTEGERS),
        "labels": (dense(FLOATS.astype("float32"), numpy.array([0.5, 1.5, 2.5])), FLOATS),
        "every-field": (framed(with_every_field()), FLOATS),
        "unknown-fields": (framed(by_other_schema("float32_tensor", True, True, SPARSE)), SPARSE.toarray()),
        **every_sparse,
        **unpacked,
    }
    rows = {}
    for name, (body, expected) in cases.items():
        (HERE / f"{name}.bin").write_bytes(body)
        rows[name] = [[float(numpy.float32(value)) for value in row] for row in expected]
    (HERE / "rows.json").write_text("".join(
        ["{\n", ",\n".join(f" {json.dumps(name)}: {json.dumps(found)}" for name, found in rows.items()), "\n}\n"]))
    digits = numpy.loadtxt(ROOT / "examples/kmeans-digits/rows.csv", delimiter=",")
    (HERE / "digits.bin").write_bytes(serialized(digits.astype("float32")))
    (HERE / "answer.bin").write_bytes(framed(answers([(3, 0.27046188712), (10, 3.0), (0, 0.0)])))


if __name__ == "__main__":
    main()
