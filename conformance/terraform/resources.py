"""The three resources: create, read, update and delete in the provider's order of calls."""

from botocore.exceptions import ClientError

from terraform import attributes
from terraform.attributes import expanded, flattened
from terraform.waiting import NotFound, Unexpected, is_error, retry_while, wait_for_state

VALIDATION = "ValidationException"
MODEL_CREATED_S = 2 * 60
MODEL_DELETED_S = 5 * 60
ENDPOINT_IN_SERVICE_S = 60 * 60
ENDPOINT_GONE_S = 10 * 60
ROLE_SPREAD_S = 2 * 60
# A role that was just made is not known everywhere yet: the provider deletes such an endpoint and begins anew.
ROLE_UNKNOWN = (
    "is invalid. Please ensure that the role exists and that its trust relationship policy allows the action "
    '"sts:AssumeRole" for the service principal "sagemaker.amazonaws.com"'
)


class Failed(Exception):
    """What `terraform apply` ends with."""


def as_tags(tags):
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


class Resource:
    """What all three have in common. A resource is known by its name, tags go by its ARN."""

    type = None
    schema = None
    # Attributes that can be changed in place; any other change replaces the resource.
    in_place = ()

    def __init__(self, client, pace):
        self.client, self.pace = client, pace

    def read(self, name):
        """Attributes, ARN and tags, or None."""
        try:
            described, arn = self.find(name)
        except NotFound:
            return None
        listed = self.client.list_tags(ResourceArn=arn)["Tags"]
        tags = {tag["Key"]: tag["Value"] for tag in listed if not tag["Key"].startswith("aws:")}
        return {"attributes": flattened(self.schema, described), "arn": arn, "tags": tags}

    def change_tags(self, arn, before, after):
        """Keys that go first, then those that are new or have another value."""
        gone = [key for key in before if key not in after]
        if gone:
            self.client.delete_tags(ResourceArn=arn, TagKeys=gone)
        fresh = {key: value for key, value in after.items() if before.get(key) != value}
        if fresh:
            self.client.add_tags(ResourceArn=arn, Tags=as_tags(fresh))

    def request(self, written, tags):
        members = expanded(self.schema, written)
        return members | ({"Tags": as_tags(tags)} if tags else {})

    def describe(self, call, text="", **members):
        try:
            return call(**members)
        except ClientError as error:
            if is_error(error, VALIDATION, text):
                raise NotFound from error
            raise


class Model(Resource):
    type = "aws_sagemaker_model"
    schema = attributes.MODEL

    def create(self, written, tags):
        call = lambda: self.client.create_model(**self.request(written, tags))  # noqa: E731
        retry_while(call, lambda error: is_error(error, VALIDATION), MODEL_CREATED_S, self.pace)

    def find(self, name):
        # Any ValidationException: the code alone is looked at.
        described = self.describe(self.client.describe_model, ModelName=name)
        return described, described["ModelArn"]

    def delete(self, name):
        def call():
            try:
                self.client.delete_model(ModelName=name)
            except ClientError as error:
                if not is_error(error, VALIDATION, "Could not find model"):
                    raise

        retry_while(call, lambda error: is_error(error, "ResourceNotFound"), MODEL_DELETED_S, self.pace)


class EndpointConfiguration(Resource):
    type = "aws_sagemaker_endpoint_configuration"
    schema = attributes.ENDPOINT_CONFIGURATION
    missing = "Could not find endpoint configuration"

    def create(self, written, tags):
        self.client.create_endpoint_config(**self.request(written, tags))

    def find(self, name):
        described = self.describe(self.client.describe_endpoint_config, self.missing, EndpointConfigName=name)
        return described, described["EndpointConfigArn"]

    def delete(self, name):
        try:
            self.client.delete_endpoint_config(EndpointConfigName=name)
        except ClientError as error:
            if not is_error(error, VALIDATION, self.missing):
                raise


class Endpoint(Resource):
    type = "aws_sagemaker_endpoint"
    schema = attributes.ENDPOINT
    in_place = ("endpoint_config_name", "deployment_config")
    missing = "Could not find endpoint"
    pending = ("Creating", "Updating", "SystemUpdating")

    def create(self, written, tags):
        def once():
            self.client.create_endpoint(**self.request(written, tags))
            self.wait_in_service(written["name"])

        for pause in self.pace.pauses():
            try:
                return once()
            except Failed as error:
                if ROLE_UNKNOWN not in str(error):
                    raise
                self.delete(written["name"])
            self.role_is_spreading(pause)

    def role_is_spreading(self, pause):
        """Between two tries; a test does here what time does elsewhere."""
        raise Failed("the role never became known")

    def find(self, name):
        described = self.describe(self.client.describe_endpoint, self.missing, EndpointName=name)
        if described["EndpointStatus"] == "Deleting":
            raise NotFound
        shown = described | {"DeploymentConfig": described.get("LastDeploymentConfig")}
        return shown, described["EndpointArn"]

    def update(self, name, written):
        members = expanded(self.schema, written)
        self.client.update_endpoint(**members)
        self.wait_in_service(name)

    def wait_in_service(self, name):
        def look():
            try:
                described, _ = self.find(name)
            except NotFound:
                return None
            return described["EndpointStatus"], described

        try:
            wait_for_state(look, self.pending, ("InService",), ENDPOINT_IN_SERVICE_S, self.pace)
        except Unexpected as error:
            # Whatever the state is (hashicorp/terraform-provider-aws#39100).
            reason = error.seen.get("FailureReason")
            raise Failed(f"waiting for {self.type} ({name}): {error}" + (f": {reason}" if reason else "")) from error

    def delete(self, name):
        try:
            self.client.delete_endpoint(EndpointName=name)
        except ClientError as error:
            if is_error(error, VALIDATION, self.missing):
                return
            raise

        def look():
            try:
                described = self.describe(self.client.describe_endpoint, self.missing, EndpointName=name)
            except NotFound:
                return None
            return described["EndpointStatus"], described

        wait_for_state(look, ("Deleting",), (), ENDPOINT_GONE_S, self.pace)


class ComparingEndpoint(Endpoint):
    """As hashicorp/terraform-provider-aws#49020 proposes it: waits a rollback out, then looks which config it is."""

    pending = (*Endpoint.pending, "RollingBack")

    def update(self, name, written):
        super().update(name, written)
        described, _ = self.find(name)
        if described["EndpointConfigName"] != written["endpoint_config_name"]:
            reason = described.get("FailureReason")
            raise Failed(f"updating {self.type} ({name}): it is back on {described['EndpointConfigName']}: {reason}")
