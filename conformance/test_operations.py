"""Every operation of the model: unsigned, mis-signed, malformed, and each constraint at its border.

What must come back was worked out from botocore's model by conformance/expected, which shares no code with codegen.
"""

import botocore.session
import pytest

from expected.cases import cases
from expected.model import OPERATIONS
from harness.wire import JSON, LONG_SIGNATURE_TEXT, Wire, tampered

IMPLEMENTED = (
    "AddTags",
    "CreateEndpoint",
    "CreateEndpointConfig",
    "CreateModel",
    "DeleteEndpoint",
    "DeleteEndpointConfig",
    "DeleteModel",
    "DeleteTags",
    "DescribeEndpoint",
    "DescribeEndpointConfig",
    "DescribeModel",
    "ListEndpointConfigs",
    "ListEndpoints",
    "ListModels",
    "ListTags",
    "UpdateEndpoint",
    "UpdateEndpointWeightsAndCapacities",
)
# Those of the data plane.
IMPLEMENTED_RUNTIME = ("InvokeEndpoint", "InvokeEndpointWithResponseStream")
IMPLEMENTED_STS = ("AssumeRole", "GetCallerIdentity")
# Differences of one operation that are shown when there are many.
SHOWN_MAX = 15


@pytest.fixture(scope="module")
def wire(server):
    return Wire(server)


@pytest.fixture(scope="module")
def every_operation():
    return botocore.session.Session().get_service_model("sagemaker").operation_names


@pytest.mark.parametrize("operation", IMPLEMENTED)
def test_an_unsigned_request_is_refused(wire, operation):
    answer = wire.control(operation, {}, sign=False)
    assert answer.status == 400
    assert answer.code == "MissingAuthenticationTokenException"
    assert answer.message == "Missing Authentication Token"
    assert answer.headers["content-type"] == JSON


@pytest.mark.parametrize("operation", IMPLEMENTED)
def test_a_mis_signed_request_is_refused(wire, operation):
    headers = {"Content-Type": JSON, "X-Amz-Target": f"SageMaker.{operation}"}
    headers = wire.signed("POST", "/", "sagemaker", headers, b"{}")
    headers["Authorization"] = tampered(headers["Authorization"])
    answer = wire.send("POST", "/", headers, b"{}")
    assert answer.status == 400
    assert answer.code == "InvalidSignatureException"
    assert answer.message.startswith(LONG_SIGNATURE_TEXT)


@pytest.mark.parametrize("operation", IMPLEMENTED)
@pytest.mark.parametrize("body", [b"{", b"[1]", b'"text"', b"\xff\xfe", b"{} trailing"])
def test_a_malformed_body_is_a_serialization_exception(wire, operation, body):
    answer = wire.control(operation, raw=body)
    assert (answer.status, answer.code) == (400, "SerializationException"), answer


@pytest.mark.parametrize("operation", IMPLEMENTED)
def test_every_constraint_holds_at_its_border(wire, operation):
    differences = []
    count = 0
    for case in cases():
        if case.operation != operation:
            continue
        count += 1
        answer = wire.control(operation, case.request())
        ok = answer.status == 200
        code, message = (None, None) if ok else (answer.code, answer.message)
        if answer.status >= 500:
            differences.append(f"{case.name}: {answer}")
        elif difference := case.difference(code, message):
            differences.append(f"{case.name} [{case.evidence}]: {difference}")
    assert count, "there are cases"
    more = f"\n… and {len(differences) - SHOWN_MAX} more" if len(differences) > SHOWN_MAX else ""
    shown = "\n".join(differences[:SHOWN_MAX])
    assert not differences, f"{len(differences)} of {count} cases differ:\n{shown}{more}"


def test_the_table_is_of_just_the_operations_that_there_are(wire, every_operation):
    """What the server says that it has, asked by each name of the service model, is what the table says."""
    assert len(every_operation) > 300
    there, wrong = set(), []
    for operation in every_operation:
        answer = wire.control(operation, {})
        if answer.status == 400 and answer.code == "NotImplementedByHostler":
            if operation not in answer.message:
                wrong.append((operation, answer.status, answer.text[:200]))
        else:
            there.add(operation)
    assert wrong == []
    assert there - set(IMPLEMENTED) == set(), "operations that there are and the table lacks"
    assert set(IMPLEMENTED) - there == set(), "operations of the table that are not there"
    assert set(OPERATIONS) == set(IMPLEMENTED), "operations whose requests are checked at their borders"


