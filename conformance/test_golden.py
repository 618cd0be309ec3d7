"""One recorded transcript per operation: request, answer and headers, of successes and of the usual errors.

The recordings are `golden/OPERATION.txt`. A difference is shown as a diff; after a look at it, `--rewrite` writes them:
`cargo xtask test conformance -- test_golden.py --rewrite`.
"""

import difflib
from pathlib import Path

import botocore
import pytest
from botocore.exceptions import ClientError

from harness.hosting import ROLE, Hosting, arn, production_variant
from harness.transcript import Recorder
from test_operations import IMPLEMENTED, IMPLEMENTED_RUNTIME

GOLDEN = Path(__file__).parent / "golden"
OPERATIONS = (*IMPLEMENTED, *IMPLEMENTED_RUNTIME, "GetCallerIdentity", "AssumeRole", "CreateTrainingJob")
# Of a pass the answers show an exact moment: nothing is held.
CONFIG = """
describe_hold_ms = 0
[quotas]
"ml.c5.large" = 0
"""
IMAGE = "models.example/conformance-{}:1"


@pytest.fixture(scope="module")
def recorded(server):
    scenario = Scenario(server)
    for part in (
        scenario.models,
        scenario.endpoint_configs,
        scenario.endpoints,
        scenario.updates,
        scenario.invocations,
        scenario.streams,
        scenario.tags,
        scenario.listings,
        scenario.deletions,
        scenario.callers,
    ):
        part()
    return scenario.recorder


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_answers_as_it_was_recorded(recorded, operation, request):
    found = recorded.transcript(operation)
    path = GOLDEN / f"{operation}.txt"
    if request.config.getoption("rewrite"):
        path.write_text(found)
    known = path.read_text() if path.exists() else ""
    if found != known:
        lines = difflib.unified_diff(
            known.splitlines(), found.splitlines(), f"golden/{path.name}", "this run", lineterm=""
        )
        pytest.fail("\n".join(lines), pytrace=False)


def test_every_operation_has_a_success_and_an_error(recorded):
    for operation in OPERATIONS:
        statuses = {line.split()[1] for line in recorded.transcript(operation).splitlines() if line[:3] in STATUS}
        succeeds = operation != "CreateTrainingJob"
        assert any(status >= "400" for status in statuses), operation
        assert ("200" in statuses) == succeeds, operation


STATUS = {"< 2", "< 4"}


def test_no_recording_is_of_an_operation_that_is_not_recorded_any_more():
    assert {path.stem for path in GOLDEN.iterdir()} == set(OPERATIONS)


