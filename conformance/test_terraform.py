"""Terraform's AWS provider, replayed: plans, applies, failing updates, drift and tags (`terraform/`)."""

import copy

import pytest
from botocore.exceptions import ClientError

from harness import config as configuration
from harness.hosting import BUCKET, ROLE, Hosting, arn, fresh
from harness.waiting import eventually
from terraform.resources import ComparingEndpoint, Endpoint, Failed
from terraform.waiting import Pace
from terraform.workspace import Workspace, Written

MODEL = "aws_sagemaker_model.digits"
CONFIG_ = "aws_sagemaker_endpoint_configuration.digits"
ENDPOINT = "aws_sagemaker_endpoint.digits"
# The server shows a rollback for at least 12 s, and the provider looks every 10 s at most: a sixth of all of it, and one
# second more of showing, so that a busy machine is no failure.
SCALE = 1 / 6
CONFIG = "rollback_shown_s = 3\n"
ALL_AT_ONCE = {
    "blue_green_update_policy": {
        "traffic_routing_configuration": {"type": "ALL_AT_ONCE", "wait_interval_in_seconds": 0},
        "termination_wait_in_seconds": 0,
    }
}


class Calls:
    """The operations that a client calls, with their members; polls of one kind in a row are one."""

    def __init__(self, client):
        self.made = []
        client.meta.events.register("before-parameter-build.sagemaker", self._called, unique_id="calls")

    def _called(self, params, model, **_):
        self.made.append((model.name, copy.deepcopy(params)))

    def take(self):
        made, self.made = self.made, []
        return made

    def names(self):
        names = [name for name, _ in self.take()]
        return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]


class Terraform(Workspace):
    """A workspace with one model, one config and one endpoint, named afresh."""

    def __init__(self, hosting):
        super().__init__(hosting.sagemaker, Pace(scale=SCALE))
        self.hosting, self.client = hosting, hosting.sagemaker
        self.calls = Calls(self.client)
        self.name = fresh("Terraformed")
        container = {"image": "models.example/conformance-plain:1", "environment": {"TEST_ANSWER": "body=one"}}
        model = {"name": self.name, "execution_role_arn": ROLE, "primary_container": container}
        variant = {
            "variant_name": "AllTraffic",
            "model_name": self.name,
            "initial_instance_count": 1,
            "instance_type": "ml.m5.large",
        }
        config = {"name": self.name, "production_variants": [variant]}
        endpoint = {"name": self.name, "endpoint_config_name": self.name}
        self.written = {
            MODEL: Written("aws_sagemaker_model", model, {"team": "vision"}),
            CONFIG_: Written("aws_sagemaker_endpoint_configuration", config),
            ENDPOINT: Written("aws_sagemaker_endpoint", endpoint, {"team": "vision", "stage": "test"}),
        }

    @property
    def variant(self):
        return self.written[CONFIG_].attributes["production_variants"][0]

    def renew(self, image="plain", word="two", suffix="2"):
        """What a person writes who ships another model: new names, made before the old ones go."""
        for address in (MODEL, CONFIG_):
            self.written[address].create_before_destroy = True
            self.written[address].attributes["name"] = f"{self.name}-{suffix}"
        container = self.written[MODEL].attributes["primary_container"]
        container |= {"image": f"models.example/conformance-{image}:1", "environment": {"TEST_ANSWER": f"body={word}"}}
        self.variant["model_name"] = f"{self.name}-{suffix}"
        self.written[ENDPOINT].attributes["endpoint_config_name"] = f"{self.name}-{suffix}"

    def answer(self):
        return self.hosting.invoke(self.name)["Payload"].decode()

    def describe(self):
        return self.client.describe_endpoint(EndpointName=self.name)


@pytest.fixture
def terraform(hosting):
    made = Terraform(hosting)
    yield made
    hosting.sagemaker.meta.events.unregister("before-parameter-build.sagemaker", unique_id="calls")
    made.destroy()
    for listed, name in (("list_models", "Models"), ("list_endpoint_configs", "EndpointConfigs")):
        assert getattr(made.client, listed)(NameContains=made.name)[name] == []


