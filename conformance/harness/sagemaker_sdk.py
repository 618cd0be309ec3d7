"""What the suites of both SageMaker SDKs share; each runs in an environment that has numpy."""

import contextlib

import numpy
import pytest

from harness import artifacts

# The settings that a person has to make besides the profile: nothing tells AWS of the SDK's use.
SETTINGS = """
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
"""


@contextlib.contextmanager
def environment(server, directory):
    """What a person exports: the SDK finds the server by the default AWS configuration chain alone."""
    settings = directory / "sagemaker.yaml"
    settings.write_text(SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment().items():
            patch.setenv(name, value)
        patch.setenv("SAGEMAKER_USER_CONFIG_OVERRIDE", str(settings))
        yield


def rows():
    return numpy.array([[float(cell) for cell in row.split(",")] for row in artifacts.rows()])


def of_records(records):
    """Cluster and distance of each, read as the SDK's documentation reads them."""
    value = lambda record, key: record.label[key].float32_tensor.values[0]
    return [(value(record, "closest_cluster"), value(record, "distance_to_cluster")) for record in records]


def of_objects(predictions):
    return [(prediction["closest_cluster"], prediction["distance_to_cluster"]) for prediction in predictions]


def assert_as_scikit_learn(found):
    expected = of_objects(artifacts.expected())
    assert [cluster for cluster, _ in found] == [cluster for cluster, _ in expected]
    # What is given back are 32-bit floats, whose last bit alone is more than 1e-6 from 16 on.
    nearest = [float(numpy.float32(distance)) for _, distance in expected]
    assert [distance for _, distance in found] == pytest.approx(nearest, abs=1e-6, rel=0)
