"""Controllers of Kubernetes, replayed: what AWS's two operators ask, and which texts they go by.

ACK's controller looks, asks for one thing and comes back; the older operator says an update again while the endpoint is
busy. Both are Go programs that cannot be fetched here; what is known of their calls and matching is written anew.
"""

import time

import pytest
from botocore.exceptions import ClientError

from harness.hosting import Hosting, arn, fresh
from harness.waiting import eventually

# Of a pass they see the moment that there is.
CONFIG = "describe_hold_ms = 0\n"
BUSY = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
REQUEUE, DONE, TERMINAL = "requeue", "done", "terminal"


class Ack:
    """One Endpoint object under ACK's controller: each `reconcile` is one look and at most one change."""

    def __init__(self, client, name):
        self.client, self.name = client, name
        self.reason = None
        # With which config the last update was asked for; the same is not asked for twice when it went back.
        self.updated_to = None

    def look(self):
        try:
            return self.client.describe_endpoint(EndpointName=self.name)
        except ClientError as error:
            said = error.response["Error"]
            if said["Code"] == "ValidationException" and said["Message"].startswith("Could not find"):
                return None
            raise

    def reconcile(self, config):
        seen = self.look()
        if seen is None:
            try:
                self.client.create_endpoint(EndpointName=self.name, EndpointConfigName=config)
            except ClientError as error:
                # A config that comes later is no reason to give up.
                assert error.response["Error"]["Message"].startswith("Could not find endpoint configuration"), error
            return REQUEUE
        self.reason = seen.get("FailureReason")
        if seen["EndpointStatus"] in BUSY:
            return REQUEUE
        if seen["EndpointStatus"] == "Failed":
            return TERMINAL
        if seen["EndpointConfigName"] == config:
            return DONE
        if self.updated_to == config:
            return TERMINAL
        self.updated_to = config
        self.client.update_endpoint(EndpointName=self.name, EndpointConfigName=config)
        return REQUEUE

    def delete(self):
        seen = self.look()
        if seen is None:
            return DONE
        if seen["EndpointStatus"] not in BUSY:
            self.client.delete_endpoint(EndpointName=self.name)
        return REQUEUE


def settled(step):
    return eventually(step, lambda outcome: outcome != REQUEUE, "the controller comes to rest")


@pytest.fixture
def ack(hosting):
    controller = Ack(hosting.sagemaker, fresh("Acked"))
    yield controller
    assert settled(controller.delete) == DONE


def test_an_object_is_brought_to_what_it_says_whatever_comes_first(hosting, ack):
    late = fresh("late-config")
    assert ack.reconcile(late) == REQUEUE, "the config is not there yet"
    hosting.config(hosting.test_model("plain", {"TEST_ANSWER": "body=one"}), name=late)
    assert settled(lambda: ack.reconcile(late)) == DONE
    assert hosting.invoke(ack.name)["Payload"] == b"one"
    other = hosting.config(hosting.test_model("plain", {"TEST_ANSWER": "body=two"}))
    assert settled(lambda: ack.reconcile(other)) == DONE
    assert hosting.invoke(ack.name)["Payload"] == b"two"


def test_an_update_that_went_back_is_told_by_the_config_and_the_reason(hosting, ack):
    steady = hosting.config(hosting.test_model("plain", {"TEST_ANSWER": "body=one"}))
    assert settled(lambda: ack.reconcile(steady)) == DONE
    broken = hosting.config(hosting.test_model("crash"))
    assert settled(lambda: ack.reconcile(broken)) == TERMINAL
    assert "did not pass the ping health check" in ack.reason
    assert ack.look()["EndpointConfigName"] == steady
    assert hosting.invoke(ack.name)["Payload"] == b"one"
    # What is asked for next is tried, and its success takes the reason away.
    assert settled(lambda: ack.reconcile(steady)) == DONE
    mended = hosting.config(hosting.test_model("plain", {"TEST_ANSWER": "body=two"}))
    assert settled(lambda: ack.reconcile(mended)) == DONE
    assert ack.reason is None


def test_a_creation_that_failed_is_at_its_end_and_can_be_deleted(hosting, ack):
    broken = hosting.config(hosting.test_model("crash"))
    assert settled(lambda: ack.reconcile(broken)) == TERMINAL
    # AWS's own failures are taken up again, a model's are not.
    assert not ack.reason.startswith("Request to service failed")


@pytest.mark.parametrize("strict", [False, True], ids=["as-it-comes", "strict"])
def test_the_older_operator_says_it_again_while_the_endpoint_is_busy(make_server, strict):
    hosting = Hosting(make_server(CONFIG + "strict_aws = true\n" if strict else CONFIG))
    slow = hosting.test_model("plain", {"TEST_START_DELAY_MS": "700", "TEST_ANSWER": "body=slow"})
    name = hosting.endpoint(hosting.config(slow), wait=False)
    quick = hosting.config(hosting.test_model("plain", {"TEST_ANSWER": "body=quick"}))
    said = []

    def again(call, **members):
        """Until it is accepted, as long as the refusal is the one of an endpoint in progress."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                return call(EndpointName=name, **members)
            except ClientError as error:
                message = error.response["Error"]["Message"]
                assert message == f'Cannot update in-progress endpoint "{arn("endpoint", name)}".', message
                said.append(call.__name__)
            time.sleep(0.05)
        raise AssertionError("it was busy all the time")

    again(hosting.sagemaker.update_endpoint, EndpointConfigName=quick)
    assert said, "it was refused while the endpoint was created"
    again(hosting.sagemaker.delete_endpoint)
    assert ("delete_endpoint" in said) == strict
    hosting.gone(name)