def test_a_plan_is_applied_once_and_then_nothing_is_left_to_do(terraform):
    assert {address: action for address, (action, _) in terraform.plan().items()} == {
        MODEL: "create",
        CONFIG_: "create",
        ENDPOINT: "create",
    }
    terraform.calls.take()
    terraform.apply()
    assert terraform.calls.names() == [
        *("CreateModel", "DescribeModel", "ListTags"),
        *("CreateEndpointConfig", "DescribeEndpointConfig", "ListTags"),
        *("CreateEndpoint", "DescribeEndpoint", "ListTags"),
    ]
    assert terraform.answer() == "one"
    before = terraform.describe()
    assert terraform.plan() == {}
    assert terraform.apply() == {}
    assert terraform.describe()["LastModifiedTime"] == before["LastModifiedTime"]
    # Tags go by the ARN that Describe gave, and that is in lower case.
    terraform.calls.take()
    terraform.refresh()
    listed = [members["ResourceArn"] for name, members in terraform.calls.take() if name == "ListTags"]
    assert listed[-1] == arn("endpoint", terraform.name)
    assert listed[-1].endswith(terraform.name.lower()) and terraform.name != terraform.name.lower()


def test_everything_that_can_be_written_is_read_back_as_it_was_written(terraform):
    model, config = terraform.written[MODEL].attributes, terraform.written[CONFIG_].attributes
    model["primary_container"] |= {
        "container_hostname": "digits",
        "image_config": {
            "repository_access_mode": "Vpc",
            "repository_auth_config": {
                "repository_credentials_provider_arn": "arn:aws:lambda:us-east-1:000000000000:function:login"
            },
        },
        "inference_specification_name": "spec",
        "multi_model_config": {"model_cache_setting": "Enabled"},
    }
    model["vpc_config"] = {"security_group_ids": ["sg-2", "sg-1"], "subnets": ["subnet-1"]}
    model["inference_execution_config"] = {"mode": "Serial"}
    terraform.variant.update(
        {
            "accelerator_type": "ml.eia1.medium",
            "container_startup_health_check_timeout_in_seconds": 90,
            "core_dump_config": {"destination_s3_uri": "s3://bucket/cores", "kms_key_id": "key"},
            "enable_ssm_access": True,
            "inference_ami_version": "al2-ami-sagemaker-inference-gpu-2",
            "initial_variant_weight": 0.5,
            "model_data_download_timeout_in_seconds": 120,
            "routing_config": {"routing_strategy": "LEAST_OUTSTANDING_REQUESTS"},
            "volume_size_in_gb": 30,
        }
    )
    config["kms_key_arn"] = "arn:aws:kms:us-east-1:000000000000:key/1"
    config["execution_role_arn"] = ROLE
    config["data_capture_config"] = {
        "capture_content_type_header": {"csv_content_types": ["text/csv"], "json_content_types": ["application/json"]},
        "capture_options": [{"capture_mode": "Input"}, {"capture_mode": "Output"}],
        "destination_s3_uri": "s3://bucket/captured",
        "enable_capture": True,
        "initial_sampling_percentage": 20,
        "kms_key_id": "arn:aws:kms:us-east-1:000000000000:key/1",
    }
    config["shadow_production_variants"] = [terraform.variant | {"variant_name": "Shadow", "core_dump_config": {}}]
    terraform.written[ENDPOINT].attributes["deployment_config"] = ALL_AT_ONCE | {
        "auto_rollback_configuration": {"alarms": [{"alarm_name": "errors"}]}
    }
    terraform.apply()
    assert terraform.plan() == {}


def test_model_data_in_a_block_is_read_back_and_a_container_in_a_list_too(terraform):
    terraform.hosting.upload(b"weights", key="terraform/weights.bin")
    data = {"s3_uri": f"s3://{BUCKET}/terraform/", "s3_data_type": "S3Prefix", "compression_type": "None"}
    licence = {"model_access_config": {"accept_eula": True}}
    model = terraform.written[MODEL].attributes
    model["container"] = [model.pop("primary_container")]
    model["container"][0]["model_data_source"] = {"s3_data_source": data | licence}
    model["container"][0]["additional_model_data_source"] = [{"channel_name": "more", "s3_data_source": data}]
    terraform.apply()
    assert terraform.plan() == {}
    assert terraform.answer() == "one"


def test_another_config_is_an_update_in_place(terraform):
    terraform.apply()
    terraform.renew()
    terraform.calls.take()
    planned = terraform.apply()
    assert planned == {
        MODEL: ("replace", ["name", "primary_container.environment"]),
        CONFIG_: ("replace", ["name", "production_variants[0].model_name"]),
        ENDPOINT: ("update", ["endpoint_config_name"]),
    }
    # What was replaced goes when nothing names it any more.
    assert terraform.calls.names()[-5:] == [
        *("UpdateEndpoint", "DescribeEndpoint", "ListTags"),
        *("DeleteEndpointConfig", "DeleteModel"),
    ]
    assert terraform.answer() == "two"
    assert terraform.plan() == {}


