"""K-Means by the SageMaker SDK as its documentation shows it: KMeansModel, deploy, KMeansPredictor, nothing set.

The predictor's defaults are RecordIO-protobuf both ways; what it returns are the SDK's own Record objects.
"""

import numpy
import pytest
from botocore.exceptions import ClientError
from sagemaker import Predictor
from sagemaker.amazon.kmeans import KMeansModel, KMeansPredictor
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer, JSONLinesDeserializer
from sagemaker.serializers import CSVSerializer, JSONLinesSerializer, JSONSerializer

from harness import sagemaker_sdk
from harness.hosting import MODEL_URL, ROLE
from harness.sagemaker_sdk import assert_as_scikit_learn, of_objects, of_records


@pytest.fixture(scope="module")
def predictor(hosting):
    """What the SDK's own deploy gives back."""
    model = KMeansModel(model_data=MODEL_URL, role=ROLE)
    # Waiting, the SDK would sleep half a minute before it looks for the first time.
    made = model.deploy(initial_instance_count=1, instance_type="ml.m5.large", wait=False)
    hosting.in_service(made.endpoint_name)
    yield made
    made.delete_model()
    made.delete_endpoint()
    hosting.gone(made.endpoint_name)


@pytest.fixture(scope="module")
def rows():
    return sagemaker_sdk.rows()


@pytest.mark.parametrize("kind", ["float32", float, int])
def test_the_sdks_own_deploy_and_predictor_work_with_their_defaults(predictor, rows, kind):
    assert type(predictor) is KMeansPredictor
    assert predictor.content_type == "application/x-recordio-protobuf"
    assert predictor.accept == ("application/x-recordio-protobuf",)
    assert_as_scikit_learn(of_records(predictor.predict(rows.astype(kind))))


def test_a_predictor_made_by_the_endpoints_name_alone_works_for_one_row(predictor, rows):
    [record] = KMeansPredictor(predictor.endpoint_name).predict(rows[0])
    [found] = of_records([record])
    assert found == of_records(predictor.predict(rows))[0]
    assert set(record.label) == {"closest_cluster", "distance_to_cluster"}
    assert not record.features


def test_a_large_batch_comes_back_whole_and_in_order(predictor, rows):
    once = of_records(predictor.predict(rows))
    repeated = numpy.tile(rows.astype("float32"), (500, 1))
    assert of_records(predictor.predict(repeated)) == once * 500


@pytest.mark.parametrize(
    ("serializer", "form"),
    [
        (CSVSerializer(), lambda rows: rows),
        (JSONSerializer(), lambda rows: {"instances": [{"features": list(row)} for row in rows]}),
        (JSONSerializer(), lambda rows: {"instances": [{"data": {"features": {"values": list(row)}}} for row in rows]}),
        (JSONLinesSerializer(), lambda rows: [{"features": list(row)} for row in rows]),
        (JSONLinesSerializer(), lambda rows: [sparse(row) for row in rows]),
    ],
    ids=["csv", "json", "json-nested", "jsonlines", "jsonlines-sparse"],
)
@pytest.mark.parametrize("deserializer", [CSVDeserializer(), JSONDeserializer(), JSONLinesDeserializer()],
                         ids=["csv", "json", "jsonlines"])
def test_every_other_format_of_the_sdk_is_understood_both_ways(predictor, rows, serializer, form, deserializer):
    plain = Predictor(predictor.endpoint_name, serializer=serializer, deserializer=deserializer)
    answer = plain.predict(form(rows))
    if isinstance(deserializer, CSVDeserializer):
        found = [(float(cluster), float(distance)) for cluster, distance in answer]
    elif isinstance(deserializer, JSONDeserializer):
        found = of_objects(answer["predictions"])
    else:
        found = of_objects(answer)
    assert_as_scikit_learn(found)


def sparse(row):
    keys = [index for index, value in enumerate(row) if value]
    return {"data": {"features": {"keys": keys, "shape": [len(row)], "values": [row[key] for key in keys]}}}


def test_rows_of_another_width_are_refused_with_what_was_expected(predictor, rows):
    with pytest.raises(ClientError) as caught:
        predictor.predict(rows[:, :63])
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError", response
    assert response["OriginalStatusCode"] == 400
    assert response["OriginalMessage"] == "row 1 has 63 columns, expected 64"