def test_the_table_is_of_just_the_operations_of_the_data_plane(wire):
    model = botocore.session.Session().get_service_model("sagemaker-runtime")
    there = set()
    for operation in model.operation_names:
        http = model.operation_model(operation).http
        path = http["requestUri"].replace("{EndpointName}", "nobody")
        answer = wire.send(http["method"], path, wire.signed(http["method"], path, "sagemaker", {}, b"x"), b"x")
        if answer.code not in ("NotImplementedByHostler", "UnknownOperationException"):
            assert answer.code == "ValidationError", answer
            there.add(operation)
    assert there == set(IMPLEMENTED_RUNTIME)


def test_the_table_is_of_just_the_operations_of_sts(wire):
    there = {
        operation
        for operation in botocore.session.Session().get_service_model("sts").operation_names
        if b"<Code>InvalidAction</Code>" not in wire.sts(operation).body
    }
    assert there == set(IMPLEMENTED_STS)


def test_every_other_operation_needs_a_signature_too(wire, every_operation):
    answer = wire.control("CreateTrainingJob", {}, sign=False)
    assert answer.code == "MissingAuthenticationTokenException"


@pytest.mark.parametrize("operation", ["NoSuchOperation", "", "describeendpoint"])
def test_an_unknown_operation_is_refused(wire, operation):
    answer = wire.control(operation, {})
    assert (answer.status, answer.code) == (400, "UnknownOperationException")


def test_another_target_prefix_is_unknown(wire):
    answer = wire.control("x", {}, headers={"X-Amz-Target": "DynamoDB_20120810.ListTables"})
    assert answer.status == 400
    assert answer.code == "UnknownOperationException"


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("PUT", "/"), ("DELETE", "/"), ("POST", "/foo/bar")])
def test_control_operations_are_posts_to_the_root_and_nothing_else(wire, method, path):
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "SageMaker.ListModels"}
    answer = wire.send(method, path, wire.signed(method, path, "sagemaker", headers, b"{}"), b"{}")
    assert (answer.status, answer.code) == (400, "UnknownOperationException")


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", None])
def test_another_content_type_does_no_harm(wire, content_type):
    """AWS reads awsJson by its target; whatever comes back is a typed answer, never a 5xx."""
    answer = wire.control("ListModels", {}, headers={"Content-Type": content_type})
    assert answer.status in (200, 400, 404, 415)
    assert answer.headers.get("x-amzn-requestid")


def test_an_empty_body_is_an_empty_request(wire):
    answer = wire.control("ListModels", raw=b"")
    assert answer.status == 200
    assert answer.json == {"Models": []}


def test_unknown_members_are_ignored(wire):
    answer = wire.control("ListModels", {"NobodyKnowsThis": {"a": [1, None]}})
    assert answer.status == 200


def test_an_answer_carries_what_sdks_look_for(wire):
    answer = wire.control("ListEndpoints", {})
    assert answer.headers["content-type"] == JSON
    assert len(answer.headers["x-amzn-requestid"]) == 36
    assert answer.headers["date"].endswith("GMT")
    assert int(answer.headers["content-length"]) == len(answer.body)


def test_an_error_is_typed_in_header_and_body(wire):
    answer = wire.control("DescribeModel", {"ModelName": "nobody"})
    assert answer.status == 400
    assert answer.json["__type"].rsplit("#")[-1] == "ValidationException"
    assert answer.headers["x-amzn-errortype"].split(":")[0] == "ValidationException"
    assert len(answer.headers["x-amzn-requestid"]) == 36


def test_a_deletion_answers_with_nothing(wire, server):
    client = server.client("sagemaker")
    container = {"Image": "models.example/conformance-pid:1"}
    client.create_model(
        ModelName="to-delete", ExecutionRoleArn="arn:aws:iam::000000000000:role/x", PrimaryContainer=container
    )
    answer = wire.control("DeleteModel", {"ModelName": "to-delete"})
    assert (answer.status, answer.body) == (200, b"")


def test_times_are_numbers_of_seconds(wire, server):
    client = server.client("sagemaker")
    container = {"Image": "models.example/conformance-pid:1"}
    client.create_model(
        ModelName="timed", ExecutionRoleArn="arn:aws:iam::000000000000:role/x", PrimaryContainer=container
    )
    created = wire.control("DescribeModel", {"ModelName": "timed"}).json["CreationTime"]
    assert isinstance(created, (int, float))
    assert 1_600_000_000 < created < 10_000_000_000


def test_a_request_that_is_far_too_large_is_refused_and_the_server_lives(wire):
    answer = wire.control("ListModels", raw=b'{"NameContains": "' + b"x" * (12 * 1024 * 1024) + b'"}')
    assert 400 <= answer.status < 500
    assert wire.control("ListModels", {}).status == 200
