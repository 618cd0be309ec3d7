"""Script mode: a model archive with code/inference.py, and no image that anybody pulls."""

import json

import pytest
from botocore.exceptions import ClientError

from harness import scripts
from harness.hosting import fresh

CONFIG = scripts.settings("pip = { PIP_NO_INDEX = '1' }")


def scripted(hosting, body, image=scripts.SCRIPT_IMAGE, environment=None, **config):
    """The config of a model that serves this archive."""
    url = hosting.upload(body, f"scripts/{fresh('archive')}.tar.gz")
    return hosting.config(hosting.model(image=image, url=url, environment=environment), **config)


def test_a_script_serves_its_model_without_any_mapping(hosting):
    name = hosting.endpoint(scripted(hosting, scripts.script_archive(word="seven")))
    answer = hosting.invoke(name, b'"hello"', ContentType="application/json")
    assert answer["ContentType"] == "application/json"
    assert json.loads(answer["Payload"]) == {"model": "seven", "asked": '"hello"'}
    hosting.delete(name)


def test_an_exception_of_the_script_is_a_model_error_and_its_traceback_is_in_the_log(hosting, server):
    script = scripts.ECHO + "\ndef predict_fn(data, model):\n    raise ValueError('no such row: ' + data)\n"
    name = hosting.endpoint(scripted(hosting, scripts.script_archive(script)))
    with pytest.raises(ClientError) as caught:
        hosting.invoke(name, b"7", ContentType="text/csv")
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (500, "no such row: 7")
    log = server.cli("logs", name).stdout.decode()
    assert "Traceback (most recent call last)" in log and "ValueError: no such row: 7" in log
    hosting.delete(name)
