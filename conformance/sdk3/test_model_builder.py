"""ModelBuilder of the SageMaker SDK v3 with its defaults: build, deploy, answers, an update, code beside a model."""

import json

import pytest
from botocore.exceptions import ClientError
from sagemaker.core.deserializers import (
    CSVDeserializer,
    JSONDeserializer,
    JSONLinesDeserializer,
    RecordDeserializer,
)
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import Endpoint, EndpointConfig
from sagemaker.core.serializers import CSVSerializer, JSONLinesSerializer, JSONSerializer, RecordSerializer
from sagemaker.core.shapes import ProductionVariant
from sagemaker.core.training.configs import SourceCode
from sagemaker.serve.model_builder import ModelBuilder

from harness import artifacts, sagemaker_sdk
from harness.hosting import MODEL_URL, ROLE, fresh

LISTER = "models.example/conformance-lister:1"
RECORDIO = "application/x-recordio-protobuf"


def kmeans(**more):
    """A builder of the K-Means example, built: the model is created."""
    builder = ModelBuilder(
        image_uri=artifacts.KMEANS_IMAGE,
        s3_model_data_url=MODEL_URL,
        role_arn=ROLE,
        instance_type="ml.m5.large",
        **more,
    )
    builder.build()
    return builder


@pytest.fixture(scope="module")
def deployed(hosting):
    """What deploy gives back with every default. Where it waits, the SDK sleeps half a minute before its first look."""
    endpoint = kmeans().deploy(endpoint_name=fresh("sdk3"))
    yield endpoint
    endpoint.delete()
    hosting.gone(endpoint.endpoint_name)


def answers_as_scikit_learn(endpoint):
    answer = endpoint.invoke(body="\n".join(artifacts.rows()), content_type="text/csv", accept="application/json")
    assert answer.invoked_production_variant == "AllTraffic"
    sagemaker_sdk.assert_as_scikit_learn(sagemaker_sdk.of_objects(json.loads(answer.body.read())["predictions"]))


def test_what_is_deployed_with_defaults_is_in_service_and_answers_csv(deployed):
    assert type(deployed) is Endpoint
    assert deployed.endpoint_status == "InService"
    answers_as_scikit_learn(deployed)


def test_an_update_goes_to_a_model_that_is_built_anew(hosting):
    """By the resource's update: `deploy(update_endpoint=True)` of 3.27.0 ends in a TypeError of its own."""
    endpoint = kmeans().deploy(endpoint_name=fresh("sdk3"), wait=False)
    endpoint.wait_for_status("InService")
    anew = kmeans()
    variant = ProductionVariant(
        variant_name="AllTraffic",
        model_name=anew.built_model.model_name,
        instance_type="ml.m5.large",
        initial_instance_count=1,
    )
    config = EndpointConfig.create(endpoint_config_name=fresh("sdk3"), production_variants=[variant])
    endpoint.endpoint_config_name = config.endpoint_config_name
    endpoint.update()
    endpoint.wait_for_status("InService")
    assert endpoint.endpoint_config_name == config.endpoint_config_name
    answers_as_scikit_learn(endpoint)
    endpoint.delete()
    hosting.gone(endpoint.endpoint_name)


def in_csv(answer):
    return [(float(cluster), float(distance)) for cluster, distance in answer]


def in_json(answer):
    return sagemaker_sdk.of_objects(answer["predictions"])


SERIALIZERS = {
    "csv": (CSVSerializer(), lambda rows: rows),
    "json": (JSONSerializer(), lambda rows: {"instances": [{"features": list(row)} for row in rows]}),
    "jsonlines": (JSONLinesSerializer(), lambda rows: [{"features": list(row)} for row in rows]),
}
DESERIALIZERS = {
    "csv": (CSVDeserializer(), in_csv),
    "json": (JSONDeserializer(), in_json),
    "jsonlines": (JSONLinesDeserializer(), sagemaker_sdk.of_objects),
}


@pytest.mark.parametrize("deserializer", DESERIALIZERS)
@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_the_sdks_serializers_are_understood_both_ways(deployed, serializer, deserializer):
    """Those that an endpoint takes in place of version 2's predictors. Version 3 has no KMeansPredictor."""
    endpoint = Endpoint.get(endpoint_name=deployed.endpoint_name)
    endpoint.serializer, form = SERIALIZERS[serializer]
    endpoint.deserializer, of_answer = DESERIALIZERS[deserializer]
    content = {"content_type": endpoint.serializer.CONTENT_TYPE, "accept": endpoint.deserializer.ACCEPT[0]}
    sagemaker_sdk.assert_as_scikit_learn(of_answer(endpoint.invoke(form(sagemaker_sdk.rows()), **content).body))


def test_version_3_itself_writes_no_records_yet(deployed):
    """RecordIO is version 2's default for K-Means; the day this fails, it belongs into the tables above."""
    endpoint = Endpoint.get(endpoint_name=deployed.endpoint_name)
    endpoint.serializer, endpoint.deserializer = RecordSerializer(), RecordDeserializer()
    with pytest.raises(NotImplementedError):
        endpoint.invoke(sagemaker_sdk.rows(), content_type=RECORDIO, accept=RECORDIO)


def test_what_the_model_refuses_is_a_model_error(deployed):
    with pytest.raises(ClientError) as caught:
        deployed.invoke(body="1,2,3", content_type="text/csv")
    response = caught.value.response
    assert (response["Error"]["Code"], response["OriginalStatusCode"]) == ("ModelError", 400)


def test_source_code_is_packed_into_the_model_and_goes_through_the_default_bucket(hosting, tmp_path):
    (tmp_path / "inference.py").write_text("# what serves the model\n")
    bucket = fresh("sdk3-default")
    builder = ModelBuilder(
        image_uri=LISTER,
        s3_model_data_url=MODEL_URL,
        role_arn=ROLE,
        instance_type="ml.m5.large",
        source_code=SourceCode(source_dir=str(tmp_path), entry_script="inference.py"),
        sagemaker_session=Session(default_bucket=bucket),
    )
    assert builder.build().primary_container.model_data_url.startswith(f"s3://{bucket}/")
    endpoint = builder.deploy(endpoint_name=fresh("sdk3"), wait=False)
    endpoint.wait_for_status("InService")
    found = json.loads(endpoint.invoke(body="x").body.read())["model"]
    assert found["code/inference.py"] == "# what serves the model\n"
    assert set(found) > {"code/inference.py"}
    endpoint.delete()
    hosting.gone(endpoint.endpoint_name)