def test_a_deployment_config_is_changed_in_place_and_read_back(terraform):
    terraform.apply()
    endpoint = terraform.written[ENDPOINT].attributes
    endpoint["deployment_config"] = {
        "rolling_update_policy": {
            "maximum_batch_size": {"type": "CAPACITY_PERCENT", "value": 50},
            "wait_interval_in_seconds": 0,
            "rollback_maximum_batch_size": {"type": "CAPACITY_PERCENT", "value": 100},
        }
    }
    assert terraform.apply() == {ENDPOINT: ("update", ["deployment_config"])}
    assert terraform.plan() == {}
    endpoint["deployment_config"] = ALL_AT_ONCE
    assert ENDPOINT in terraform.apply()
    assert terraform.plan() == {}


@pytest.mark.parametrize(
    ("provider", "told"),
    [
        (Endpoint, "unexpected state 'RollingBack', wanted target 'InService'"),
        (ComparingEndpoint, "it is back on"),
    ],
    ids=["as it is", "as proposed"],
)
def test_a_failing_update_is_seen_as_failed_and_planned_again(terraform, provider, told):
    # The worst that may come: every pause is the longest one.
    slow = Pace(scale=SCALE, first_s=Pace.longest_s)
    terraform.resources[provider.type] = provider(terraform.client, slow)
    terraform.apply()
    terraform.renew("crash")
    with pytest.raises(Failed, match=told) as caught:
        terraform.apply()
    assert "ValueError: the weights are of the wrong shape" in str(caught.value)
    eventually(terraform.describe, lambda seen: seen["EndpointStatus"] == "InService", "it went back")
    assert terraform.answer() == "one"
    assert "ValueError: the weights are of the wrong shape" in terraform.describe()["FailureReason"]
    # The refresh before the next plan finds the former config, so the next apply tries again.
    assert terraform.plan()[ENDPOINT] == ("update", ["endpoint_config_name"])
    terraform.renew("plain", "three", "3")
    terraform.apply()
    assert terraform.answer() == "three"
    assert terraform.plan() == {}


def test_a_failing_creation_ends_with_the_reason_and_is_replaced(terraform):
    terraform.renew("crash")
    with pytest.raises(Failed, match="unexpected state 'Failed'.*did not pass the ping health check") as caught:
        terraform.apply()
    assert "ValueError: the weights are of the wrong shape" in str(caught.value)
    terraform.resource(ENDPOINT).delete(terraform.name)
    terraform.renew("plain", "two", "3")
    terraform.apply()
    assert terraform.answer() == "two"


def test_without_create_before_destroy_the_config_goes_first_and_the_update_succeeds_all_the_same(terraform):
    terraform.apply()
    terraform.renew()
    for address in (MODEL, CONFIG_):
        terraform.written[address].create_before_destroy = False
    terraform.apply()
    assert terraform.answer() == "two"
    assert terraform.plan() == {}


def test_as_strict_as_aws_the_update_then_misses_the_former_config(make_server):
    terraform = Terraform(Hosting(make_server("strict_aws = true\n" + CONFIG)))
    terraform.apply()
    terraform.renew()
    for address in (MODEL, CONFIG_):
        terraform.written[address].create_before_destroy = False
    with pytest.raises(ClientError, match="Could not find endpoint configuration") as caught:
        terraform.apply()
    assert arn("endpoint-config", terraform.name) in str(caught.value)
    terraform.destroy()


def test_what_was_deleted_behind_its_back_is_made_again(terraform):
    terraform.apply()
    terraform.hosting.delete(terraform.name)
    assert terraform.plan() == {ENDPOINT: ("create", [])}
    terraform.apply()
    terraform.client.delete_endpoint_config(EndpointConfigName=terraform.name)
    terraform.client.delete_model(ModelName=terraform.name)
    assert terraform.plan() == {MODEL: ("create", []), CONFIG_: ("create", [])}
    terraform.apply()
    assert terraform.plan() == {}
    assert terraform.answer() == "one"


def test_an_endpoint_that_is_being_deleted_counts_as_gone(terraform):
    # It ends three seconds after it was told to.
    terraform.written[MODEL].attributes["primary_container"]["environment"]["TEST_STOP"] = "3000"
    terraform.apply()
    terraform.client.delete_endpoint(EndpointName=terraform.name)
    assert terraform.describe()["EndpointStatus"] == "Deleting"
    assert terraform.plan() == {ENDPOINT: ("create", [])}
    terraform.hosting.gone(terraform.name)


