"""What a refusal must look like."""

import pytest
from botocore.exceptions import ClientError


def refused(call, code="ValidationException", status=400, **members):
    """The message of a call that must be refused with this code and status."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    response = caught.value.response
    assert response["Error"]["Code"] == code, response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status, response
    return response["Error"]["Message"]
