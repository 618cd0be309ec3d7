"""How each Create and Update operation is asked, and where what it was given is seen again.

A request that is known to be accepted (`base`) is sent with one more member. What is read back is laid out as the
request is, so that one comparison serves all of them.
"""

from botocore.exceptions import ClientError

from compatibility import members, samples
from harness.hosting import ACCOUNT, ROLE, arn, fresh, production_variant

IMAGE = "models.example/conformance-plain:1"


class Operation:
    """One operation; `name` is its own."""

    # Status and codes of a refusal.
    refusal = (400, "ValidationException")

    def __init__(self, world):
        self.world = world
        self.name = type(self).__name__

    def with_member(self, path, value):
        document = self.base()
        self.make_room(document, path)
        members.put(document, path, value, self.fill)
        return document

    def make_room(self, document, path):
        """Takes out of the base what a member excludes."""

    def fill(self, path):
        """The structure above a member, where the base has none."""
        return samples.least(members.request(self.name)[path].shape)

    def send(self, document):
        return self.world.call(self.name, document)

    def clean_up(self, document):
        """After a request that was accepted."""


class CreateModel(Operation):
    def base(self):
        return {"ModelName": fresh("Probed"), "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}

    def make_room(self, document, path):
        if path.startswith("Containers[]"):
            document["Containers"] = [document.pop("PrimaryContainer")]
        if path.endswith("ModelPackageName"):
            (document.get("PrimaryContainer") or document["Containers"][0]).pop("Image")

    def fill(self, path):
        source = {"S3Uri": self.world.data, "S3DataType": "S3Prefix", "CompressionType": "None"}
        if path.endswith("ModelDataSource"):
            return {"S3DataSource": source}
        if path.endswith("AdditionalModelDataSources[]"):
            return {"ChannelName": "more", "S3DataSource": source}
        return super().fill(path)

    def read(self, document):
        seen = self.world.ask("DescribeModel", ModelName=document["ModelName"])
        return seen | self.world.ask("ListTags", ResourceArn=self.arn(document))

    def arn(self, document):
        return arn("model", document["ModelName"])

    def endpoint(self, document):
        """An endpoint whose notes are the ones of this model; whether it comes up does not matter."""
        return self.world.hosting.endpoint(self.world.hosting.config(document["ModelName"]), wait=False)


class CreateEndpointConfig(Operation):
    def base(self):
        return {"EndpointConfigName": fresh("Probed"), "ProductionVariants": [production_variant(self.world.model)]}

    def make_room(self, document, path):
        if path.startswith("ProductionVariants[].ServerlessConfig"):
            for member in ("InstanceType", "InitialInstanceCount"):
                document["ProductionVariants"][0].pop(member)

    def read(self, document):
        seen = self.world.ask("DescribeEndpointConfig", EndpointConfigName=document["EndpointConfigName"])
        return seen | self.world.ask("ListTags", ResourceArn=self.arn(document))

    def arn(self, document):
        return arn("endpoint-config", document["EndpointConfigName"])

    def endpoint(self, document):
        return self.world.hosting.endpoint(document["EndpointConfigName"], wait=False)


class CreateEndpoint(Operation):
    def base(self):
        return {"EndpointName": fresh("Probed"), "EndpointConfigName": self.world.config}

    def read(self, document):
        name = self.world.hosting.in_service(document["EndpointName"])
        seen = self.world.ask("DescribeEndpoint", EndpointName=name)
        tags = self.world.ask("ListTags", ResourceArn=self.arn(document))
        return seen | tags | {"DeploymentConfig": seen.get("LastDeploymentConfig")}

    def arn(self, document):
        return arn("endpoint", document["EndpointName"])

    def endpoint(self, document):
        return document["EndpointName"]

    def clean_up(self, document):
        self.world.hosting.delete(document["EndpointName"])


class UpdateEndpointWeightsAndCapacities(Operation):
    def base(self):
        # The same as it is, so that any number of them is one.
        desired = [{"VariantName": "AllTraffic", "DesiredWeight": 1.0}]
        return {"EndpointName": self.world.endpoint, "DesiredWeightsAndCapacities": desired}

    def send(self, document):
        answer = super().send(document)
        if answer.status == 200:
            self.world.hosting.in_service(self.world.endpoint)
        return answer


class AssumeRole(Operation):
    """Refusals are looked at by the code, as STS has no sentence for them."""

    refusal = (400, "NotImplementedByHostler")

    def base(self):
        role = f"arn:aws:iam::{ACCOUNT}:role/Probed"
        return {"RoleArn": role, "RoleSessionName": fresh("session")}

    def send(self, document):
        try:
            self.world.sts.assume_role(**document)
        except ClientError as error:
            return Said(error.response)
        return Said({"ResponseMetadata": {"HTTPStatusCode": 200}})

    def arn(self, document):
        return f"arn:aws:sts::{ACCOUNT}:assumed-role/Probed/{document['RoleSessionName']}"


class Said:
    """boto3's answer, as one from the wire."""

    def __init__(self, response):
        self.status = response["ResponseMetadata"]["HTTPStatusCode"]
        error = response.get("Error", {})
        self.code, self.message = error.get("Code"), error.get("Message")


class InvokeEndpoint(Operation):
    refusal = (400, "ValidationError")

    def base(self):
        return {"EndpointName": self.world.endpoint, "Body": b"x"}

    def send(self, document):
        operation = members.operation(self.name)
        shape = operation.input_shape
        headers = {
            shape.members[name].serialization["name"]: value
            for name, value in document.items()
            if shape.members[name].serialization.get("location") == "header"
        }
        path = operation.http["requestUri"].format(EndpointName=document["EndpointName"])
        return self.world.wire.invoke(document["EndpointName"], document["Body"], headers, path=path)


class InvokeEndpointWithResponseStream(InvokeEndpoint):
    pass


DRIVEN = {
    kind.__name__: kind
    for kind in (
        CreateModel,
        CreateEndpointConfig,
        CreateEndpoint,
        UpdateEndpointWeightsAndCapacities,
        InvokeEndpoint,
        InvokeEndpointWithResponseStream,
        AssumeRole,
    )
}
