"""Botocore's model of SageMaker, from the installed package.

Shares nothing with `cargo xtask codegen` but the number of the release, which both take from
`xtask/botocore.toml`: two readers that agree on a wrong text would have to make the same mistake twice.
"""

import gzip
import json
import os
import tomllib
from pathlib import Path

PIN = Path(__file__).resolve().parents[2] / "xtask" / "botocore.toml"
INSIDE = Path("sagemaker/2017-07-24")

# The operations whose requests are checked.
OPERATIONS = (
    "CreateModel",
    "DescribeModel",
    "ListModels",
    "DeleteModel",
    "CreateEndpointConfig",
    "DescribeEndpointConfig",
    "ListEndpointConfigs",
    "DeleteEndpointConfig",
    "CreateEndpoint",
    "DescribeEndpoint",
    "ListEndpoints",
    "DeleteEndpoint",
    "UpdateEndpoint",
    "UpdateEndpointWeightsAndCapacities",
    "AddTags",
    "ListTags",
    "DeleteTags",
)


class WrongModel(Exception):
    """The installed botocore is not the one that Hostler's shapes were made from."""


def data_directory():
    """The folder of botocore's data files: `HOSTLER_BOTOCORE_DATA`, or that of the installed package."""
    named = os.environ.get("HOSTLER_BOTOCORE_DATA")
    if named:
        return Path(named)
    import botocore

    pinned = tomllib.loads(PIN.read_text())["version"]
    if botocore.__version__ != pinned:
        raise WrongModel(
            f"botocore {botocore.__version__} is installed, Hostler's shapes come from {pinned}: "
            f"install botocore=={pinned}, or name its data folder in HOSTLER_BOTOCORE_DATA"
        )
    return Path(botocore.__file__).parent / "data"


class Model:
    """Shapes and operations by name."""

    def __init__(self, directory=None):
        folder = (directory or data_directory()) / INSIDE
        packed, plain = folder / "service-2.json.gz", folder / "service-2.json"
        content = gzip.decompress(packed.read_bytes()) if packed.exists() else plain.read_bytes()
        service = json.loads(content)
        self.shapes = service["shapes"]
        self.operations = service["operations"]

    def input_of(self, operation):
        return self.operations[operation]["input"]["shape"]
