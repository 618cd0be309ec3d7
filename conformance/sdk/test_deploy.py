"""The SageMaker SDK's whole way with its defaults: deploy and wait, predict, update, list, delete; any model of one's own.

Where it waits, the SDK sleeps half a minute before it looks for the first time. All that waits does so at once, in one
fixture.
"""

import concurrent.futures
import json

import pytest
from botocore.exceptions import ClientError
from sagemaker import Model, Predictor, Session
from sagemaker.amazon.kmeans import KMeansModel, KMeansPredictor
from sagemaker.deserializers import JSONDeserializer
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.serializers import CSVSerializer, IdentitySerializer, JSONSerializer

from harness import sagemaker_sdk
from harness.hosting import MODEL_URL, ROLE, fresh

PLAIN = "models.example/conformance-plain:1"
CRASH = "models.example/conformance-crash:1"
LISTER = "models.example/conformance-lister:1"
WHERE = {"initial_instance_count": 1, "instance_type": "ml.m5.large"}


def kmeans():
    return KMeansModel(model_data=MODEL_URL, role=ROLE)


def own(image=PLAIN, **more):
    """A model of any image; of such a class the SDK knows the predictor only when it is told."""
    return Model(image_uri=image, role=ROLE, predictor_cls=Predictor, **more)


@pytest.fixture(scope="module")
def waited(hosting):
    """What each waiting call gave back, or its error."""
    updated = kmeans().deploy(wait=False, **WHERE)
    hosting.in_service(updated.endpoint_name)
    former = hosting.sagemaker.describe_endpoint(EndpointName=updated.endpoint_name)["EndpointConfigName"]
    another = kmeans()
    another.create(instance_type="ml.m5.large")
    calls = {
        "kmeans": lambda: kmeans().deploy(**WHERE),
        "own": lambda: own(env={"ANY": "thing"}).deploy(endpoint_name=fresh("sdk-own"), **WHERE),
        "failing": lambda: own(CRASH).deploy(endpoint_name=fresh("sdk-failing"), **WHERE),
        "update": lambda: updated.update_endpoint(model_name=another.name, **WHERE),
    }
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        running = {name: pool.submit(call) for name, call in calls.items()}
    outcomes = {name: call.exception() or call.result() for name, call in running.items()}
    yield outcomes | {"updated": updated, "former": former, "another": another}
    for entry in hosting.sagemaker.list_endpoints()["Endpoints"]:
        hosting.delete(entry["EndpointName"])


def test_deploy_with_defaults_waits_and_gives_a_predictor_of_records(waited):
    predictor = waited["kmeans"]
    assert type(predictor) is KMeansPredictor, predictor
    records = predictor.predict(sagemaker_sdk.rows())
    sagemaker_sdk.assert_as_scikit_learn(sagemaker_sdk.of_records(records))


@pytest.mark.parametrize(
    ("serializer", "form"),
    [
        (CSVSerializer(), lambda rows: rows),
        (JSONSerializer(), lambda rows: {"instances": [{"features": list(row)} for row in rows]}),
    ],
    ids=["csv", "json"],
)
def test_the_predictor_speaks_csv_and_json(waited, serializer, form):
    predictor = Predictor(waited["kmeans"].endpoint_name, serializer=serializer, deserializer=JSONDeserializer())
    predictions = predictor.predict(form(sagemaker_sdk.rows()))["predictions"]
    sagemaker_sdk.assert_as_scikit_learn(sagemaker_sdk.of_objects(predictions))


def test_update_endpoint_waits_until_the_new_model_serves(waited, hosting):
    assert waited["update"] is None, waited["update"]
    name = waited["updated"].endpoint_name
    seen = hosting.sagemaker.describe_endpoint(EndpointName=name)
    assert seen["EndpointStatus"] == "InService"
    assert seen["EndpointConfigName"] != waited["former"]
    config = hosting.sagemaker.describe_endpoint_config(EndpointConfigName=seen["EndpointConfigName"])
    assert config["ProductionVariants"][0]["ModelName"] == waited["another"].name
    records = waited["updated"].predict(sagemaker_sdk.rows())
    sagemaker_sdk.assert_as_scikit_learn(sagemaker_sdk.of_records(records))


def test_a_model_of_any_image_is_deployed_and_answers_what_it_is_sent(waited):
    predictor = waited["own"]
    assert type(predictor) is Predictor, predictor
    assert predictor.predict("as it stands", initial_args={"ContentType": "text/plain"}) == b"as it stands"
    predictor.serializer, predictor.deserializer = JSONSerializer(), JSONDeserializer()
    assert predictor.predict({"answer": [1, 2]}) == {"answer": [1, 2]}


def test_a_models_error_is_a_client_error_with_what_it_said(waited):
    predictor = Predictor(waited["own"].endpoint_name, serializer=IdentitySerializer("text/plain"))
    with pytest.raises(ClientError) as caught:
        predictor.predict("x", initial_args={"CustomAttributes": "test: status=503; body=busy"})
    response = caught.value.response
    assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (503, "busy")


def test_a_deployment_that_fails_says_why(waited):
    error = waited["failing"]
    assert isinstance(error, UnexpectedStatusException), error
    assert error.actual_status == "Failed"
    assert "Error hosting endpoint sdk-failing-" in str(error)
    assert "Reason: " in str(error) and "Hostler: " in str(error)


def test_the_session_lists_describes_and_tags(waited):
    session = Session()
    endpoints = session.sagemaker_client.list_endpoints(NameContains=waited["own"].endpoint_name)["Endpoints"]
    assert [entry["EndpointStatus"] for entry in endpoints] == ["InService"]
    assert session.endpoint_in_service_or_not(waited["own"].endpoint_name)
    described = session.sagemaker_client.describe_endpoint(EndpointName=waited["own"].endpoint_name)
    assert session.list_tags(described["EndpointArn"]) == []


def test_delete_takes_model_config_and_endpoint(hosting):
    model = own()
    predictor = model.deploy(endpoint_name=fresh("sdk-deleted"), tags=[{"Key": "a", "Value": "b"}], wait=False, **WHERE)
    hosting.in_service(predictor.endpoint_name)
    config = hosting.sagemaker.describe_endpoint(EndpointName=predictor.endpoint_name)["EndpointConfigName"]
    predictor.delete_model()
    predictor.delete_endpoint()
    hosting.gone(predictor.endpoint_name)
    assert hosting.sagemaker.list_models(NameContains=model.name)["Models"] == []
    assert hosting.sagemaker.list_endpoint_configs(NameContains=config)["EndpointConfigs"] == []


def test_source_code_is_packed_into_the_model_and_goes_through_the_default_bucket(hosting, tmp_path):
    """The SDK packs with a root that is called `/`, and asks for encryption."""
    (tmp_path / "inference.py").write_text("# what serves the model\n")
    bucket = fresh("sdk-default")
    model = own(
        LISTER,
        model_data=MODEL_URL,
        source_dir=str(tmp_path),
        entry_point="inference.py",
        sagemaker_session=Session(default_bucket=bucket),
    )
    predictor = model.deploy(endpoint_name=fresh("sdk-code"), wait=False, **WHERE)
    hosting.in_service(predictor.endpoint_name)
    container = hosting.sagemaker.describe_model(ModelName=model.name)["PrimaryContainer"]
    assert container["ModelDataUrl"].startswith(f"s3://{bucket}/")
    found = json.loads(predictor.predict(b"x"))["model"]
    assert found["code/inference.py"] == "# what serves the model\n"
    assert set(found) > {"code/inference.py"}
    hosting.delete(predictor.endpoint_name)
