"""Services that SDKs ask on their way and that are not here: refused in words that SDKs go on after."""

import pytest
from botocore.exceptions import ClientError

ROOT = "arn:aws:iam::000000000000:root"


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response


def test_iam_refuses_as_to_those_without_the_permission(server):
    response = refused(server.client("iam").get_role, RoleName="any")
    assert response["Error"]["Code"] == "AccessDenied"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert response["Error"]["Message"].endswith(
        "is not authorized to perform: iam:GetRole because there is no IAM in Hostler"
    )


def test_cloudwatch_logs_refuses_likewise_and_says_where_the_lines_are(server):
    group = "/aws/sagemaker/Endpoints/any"
    response = refused(server.client("logs").filter_log_events, logGroupName=group)
    assert response["Error"]["Code"] == "AccessDeniedException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "logs:FilterLogEvents because there is no CloudWatch Logs in Hostler" in response["Error"]["Message"]
    assert "`hostler logs ENDPOINT`" in response["Error"]["Message"]


@pytest.mark.parametrize(("service", "operation", "code"), [
    ("iam", "list_roles", "SignatureDoesNotMatch"), ("logs", "describe_log_groups", "InvalidSignatureException")
])
def test_a_wrong_secret_is_told_as_such(server, service, operation, code):
    access_key, _ = server.keys()
    client = server.session().client(service, aws_access_key_id=access_key, aws_secret_access_key="wrong")
    assert refused(getattr(client, operation))["Error"]["Code"] == code
