"""A payload limit above AWS's own holds all the way: the door, the gateway and the built-in model server."""

import json

from harness.artifacts import expected, rows

PAYLOAD_MAX = 30 * 1024 * 1024
AWS_MAX = 25 * 1024 * 1024
CONFIG = f"""
[limits]
payload_bytes = {PAYLOAD_MAX}
"""


def test_a_built_in_engine_takes_what_the_settings_allow(hosting):
    name = hosting.deploy()
    row = rows()[0]
    # Spaces around a number are no part of it; they make few rows many bytes.
    wide = row.replace(",", "," + " " * 20_000)
    count = AWS_MAX // len(wide) + 1
    body = "\n".join([wide] * count).encode()
    assert AWS_MAX < len(body) < PAYLOAD_MAX
    answer = hosting.invoke(name, body, ContentType="text/csv", Accept="application/json")
    seen = [prediction["closest_cluster"] for prediction in json.loads(answer["Payload"])["predictions"]]
    assert seen == [expected()[0]["closest_cluster"]] * count
