"""200 clients create one name in the same moment: one is told yes, the others that the name is taken."""

import concurrent.futures
import threading

from harness.hosting import ROLE, fresh, production_variant
from harness.wire import Wire

CLIENTS = 200


def answers(server, operation, document):
    """What each client is told; all have signed and stand ready before the first sends."""
    ready = threading.Barrier(CLIENTS)

    def create(_):
        wire = Wire(server)
        ready.wait(60)
        return wire.control(operation, document)

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(create, range(CLIENTS)))


def the_one(answers, taken):
    """The answer of the only one that was told yes."""
    successes = [answer for answer in answers if answer.status == 200]
    others = {(answer.status, answer.code, answer.message) for answer in answers if answer.status != 200}
    assert others == {(400, "ValidationException", taken)}, "each of the others is told that the name is taken"
    assert len(successes) == 1, "just one created it"
    return successes[0].json


def test_of_200_models_of_one_name_one_is_created(server, hosting):
    name = fresh("model")
    container = {"Image": "models.example/conformance-pid:1", "ModelDataUrl": hosting.upload()}
    document = {"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": container}
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:model/{name}"
    made = the_one(answers(server, "CreateModel", document), f'Cannot create already existing model "{arn}".')
    assert made == {"ModelArn": arn}
    listed = hosting.sagemaker.list_models(NameContains=name)["Models"]
    assert [model["ModelArn"] for model in listed] == [arn]


def test_of_200_configs_of_one_name_one_is_created(server, hosting):
    name = fresh("config")
    document = {"EndpointConfigName": name, "ProductionVariants": [production_variant(hosting.test_model("pid"))]}
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:endpoint-config/{name}"
    taken = f'Cannot create already existing endpoint configuration "{arn}".'
    assert the_one(answers(server, "CreateEndpointConfig", document), taken) == {"EndpointConfigArn": arn}
    listed = hosting.sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    assert [config["EndpointConfigArn"] for config in listed] == [arn]


def test_of_200_endpoints_of_one_name_one_is_created_and_runs_once(server, hosting):
    name = fresh("endpoint")
    config = hosting.config(hosting.test_model("pid"))
    document = {"EndpointName": name, "EndpointConfigName": config}
    arn = f"arn:aws:sagemaker:us-east-1:000000000000:endpoint/{name}"
    taken = f'Cannot create already existing endpoint "{arn}".'
    assert the_one(answers(server, "CreateEndpoint", document), taken) == {"EndpointArn": arn}
    hosting.in_service(name)
    listed = hosting.sagemaker.list_endpoints(NameContains=name)["Endpoints"]
    assert [endpoint["EndpointArn"] for endpoint in listed] == [arn]
    assert len({hosting.invoke(name)["Payload"] for _ in range(20)}) == 1, "one instance answers"
    hosting.delete(name)
