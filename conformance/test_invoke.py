"""InvokeEndpoint: headers both ways, variants, and every way in which a model can fail a request."""

import collections
import concurrent.futures
import json

import pytest
from botocore.exceptions import ClientError

from harness.hosting import ACCOUNT, Hosting, fresh, production_variant
from harness.waiting import eventually
from harness.wire import Wire

PAYLOAD_MAX = 1024 * 1024
CONFIG = f"""
[limits]
payload_bytes = {PAYLOAD_MAX}
"""


@pytest.fixture(scope="module")
def echo(hosting):
    return hosting.deploy("echo")


@pytest.fixture(scope="module")
def status(hosting):
    return hosting.deploy("status")


@pytest.fixture(scope="module")
def wire(server):
    return Wire(server)


@pytest.fixture(scope="module")
def variants(hosting):
    """An endpoint whose variants weigh 3, 1 and 0."""
    models = {name: hosting.test_model("pid") for name in ("blue", "green", "idle")}
    weights = {"blue": 3.0, "green": 1.0, "idle": 0.0}
    config = fresh("config")
    hosting.sagemaker.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[
            production_variant(model, name, InitialVariantWeight=weights[name]) for name, model in models.items()
        ],
    )
    return hosting.endpoint(config)


def asking(**commands):
    """A body that asks the test model for something."""
    return json.dumps({"test": commands}).encode()


def model_error(hosting, endpoint, **commands):
    """The ModelError that the test model's answer becomes."""
    with pytest.raises(ClientError) as caught:
        hosting.invoke(endpoint, asking(**commands))
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError", response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    return response


# -- the way in --------------------------------------------------------------------------------


def test_the_model_sees_body_and_headers(hosting, echo):
    answer = hosting.invoke(
        echo,
        b"some \x00 bytes",
        ContentType="application/x-thing",
        Accept="application/json",
        CustomAttributes="trace=7; note=a b",
        InferenceId="inference-7",
    )
    seen = json.loads(answer["Payload"])
    assert seen["path"] == "/invocations"
    assert seen["body"] == "some \x00 bytes"
    headers = seen["headers"]
    assert headers["content-type"] == "application/x-thing"
    assert headers["accept"] == "application/json"
    assert headers["x-amzn-sagemaker-custom-attributes"] == "trace=7; note=a b"
    assert headers["x-amzn-sagemaker-inference-id"] == "inference-7"


def test_the_model_never_sees_the_callers_signature(hosting, echo):
    headers = json.loads(hosting.invoke(echo)["Payload"])["headers"]
    for secret in ("authorization", "x-amz-date", "x-amz-security-token", "amz-sdk-invocation-id"):
        assert secret not in headers


def test_an_empty_body_and_no_content_type_reach_the_model(hosting, echo):
    seen = json.loads(hosting.invoke(echo, b"")["Payload"])
    assert seen["body"] == ""


