"""Writes the two service models of a botocore wheel as plain JSON: extract.py WHEEL DIRECTORY."""

import gzip
import pathlib
import sys
import zipfile

MODELS = {
    "botocore/data/sagemaker/2017-07-24/service-2.json": "sagemaker.json",
    "botocore/data/sagemaker-runtime/2017-05-13/service-2.json": "sagemaker-runtime.json",
}

wheel, directory = sys.argv[1], pathlib.Path(sys.argv[2])
with zipfile.ZipFile(wheel) as archive:
    names = set(archive.namelist())
    for inside, outside in MODELS.items():
        if inside + ".gz" in names:
            content = gzip.decompress(archive.read(inside + ".gz"))
        elif inside in names:
            content = archive.read(inside)
        else:
            sys.exit(f"the wheel holds no {inside}")
        (directory / outside).write_bytes(content)
