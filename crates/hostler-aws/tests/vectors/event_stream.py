"""Has botocore read the messages of tests/event_stream/vectors.json, and say what it says of broken ones.

Run it in a virtual environment that has botocore, after event_stream.mjs. It changes nothing: what it prints of the
broken ones is what tests/it/event_stream.rs expects to be refused.
"""

import json
import pathlib

from botocore.eventstream import EventStreamBuffer, ParserError

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "event_stream" / "vectors.json"


def read(message):
    buffer = EventStreamBuffer()
    buffer.add_data(message)
    (found,) = list(buffer)
    return found.headers, found.payload


def plain(kind, what):
    """A value as botocore gives it."""
    if kind == "bool":
        return what == "true"
    if kind in ("bytes", "uuid"):
        return bytes.fromhex(what)
    return what if kind == "text" else int(what)


def main():
    vectors = json.loads(VECTORS.read_text())
    for vector in vectors:
        headers, payload = read(bytes.fromhex(vector["message"]))
        expected = {name: plain(*value) for name, value in vector["headers"]}
        assert headers == expected, (vector["name"], headers, expected)
        assert payload == bytes.fromhex(vector["payload"]), vector["name"]
    print(f"botocore reads all {len(vectors)} alike")

    (message,) = [bytes.fromhex(vector["message"]) for vector in vectors if vector["name"] == "every type"]
    refused = 0
    for at in range(len(message)):
        broken = bytearray(message)
        broken[at] ^= 1
        try:
            read(bytes(broken))
        except (ParserError, ValueError):
            refused += 1
    print(f"of {len(message)} messages with one bit turned it refuses {refused}")


if __name__ == "__main__":
    main()
