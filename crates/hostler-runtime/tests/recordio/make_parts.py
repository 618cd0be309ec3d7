#!/usr/bin/env python3
"""Writes `parts.bin`: records that hold RecordIO's magic number themselves, which MXNet's own writer therefore
splits into parts, and `parts.json`: the records as they went in, in hexadecimal.

Needs: pip install 'mxnet==1.9.1' 'numpy<1.24' (Python 3.11 at most)
"""

import json
import pathlib
import struct

from mxnet import recordio

HERE = pathlib.Path(__file__).resolve().parent
MAGIC = struct.pack("<I", 0xCED7230A)
RECORDS = [
    b"whole",
    MAGIC,
    b"left" + MAGIC + b"right",
    MAGIC + MAGIC + b"end",
    b"four" + MAGIC + b"more" + MAGIC,
    b"odd" + MAGIC + b"is not at a multiple of four",
    b"",
]


def main():
    writer = recordio.MXRecordIO(str(HERE / "parts.bin"), "w")
    for record in RECORDS:
        writer.write(record)
    writer.close()
    (HERE / "parts.json").write_text(json.dumps([record.hex() for record in RECORDS]) + "\n")


if __name__ == "__main__":
    main()