def test_a_body_in_chunks_reaches_the_model(server, echo):
    """http.client sends an iterable as chunks; the signature covers the hash of the whole."""
    import http.client

    wire = Wire(server)
    body = b"first,second,third"
    path = f"/endpoints/{echo}/invocations"
    headers = wire.signed("POST", path, "sagemaker", {"Content-Type": "text/csv"}, body)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
    connection.request("POST", path, iter([b"first,", b"second,", b"third"]), headers, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 200
    assert json.loads(answer.read())["body"] == body.decode()
    connection.close()


# -- the way out -------------------------------------------------------------------------------


def test_the_answer_carries_the_models_body_type_and_attributes(hosting, echo, wire):
    answer = wire.invoke(echo, b"x", {"Content-Type": "text/csv", "X-Amzn-SageMaker-Custom-Attributes": "a=1"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-sagemaker-custom-attributes"] == "answered=a=1"
    assert answer.headers["x-amzn-invoked-production-variant"] == "AllTraffic"
    assert len(answer.headers["x-amzn-requestid"]) == 36
    assert "date" in answer.headers


def test_no_attributes_in_the_answer_unless_the_model_set_them(wire, echo):
    assert "x-amzn-sagemaker-custom-attributes" not in wire.invoke(echo, b"x").headers


def test_the_models_content_type_comes_back(hosting):
    name = hosting.deploy("plain")
    answer = hosting.invoke(name, b"\xff\x00", ContentType="a/b", Accept="application/x-own")
    assert answer["ContentType"] == "application/x-own"
    assert answer["Payload"] == b"\xff\x00"


def test_a_large_answer_comes_back_whole(hosting, status):
    answer = hosting.invoke(status, asking(body="0123456789abcdef", repeat=500_000))
    assert answer["Payload"] == b"0123456789abcdef" * 500_000


# -- variants ----------------------------------------------------------------------------------


def test_traffic_follows_the_weights(hosting, variants):
    """Of 600 requests, 3 in 4 go to blue: 450, and six standard deviations are 64."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: hosting.invoke(variants)["InvokedProductionVariant"], range(600))
    counts = collections.Counter(answers)
    assert set(counts) == {"blue", "green"}, "a variant of weight 0 gets nothing by itself"
    assert 386 <= counts["blue"] <= 514, counts


@pytest.mark.parametrize("target", ["blue", "green", "idle"])
def test_a_target_variant_is_obeyed_whatever_its_weight(hosting, variants, target):
    pids = set()
    for _ in range(5):
        answer = hosting.invoke(variants, TargetVariant=target)
        assert answer["InvokedProductionVariant"] == target
        pids.add(answer["Payload"])
    assert len(pids) == 1


def test_an_unknown_target_variant_is_a_validation_error(hosting, variants):
    with pytest.raises(ClientError) as caught:
        hosting.invoke(variants, TargetVariant="purple")
    error = caught.value.response
    assert error["Error"]["Code"] == "ValidationError"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "purple" in error["Error"]["Message"]


def test_instances_share_the_requests(hosting):
    name = hosting.deploy("pid", count=2)
    seen = {json.loads(hosting.invoke(name)["Payload"])["pid"] for _ in range(60)}
    assert len(seen) == 2


def test_a_busy_instance_is_passed_over(hosting, tmp_path):
    """While one of two instances holds requests, new ones go to the other."""
    name = hosting.deploy("status", count=2)
    began, release = tmp_path / "began", tmp_path / "release"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(hosting.invoke, name, asking(touch=str(began), until=str(release), body="slow"))
        try:
            eventually(began.exists, lambda there: there, "the slow one is at its model")
            for number in range(20):
                assert hosting.invoke(name, asking(body=str(number)))["Payload"] == str(number).encode()
            assert not slow.done(), "twenty answers came while the slow one was still held"
        finally:
            release.touch()
        assert slow.result()["Payload"] == b"slow"


# -- the model fails ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", [500, 502, 503])
def test_a_server_error_of_the_model_is_a_model_error(hosting, status, code):
    error = model_error(hosting, status, status=code, body="weights melted")
    assert error["OriginalStatusCode"] == code
    assert error["OriginalMessage"] == "weights melted"
    assert error["LogStreamArn"] == f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/{status}"
    assert error["Error"]["Message"].startswith(
        f'Received server error ({code}) from primary with message "weights melted". See '
    )
    assert f"in account {ACCOUNT} for more information." in error["Error"]["Message"]


@pytest.mark.parametrize("code", [400, 404, 413, 415, 422, 429])
def test_a_client_error_of_the_model_is_a_model_error(hosting, status, code):
    error = model_error(hosting, status, status=code, body="wrong width")
    assert error["OriginalStatusCode"] == code
    assert error["Error"]["Message"].startswith(
        f'Received client error ({code}) from primary with message "wrong width". See '
    )


def test_the_raw_body_of_a_model_error_names_whose_fault_it_was(wire, status):
    for code, word in ((503, "INTERNAL_FAILURE_FROM_MODEL"), (415, "CLIENT_ERROR_FROM_MODEL")):
        answer = wire.invoke(status, asking(status=code, body="x"))
        assert answer.status == 424
        assert answer.code == "ModelError"
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.json["ErrorCode"] == word
        assert answer.json["OriginalStatusCode"] == code


def see(endpoint):
    """How every Message of a ModelError ends."""
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    return (
        "See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:"
        f"group={group} in account {ACCOUNT} for more information."
    )


@pytest.mark.parametrize("text", ["", 'a "quoted"\nline\t\\ with \u0001 and \u2028', "Gr\u00fc\u00dfe \U0001f600"])
def test_the_models_words_come_back_as_they_were(hosting, status, text):
    error = model_error(hosting, status, status=500, body=text)
    assert error["OriginalMessage"] == text
    assert error["Error"]["Message"] == f'Received server error (500) from primary with message "{text}". {see(status)}'


def test_words_that_are_no_text_are_shown_as_far_as_they_are(hosting, wire, status):
    """An echo of bytes that are not UTF-8; a character stands for what cannot be read."""
    headers = {"X-Amzn-SageMaker-Custom-Attributes": "test: status=503"}
    answer = wire.invoke(status, b"w\xff\xfe!\xc3", headers)
    assert (answer.status, answer.code) == (424, "ModelError")
    assert answer.json["OriginalMessage"] == "w\ufffd\ufffd!\ufffd"
    assert 'with message "w\ufffd\ufffd!\ufffd". See https://' in answer.json["Message"]


@pytest.mark.parametrize(("letter", "count"), [("x", 2048), ("x", 2049), ("\u00e4", 2049), ("\U0001f600", 5000)])
def test_a_long_error_message_is_cut_between_two_characters(hosting, status, letter, count):
    error = model_error(hosting, status, status=500, body=letter, repeat=count)
    assert error["OriginalMessage"] == letter * min(count, 2048)
    whole = f'Received server error (500) from primary with message "{letter * count}". {see(status)}'
    assert error["Error"]["Message"] == whole[:2048]


@pytest.mark.parametrize(("code", "word"), [(500, "server"), (400, "client")])
@pytest.mark.parametrize(
    "commands",
    [
        {"body": "0123456789abcdef", "repeat": 100_000},
        {"body": "too short", "length": "+5"},
        {"body": "x", "repeat": 100, "close": True, "at": 50},
        {"body": "piece", "chunks": 3, "close": True, "at": 12},
    ],
    ids=["large", "short", "broken off", "broken chunks"],
)
def test_an_error_whose_body_cannot_be_loaded_says_so(hosting, status, code, word, commands):
    error = model_error(hosting, status, status=code, **commands)
    assert error["OriginalStatusCode"] == code
    assert error["Error"]["Message"] == (
        f"Received {word} error ({code}) from primary and could not load the entire response body. {see(status)}"
    )


@pytest.mark.parametrize("code", [300, 301, 302, 304, 307, 600, 999])
def test_a_status_that_is_neither_success_nor_the_clients_mistake_is_the_models(hosting, status, code):
    """A redirection is not followed, and its target is not told."""
    target = f"Location: http://127.0.0.1:{hosting.server.port}/healthz"
    body = "" if code == 304 else "elsewhere"
    error = model_error(hosting, status, status=code, body=body, header=target)
    assert error["OriginalStatusCode"] == code
    assert error["Error"]["Message"].startswith(f'Received server error ({code}) from primary with message "{body}"')
    assert "location" not in error["ResponseMetadata"]["HTTPHeaders"]


@pytest.mark.parametrize("code", [201, 202, 203, 206, 226, 299])
def test_any_success_of_the_model_is_200(wire, status, code):
    answer = wire.invoke(status, asking(status=code, body="done"))
    assert (answer.status, answer.body) == (200, b"done")


@pytest.mark.parametrize("code", [204, 205])
def test_a_success_without_a_body_is_200_and_empty(wire, status, code):
    for _ in range(2):
        answer = wire.invoke(status, asking(status=code, body=""))
        assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("code", [100, 102, 103])
def test_an_interim_answer_is_passed_over(wire, status, code):
    for number in range(2):
        answer = wire.invoke(status, asking(interim=code, body=str(number)))
        assert (answer.status, answer.body) == (200, str(number).encode())


def test_a_model_that_changes_protocols_is_a_model_error(hosting, status):
    error = model_error(hosting, status, status=101, body="", header="Upgrade: other\r\nConnection: upgrade")
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert hosting.invoke(status, b"next")["Payload"] == b"next"


def test_a_model_that_takes_too_long_times_out(make_server):
    hosting = Hosting(make_server("[limits]\nmodel_timeout_s = 2\n"))
    name = hosting.deploy("status")
    late_body = {"body": "x", "repeat": 100, "hang": True, "at": 50}
    for commands in ({"delay_ms": 30_000}, {"hang": True}, {"body": "x", "hang": True, "at": "head"}, late_body):
        error = model_error(hosting, name, **commands)
        assert (error["OriginalStatusCode"], error["LogStreamArn"].rsplit("/", 1)[1]) == (0, name)
        text = (
            "Your invocation timed out while waiting for a response from container primary. Review the latency metrics "
            "for each container in Amazon CloudWatch, resolve the issue, and try again."
        )
        assert error["OriginalMessage"] == text
        assert error["Error"]["Message"] == f'Received server error (0) from primary with message "{text}". {see(name)}'


@pytest.mark.parametrize(
    "commands",
    [
        {"close": True},
        {"body": "x", "close": True, "at": "head"},
        {"body": "x", "repeat": 100, "close": True, "at": 50},
        {"body": "x", "length": "+5"},
        {"body": "piece", "chunks": 3, "close": True, "at": 12},
    ],
    ids=["at once", "after the head", "half-way", "too short", "in a chunk"],
)
def test_a_model_that_breaks_off_is_a_model_error(hosting, wire, status, commands):
    error = model_error(hosting, status, **commands)
    assert error["OriginalStatusCode"] == 0
    text = (
        f"Amazon SageMaker could not get a response from the {status} endpoint. This can occur when CPU or memory "
        "utilization is high. To check your utilization, see Amazon CloudWatch. To fix this problem, use an instance "
        "type with more CPU capacity or memory."
    )
    assert error["OriginalMessage"] == text
    assert error["Error"]["Message"] == f'Received server error (0) from model with message "{text}". {see(status)}'
    assert wire.invoke(status, asking(**commands)).json["ErrorCode"] == "INTERNAL_FAILURE_FROM_MODEL"


def test_a_model_that_dies_is_a_model_error_and_comes_back(hosting):
    name = hosting.deploy("status")
    for fate in ({"exit": 3}, {"signal": "KILL"}, {"body": "x", "signal": "SEGV", "at": "head"}):
        error = model_error(hosting, name, **fate)
        assert (error["OriginalStatusCode"], error["Error"]["Message"][:32]) == (0, "Received server error (0) from m")
        assert hosting.invoke(name, b"again")["Payload"] == b"again", "it is held until another instance is there"


def test_built_in_kmeans_says_what_it_expected(hosting):
    name = hosting.deploy()
    wrong = {
        "text/csv": [b"1,2,3", b"1,2,nan", b"", b"a,b"],
        "application/json": [b"{}", b"[", b'{"instances": [{"features": [1, 2]}]}'],
        "image/png": [b"\x89PNG"],
    }
    for content_type, bodies in wrong.items():
        for body in bodies:
            with pytest.raises(ClientError) as caught:
                hosting.invoke(name, body, ContentType=content_type)
            error = caught.value.response
            assert error["Error"]["Code"] == "ModelError", (content_type, body)
            assert 400 <= error["OriginalStatusCode"] < 500, (content_type, body, error)
            assert error["OriginalMessage"]
    hosting.delete(name)


# -- the request fails -------------------------------------------------------------------------


def validation_error(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    response = caught.value.response
    assert response["Error"]["Code"] == "ValidationError", response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return response["Error"]["Message"]


def test_an_unknown_endpoint_is_a_validation_error(hosting):
    message = validation_error(hosting.runtime.invoke_endpoint, EndpointName="Nobody-Home", Body=b"x")
    assert message == f"Endpoint Nobody-Home of account {ACCOUNT} not found."


def test_a_name_is_what_its_path_means_and_not_how_it_is_spelled(wire, echo):
    spelled = "".join(f"%{byte:02X}" for byte in echo.encode())
    assert wire.invoke(spelled, b"x").status == 200


def test_a_name_in_the_wrong_case_is_not_found(hosting, echo):
    wrong = echo.upper()
    message = validation_error(hosting.runtime.invoke_endpoint, EndpointName=wrong, Body=b"x")
    assert message == f"Endpoint {wrong} of account {ACCOUNT} not found."


def test_an_endpoint_of_another_region_is_not_found(server, echo):
    far = server.client("sagemaker-runtime", region="eu-west-1")
    assert "not found" in validation_error(far.invoke_endpoint, EndpointName=echo, Body=b"x")


def test_a_failed_endpoint_is_not_found(hosting):
    model = hosting.model(image="registry.example/unknown:1", url=None)
    name = hosting.endpoint(hosting.config(model), wait=False)
    hosting.failed(name)
    message = validation_error(hosting.runtime.invoke_endpoint, EndpointName=name, Body=b"x")
    assert message == f"Endpoint {name} of account {ACCOUNT} not found."


def test_a_target_model_is_refused_on_a_single_model_endpoint(hosting, echo):
    message = validation_error(hosting.runtime.invoke_endpoint, EndpointName=echo, Body=b"x", TargetModel="a.tar.gz")
    assert message == f"Endpoint {echo} is not a multi-model endpoint and does not support target model header."


def test_the_payload_limit_is_exact(hosting, wire, echo):
    assert len(json.loads(wire.invoke(echo, b"x" * PAYLOAD_MAX).body)["body"]) == PAYLOAD_MAX
    answer = wire.invoke(echo, b"x" * (PAYLOAD_MAX + 1))
    assert answer.status in (400, 413)
    assert str(PAYLOAD_MAX) in answer.text


def test_a_deleted_endpoint_is_not_found(hosting):
    name = hosting.deploy("pid")
    hosting.delete(name)
    message = validation_error(hosting.runtime.invoke_endpoint, EndpointName=name, Body=b"x")
    assert message == f"Endpoint {name} of account {ACCOUNT} not found."