class Scenario:
    """The calls that are recorded. Names are fixed: the server is this module's alone."""

    def __init__(self, server):
        self.recorder = Recorder()
        self.hosting = Hosting(server)
        self.sagemaker = self.recorder.watch(server.client("sagemaker"))
        self.runtime = self.recorder.watch(server.client("sagemaker-runtime"))
        self.sts = self.recorder.watch(server.client("sts"))
        self.unsigned = self.recorder.watch(server.client("sagemaker", signature_version=botocore.UNSIGNED))

    def ok(self, title, call, **members):
        with self.recorder.case(title):
            return call(**members)

    def refused(self, title, call, **members):
        with self.recorder.case(title), pytest.raises(ClientError):
            call(**members)

    def models(self):
        create, describe = self.sagemaker.create_model, self.sagemaker.describe_model
        container = {
            "Image": IMAGE.format("plain"),
            "Environment": {"TEST_ANSWER": "body=golden"},
        }
        full = {
            "ModelName": "golden",
            "ExecutionRoleArn": ROLE,
            "PrimaryContainer": container,
            "Tags": [{"Key": "team", "Value": "vision"}],
        }
        self.ok("A model is created", create, **full)
        self.refused("Its name is taken", create, **full)
        self.refused(
            "Two members break their constraints",
            create,
            ModelName="no_such-name_",
            ExecutionRoleArn="nobody-in-particular",
            PrimaryContainer=container,
        )
        absent = {"Image": IMAGE.format("plain"), "ModelDataUrl": "s3://golden/absent.tar.gz"}
        self.hosting.s3.create_bucket(Bucket="golden")
        self.refused(
            "Its data is not there", create, ModelName="absent", ExecutionRoleArn=ROLE, PrimaryContainer=absent
        )
        many = {"Image": IMAGE.format("plain"), "Mode": "MultiModel"}
        self.refused(
            "A member that is not there yet", create, ModelName="many", ExecutionRoleArn=ROLE, PrimaryContainer=many
        )
        several = {
            "ModelName": "golden-direct",
            "ExecutionRoleArn": ROLE,
            "Containers": [container | {"ContainerHostname": hostname} for hostname in ("one", "two")],
            "InferenceExecutionConfig": {"Mode": "Direct"},
        }
        self.ok("Several containers, each to be invoked by its name", create, **several)
        twice = [container | {"ContainerHostname": "one"}] * 2
        self.refused("Two containers of one name", create, **several | {"ModelName": "twice", "Containers": twice})
        self.ok("A model", describe, ModelName="golden")
        self.ok("A model of several containers", describe, ModelName="golden-direct")
        self.refused("A model that is not there", describe, ModelName="nobody")
        for name in ("never", "crash"):
            self.hosting.test_model(name, name=f"golden-{name}")
        self.hosting.model("golden-unknown", image="models.example/nothing-runs-this:1", url=None)

    def endpoint_configs(self):
        create = self.sagemaker.create_endpoint_config
        variant = production_variant("golden")
        self.ok("An endpoint config is created", create, EndpointConfigName="golden", ProductionVariants=[variant])
        self.refused("Its name is taken", create, EndpointConfigName="golden", ProductionVariants=[variant])
        self.refused(
            "A member of a list breaks its constraint",
            create,
            EndpointConfigName="broken",
            ProductionVariants=[production_variant("ENTER MODEL NAME")],
        )
        serverless = {
            "VariantName": "AllTraffic",
            "ModelName": "golden",
            "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
        }
        self.refused(
            "A member that is not there yet", create, EndpointConfigName="none", ProductionVariants=[serverless]
        )
        describe = self.sagemaker.describe_endpoint_config
        self.ok("An endpoint config", describe, EndpointConfigName="golden")
        self.refused("An endpoint config that is not there", describe, EndpointConfigName="nobody")
        for name in ("never", "crash", "unknown"):
            self.hosting.config(f"golden-{name}", name=f"golden-{name}")
        self.hosting.config("nobody", name="golden-nobody")
        self.hosting.config("golden", name="golden-limited", instance_type="ml.c5.large")

    def endpoints(self):
        create, describe = self.sagemaker.create_endpoint, self.sagemaker.describe_endpoint
        tags = [{"Key": "team", "Value": "vision"}]
        self.ok("An endpoint is created", create, EndpointName="Golden", EndpointConfigName="golden", Tags=tags)
        self.refused("Its name is taken", create, EndpointName="Golden", EndpointConfigName="golden")
        self.refused("Its config is not there", create, EndpointName="none", EndpointConfigName="nobody")
        self.refused("Its model is not there", create, EndpointName="none", EndpointConfigName="golden-nobody")
        self.refused("A limit is reached", create, EndpointName="none", EndpointConfigName="golden-limited")
        self.hosting.in_service("Golden")
        self.ok("InService", describe, EndpointName="Golden")
        self.refused("An endpoint that is not there", describe, EndpointName="nobody")
        create(EndpointName="golden-waits", EndpointConfigName="golden-never")
        self.ok("Creating", describe, EndpointName="golden-waits")
        create(EndpointName="golden-fails", EndpointConfigName="golden-unknown")
        self.hosting.failed("golden-fails")
        self.ok("Failed", describe, EndpointName="golden-fails")

    def updates(self):
        update = self.sagemaker.update_endpoint
        weigh = self.sagemaker.update_endpoint_weights_and_capacities
        desired = [{"VariantName": "AllTraffic", "DesiredWeight": 2.0}]
        self.ok(
            "Weights are accepted", weigh, EndpointName="Golden", DesiredWeightsAndCapacities=desired
        )
        self.hosting.in_service("Golden")
        other = [{"VariantName": "other", "DesiredInstanceCount": 2}]
        self.refused(
            "A variant that is not there", weigh, EndpointName="Golden", DesiredWeightsAndCapacities=other
        )
        policy = {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
                "TerminationWaitInSeconds": 0,
            }
        }
        members = {"EndpointName": "Golden", "EndpointConfigName": "golden-never", "DeploymentConfig": policy}
        self.ok("An update is accepted", update, **members)
        self.ok("Updating", self.sagemaker.describe_endpoint, EndpointName="Golden")
        self.refused("Another one is on its way", update, EndpointName="Golden", EndpointConfigName="golden")
        self.refused(
            "An update is on its way", weigh, EndpointName="Golden", DesiredWeightsAndCapacities=desired
        )
        self.refused("A failed endpoint", update, EndpointName="golden-fails", EndpointConfigName="golden")
        self.refused("Its config is not there", update, EndpointName="golden-fails", EndpointConfigName="nobody")
        self.refused("Its endpoint is not there", update, EndpointName="nobody", EndpointConfigName="golden")

    def invocations(self):
        invoke = self.runtime.invoke_endpoint
        answer = self.ok(
            "An answer",
            invoke,
            EndpointName="Golden",
            Body=b"1,2,3",
            ContentType="text/csv",
            Accept="application/json",
            InferenceId="inference-1",
            CustomAttributes="test: attributes=trace-7",
        )
        assert answer["Payload"] == b"golden", "it was read while it was taken down"
        self.refused(
            "The model says 500", invoke, EndpointName="Golden", Body=b'{"test": {"status": 500, "body": "out of order"}}'
        )
        self.refused(
            "The model says 400", invoke, EndpointName="Golden", Body=b'{"test": {"status": 400, "body": "one row, please"}}'
        )
        self.refused("An endpoint that is not there", invoke, EndpointName="nobody", Body=b"")
        self.refused("A name in another case", invoke, EndpointName="golden", Body=b"")
        self.refused("Not InService yet", invoke, EndpointName="golden-waits", Body=b"")
        self.refused("A target model", invoke, EndpointName="Golden", Body=b"", TargetModel="a.tar.gz")
        self.refused("A variant that is not there", invoke, EndpointName="Golden", Body=b"", TargetVariant="other")

    def streams(self):
        stream = self.runtime.invoke_endpoint_with_response_stream
        self.ok(
            "A stream",
            stream,
            EndpointName="Golden",
            Body=b"1,2,3",
            ContentType="text/csv",
            Accept="application/json",
            CustomAttributes="test: events=1; body=tick; attributes=trace-7",
        )
        self.ok(
            "The model breaks off after its first byte",
            stream,
            EndpointName="Golden",
            Body=b'{"test": {"chunks": 2, "body": "tick", "close": true, "at": 4}}',
        )
        self.refused(
            "The model says 500", stream, EndpointName="Golden", Body=b'{"test": {"status": 500, "body": "out of order"}}'
        )
        self.refused("An endpoint that is not there", stream, EndpointName="nobody", Body=b"")
        self.refused("A session is begun", stream, EndpointName="Golden", Body=b"", SessionId="NEW_SESSION")

    def tags(self):
        add, read, delete = self.sagemaker.add_tags, self.sagemaker.list_tags, self.sagemaker.delete_tags
        resource = arn("endpoint", "Golden")
        more = [{"Key": "team", "Value": "speech"}, {"Key": "stage", "Value": "test"}]
        self.ok("One is replaced and one added", add, ResourceArn=resource, Tags=more)
        self.ok("The tags of an endpoint", read, ResourceArn=resource)
        self.ok("One is deleted, and one that is not there", delete, ResourceArn=resource, TagKeys=["team", "none"])
        nobody = arn("endpoint", "nobody")
        self.refused("A resource that is not there", add, ResourceArn=nobody, Tags=more)
        self.refused("A resource that is not there", read, ResourceArn=nobody)
        self.refused("A resource that is not there", delete, ResourceArn=nobody, TagKeys=["team"])
        elsewhere = arn("endpoint", "Golden", region="eu-west-1")
        self.refused("A resource of another region", read, ResourceArn=elsewhere)
        own = [{"Key": "aws:own", "Value": "x"}]
        self.refused("A key that is AWS's own", add, ResourceArn=resource, Tags=own)

    def listings(self):
        pages = {
            "list_models": {},
            "list_endpoint_configs": {},
            "list_endpoints": {"StatusEquals": "Failed"},
        }
        for name, filters in pages.items():
            call = getattr(self.sagemaker, name)
            order = {"SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 1, "NameContains": "golden-"}
            first = self.ok("A page", call, **order, **filters)
            if "NextToken" in first:
                self.ok("The next page", call, **order, **filters, NextToken=first["NextToken"])
            self.ok("Nothing", call, NameContains="nobody")
            self.refused("Too many at once", call, MaxResults=101)
            self.refused("A token that was never given out", call, NextToken="AAAA")
            self.refused("Nobody has signed", getattr(self.unsigned, name))

    def deletions(self):
        sagemaker = self.sagemaker
        self.refused("An endpoint is created with it", sagemaker.delete_endpoint_config, EndpointConfigName="golden-never")
        for name in ("golden-waits", "golden-fails"):
            self.hosting.delete(name)
        self.ok("An endpoint is deleted", sagemaker.delete_endpoint, EndpointName="Golden")
        self.hosting.gone("Golden")
        self.refused("An endpoint that is not there", sagemaker.delete_endpoint, EndpointName="Golden")
        self.ok("An endpoint config is deleted", sagemaker.delete_endpoint_config, EndpointConfigName="golden")
        self.refused(
            "An endpoint config that is not there", sagemaker.delete_endpoint_config, EndpointConfigName="golden"
        )
        self.ok("A model is deleted", sagemaker.delete_model, ModelName="golden")
        self.refused("A model that is not there", sagemaker.delete_model, ModelName="golden")

    def callers(self):
        self.ok("The caller", self.sts.get_caller_identity)
        role = "arn:aws:iam::000000000000:role/Reader"
        self.ok("A role is assumed", self.sts.assume_role, RoleArn=role, RoleSessionName="golden")
        other = "arn:aws:iam::111111111111:role/Reader"
        self.refused("A role of another account", self.sts.assume_role, RoleArn=other, RoleSessionName="golden")
        stranger = self.hosting.server.client("sts", signature_version=botocore.UNSIGNED)
        self.refused("Nobody has signed", self.recorder.watch(stranger).get_caller_identity)
        self.refused(
            "An operation that is not there",
            self.sagemaker.create_training_job,
            TrainingJobName="golden",
            RoleArn=ROLE,
            OutputDataConfig={"S3OutputPath": "s3://golden/"},
            ResourceConfig={"VolumeSizeInGB": 1},
            StoppingCondition={},
        )
