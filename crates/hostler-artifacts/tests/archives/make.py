#!/usr/bin/env python3
"""Makes the sound archives of this directory and `expected.json`, which lists what each must unpack to.

Run it here with Python 3.8 or newer: `python3 make.py`. Python's tarfile and gzip are the independent makers; the
tests compare what Hostler unpacks with the list, which is written from the same literals the archives are made of.
"""

import gzip
import io
import json
import tarfile

LONG = "/".join(["a-directory-with-a-rather-long-name"] * 5) + "/" + "weights-" + "0" * 120 + ".bin"
USTAR_LONG = "/".join(["directory-of-some-length"] * 5) + "/" + "part.bin"
UNICODE = "modèle/重み.txt"

EXPECTED = {}


def member(name, **fields):
    info = tarfile.TarInfo(name)
    info.mode = 0o644
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def make(name, tar_format, build, compress=True):
    raw = io.BytesIO()
    expected = {}
    with tarfile.open(fileobj=raw, mode="w", format=tar_format) as archive:
        def file(path, text, shown=None, **fields):
            data = text.encode()
            archive.addfile(member(path, size=len(data), **fields), io.BytesIO(data))
            kind = "program" if fields.get("mode", 0) & 0o111 else "file"
            expected[shown or path] = [kind, text]

        def directory(path, shown=None):
            archive.addfile(member(path, type=tarfile.DIRTYPE, mode=0o755))
            if shown != "":
                expected[shown or path] = ["directory", ""]

        def link(path, target, hard=False, shown=None):
            archive.addfile(member(path, type=tarfile.LNKTYPE if hard else tarfile.SYMTYPE, linkname=target))
            expected[path] = ["file", shown] if hard else ["link", target]

        build(file, directory, link)
    data = raw.getvalue()
    if compress:
        packed = io.BytesIO()
        with gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as out:
            out.write(data)
        data = packed.getvalue()
    with open(name, "wb") as out:
        out.write(data)
    EXPECTED[name] = expected


def flat(file, directory, link):
    file("model_algo-1", "not really a model\n")


def dotted(file, directory, link):
    directory("./", shown="")
    directory("./code", shown="code")
    file("./model.txt", "weights", shown="model.txt")
    file("./code/run.sh", "#!/bin/sh\n", shown="code/run.sh", mode=0o4755)
    file("./code/empty", "", shown="code/empty")


def rooted(file, directory, link):
    """As the SageMaker SDK packs a model anew: `tarfile.add(directory, arcname=os.path.sep)`."""
    directory("", shown="")
    file("model.txt", "weights")
    directory("code")
    file("code/inference.py", "pass\n")


def long_names(file, directory, link):
    file(LONG, "long")
    file(UNICODE, "unicode")
    link("short", LONG)


def ustar_names(file, directory, link):
    file(USTAR_LONG, "prefixed")


def linked(file, directory, link):
    file("shared/weights.bin", "0123456789")
    link("model.bin", "shared/weights.bin")
    link("code/model.bin", "../shared/./weights.bin")
    link("copy.bin", "shared/weights.bin", hard=True, shown="0123456789")
    link("dangling", "not/there")


def macos(file, directory, link):
    file("._model.txt", "resource fork")
    file("model.txt", "weights", pax_headers={"LIBARCHIVE.xattr.com.apple.quarantine": "MDA4Mw=="})


def twice(file, directory, link):
    file("model.txt", "first")
    directory("code")
    file("model.txt", "second and longer")
    directory("code")


make("flat.tar.gz", tarfile.USTAR_FORMAT, flat)
make("flat.tar", tarfile.USTAR_FORMAT, flat, compress=False)
make("dotted.tar.gz", tarfile.GNU_FORMAT, dotted)
make("rooted.tar.gz", tarfile.PAX_FORMAT, rooted)
make("long-gnu.tar.gz", tarfile.GNU_FORMAT, long_names)
make("long-pax.tar.gz", tarfile.PAX_FORMAT, long_names)
make("prefix-ustar.tar.gz", tarfile.USTAR_FORMAT, ustar_names)
make("linked.tar.gz", tarfile.PAX_FORMAT, linked)
make("macos.tar.gz", tarfile.PAX_FORMAT, macos)
make("twice.tar.gz", tarfile.GNU_FORMAT, twice)

with open("expected.json", "w", encoding="utf-8") as out:
    json.dump(EXPECTED, out, indent=1, ensure_ascii=False, sort_keys=True)
    out.write("\n")