def test_what_was_changed_behind_its_back_is_changed_back(terraform):
    terraform.apply()
    resource = arn("endpoint", terraform.name)
    terraform.client.add_tags(ResourceArn=resource, Tags=[{"Key": "by-hand", "Value": "yes"}])
    terraform.client.delete_tags(ResourceArn=resource, TagKeys=["stage"])
    other = terraform.hosting.config(terraform.hosting.test_model("plain"))
    terraform.client.update_endpoint(EndpointName=terraform.name, EndpointConfigName=other)
    terraform.hosting.in_service(terraform.name)
    assert terraform.plan() == {ENDPOINT: ("update", ["endpoint_config_name", "tags"])}
    terraform.calls.take()
    terraform.apply()
    changes = [call for call in terraform.calls.take() if not call[0].startswith(("Describe", "List"))]
    assert changes == [
        ("DeleteTags", {"ResourceArn": resource, "TagKeys": ["by-hand"]}),
        ("AddTags", {"ResourceArn": resource, "Tags": [{"Key": "stage", "Value": "test"}]}),
        ("UpdateEndpoint", {"EndpointName": terraform.name, "EndpointConfigName": terraform.name}),
    ]
    assert terraform.plan() == {}
    assert terraform.answer() == "one"


def test_tags_alone_change_nothing_that_runs(terraform):
    terraform.apply()
    before = terraform.describe()
    for address in (MODEL, CONFIG_, ENDPOINT):
        terraform.written[address].tags = {"team": "speech"}
    planned = terraform.apply()
    assert set(planned) == {MODEL, CONFIG_, ENDPOINT}
    assert {changed for _, changed in map(lambda entry: (entry[0], tuple(entry[1])), planned.values())} == {("tags",)}
    assert terraform.plan() == {}
    assert terraform.describe()["LastModifiedTime"] == before["LastModifiedTime"]


def test_deletions_that_others_were_faster_with_are_no_errors(terraform):
    terraform.apply()
    state = dict(terraform.state)
    terraform.destroy()
    for address in reversed(list(state)):
        terraform.resource(address).delete(state[address]["attributes"]["name"])


def test_model_data_that_comes_late_is_waited_for(terraform):
    """A bucket or a role that was just made is not everywhere yet: CreateModel is said again for two minutes."""
    key = f"late/{terraform.name}.tar.gz"
    model = terraform.written[MODEL].attributes
    model["primary_container"]["model_data_url"] = f"s3://{BUCKET}/{key}"
    # The data comes when it was missed for the second time.
    missed = []

    def look(http_response, **_):
        if http_response.status_code == 400:
            missed.append(http_response.text)
            if len(missed) == 2:
                terraform.hosting.upload(key=key)

    terraform.client.meta.events.register("after-call.sagemaker.CreateModel", look, unique_id="late")
    terraform.apply()
    terraform.client.meta.events.unregister("after-call.sagemaker.CreateModel", unique_id="late")
    assert len(missed) == 2 and all("Could not find model data" in text for text in missed), missed
    assert terraform.plan() == {}


def test_an_endpoint_whose_role_is_not_known_yet_is_deleted_and_made_again(make_server):
    role = "arn:aws:iam::000000000000:role/new"
    declared = f'[[role]]\narn = "{role}"\nallow = ["s3://*"]\n'
    denied = 'undeclared_roles = "deny"\n'
    server = make_server(denied + declared)
    terraform = Terraform(Hosting(server))
    terraform.hosting.upload()
    model = terraform.written[MODEL].attributes
    model["execution_role_arn"] = role
    model["primary_container"] |= {"model_data_url": f"s3://{BUCKET}/kmeans/model.tar.gz"}
    endpoint = terraform.written.pop(ENDPOINT)
    terraform.apply()

    def restart(settings):
        server.stop()
        server.config_path.write_text(configuration.settings(settings))
        server.start()
        terraform.client = server.client("sagemaker")
        for resource in terraform.resources.values():
            resource.client = terraform.client

    spread = []

    class Patient(Endpoint):
        def role_is_spreading(self, pause):
            spread.append(pause)
            restart(denied + declared)

    restart(denied)
    terraform.resources[Patient.type] = Patient(terraform.client, terraform.resources[Endpoint.type].pace)
    terraform.written[ENDPOINT] = endpoint
    terraform.apply()
    assert len(spread) == 1
    assert terraform.plan() == {}
    terraform.destroy()
