"""ListModels, ListEndpointConfigs, ListEndpoints: order, filters, pages, tokens."""

import datetime

import pytest

from harness.expect import refused
from harness.hosting import Hosting, arn, fresh, production_variant

COUNT = 25


class Kind:
    """One kind of resource and how it is made and listed."""

    def __init__(self, hosting, noun, listed):
        self.hosting, self.noun, self.listed = hosting, noun, listed
        self.name_member = f"{noun}Name"
        self.operation = {"Model": "list_models", "EndpointConfig": "list_endpoint_configs"}.get(noun, "list_endpoints")

    def make(self, name):
        if self.noun == "Model":
            self.hosting.test_model("pid", name=name)
        elif self.noun == "EndpointConfig":
            self.hosting.config("some-model", name)
        else:
            self.hosting.endpoint(self.config(), name, wait=False)

    def config(self):
        """A config that any number of endpoints may share; its model ends at once, so nothing runs for long."""
        try:
            self.hosting.sagemaker.describe_endpoint_config(EndpointConfigName="shared")
        except self.hosting.sagemaker.exceptions.ClientError:
            model = self.hosting.model("shared", image="registry.example/nothing-runs-this:1", url=None)
            self.hosting.sagemaker.create_endpoint_config(
                EndpointConfigName="shared", ProductionVariants=[production_variant(model)]
            )
        return "shared"

    def delete(self, name):
        if self.noun == "Model":
            self.hosting.sagemaker.delete_model(ModelName=name)
        elif self.noun == "EndpointConfig":
            self.hosting.sagemaker.delete_endpoint_config(EndpointConfigName=name)
        else:
            self.hosting.sagemaker.delete_endpoint(EndpointName=name)
            self.hosting.gone(name)

    def page(self, **members):
        return getattr(self.hosting.sagemaker, self.operation)(**members)

    def names(self, **members):
        """All names, by following tokens by hand."""
        found, token = [], None
        while True:
            page = self.page(**members, **({"NextToken": token} if token else {}))
            found += [summary[self.name_member] for summary in page[self.listed]]
            token = page.get("NextToken")
            if not token:
                return found


@pytest.fixture(scope="module", params=["Model", "EndpointConfig", "Endpoint"])
def kind(request, server):
    hosting = Hosting(server)
    listed = {"Model": "Models", "EndpointConfig": "EndpointConfigs", "Endpoint": "Endpoints"}[request.param]
    kind = Kind(hosting, request.param, listed)
    kind.prefix = f"L{request.param[:3]}"
    # Made out of the order of their names, so that the two orders differ.
    kind.made = [f"{kind.prefix}-{(number * 7) % COUNT:02}" for number in range(COUNT)]
    for name in kind.made:
        kind.make(name)
    return kind


def test_a_page_holds_ten_when_nothing_is_said(kind):
    page = kind.page(NameContains=kind.prefix)
    assert len(page[kind.listed]) == 10
    assert page["NextToken"]


def test_the_newest_come_first_when_nothing_is_said(kind):
    assert kind.names(NameContains=kind.prefix) == kind.made[::-1]


def test_the_order_by_time_can_be_turned(kind):
    assert kind.names(NameContains=kind.prefix, SortBy="CreationTime", SortOrder="Ascending") == kind.made


def test_they_are_sorted_by_name_both_ways(kind):
    upwards = kind.names(NameContains=kind.prefix, SortBy="Name", SortOrder="Ascending")
    assert upwards == sorted(kind.made)
    downwards = kind.names(NameContains=kind.prefix, SortBy="Name", SortOrder="Descending", MaxResults=7)
    assert downwards == sorted(kind.made, reverse=True)


def test_every_page_size_finds_every_name_once(kind):
    for size in (1, 7, 24, 25, 26, 100):
        assert sorted(kind.names(NameContains=kind.prefix, MaxResults=size)) == sorted(kind.made), size


def test_a_page_that_ends_exactly_at_the_end_has_no_token(kind):
    page = kind.page(NameContains=kind.prefix, MaxResults=COUNT)
    assert len(page[kind.listed]) == COUNT
    assert "NextToken" not in page


def test_a_token_survives_inserts_and_deletions(kind):
    """Neither misses nor repeats what was there all along."""
    first = kind.page(NameContains=kind.prefix, SortBy="Name", SortOrder="Ascending", MaxResults=10)
    seen = [summary[kind.name_member] for summary in first[kind.listed]]
    extra = [f"{kind.prefix}-00a", f"{kind.prefix}-20a"]
    for name in extra:
        kind.make(name)
    gone = sorted(kind.made)[9]
    kind.delete(gone)
    try:
        token = first["NextToken"]
        while token:
            page = kind.page(
                NameContains=kind.prefix, SortBy="Name", SortOrder="Ascending", MaxResults=10, NextToken=token
            )
            seen += [summary[kind.name_member] for summary in page[kind.listed]]
            token = page.get("NextToken")
        assert seen == sorted(set(seen))
        assert set(seen) - set(extra) == set(kind.made)
        assert extra[1] in seen, "what was added ahead of the token is found"
    finally:
        for name in extra:
            kind.delete(name)
        kind.make(gone)
        kind.made = [name for name in kind.made if name != gone] + [gone]


def test_a_token_that_was_not_given_out_is_refused(kind):
    refused(getattr(kind.hosting.sagemaker, kind.operation), NextToken="made-up")


def test_the_paginator_and_its_limits_work(kind):
    paginator = kind.hosting.sagemaker.get_paginator(kind.operation)
    pages = paginator.paginate(NameContains=kind.prefix, PaginationConfig={"PageSize": 4, "MaxItems": 11})
    assert len([item for page in pages for item in page[kind.listed]]) == 11


def test_names_are_filtered_by_a_part(kind):
    one = kind.made[3]
    assert kind.names(NameContains=one[1:]) == [one]
    assert kind.names(NameContains="no-such-part") == []


def test_times_filter_from_inclusive_to_exclusive(kind):
    now = datetime.datetime.now(datetime.UTC)
    hour = datetime.timedelta(hours=1)
    everything = sorted(kind.made)
    assert sorted(kind.names(NameContains=kind.prefix, CreationTimeAfter=now - hour)) == everything
    assert sorted(kind.names(NameContains=kind.prefix, CreationTimeBefore=now + hour)) == everything
    assert kind.names(NameContains=kind.prefix, CreationTimeAfter=now + hour) == []
    assert kind.names(NameContains=kind.prefix, CreationTimeBefore=now - hour) == []


def test_a_summary_has_its_members(kind):
    page = kind.page(NameContains=kind.made[0])
    (summary,) = page[kind.listed]
    expected = {f"{kind.noun}Name", f"{kind.noun}Arn", "CreationTime"}
    if kind.noun == "Endpoint":
        expected |= {"LastModifiedTime", "EndpointStatus"}
    assert set(summary) == expected
    nouns = {"Model": "model", "EndpointConfig": "endpoint-config", "Endpoint": "endpoint"}
    assert summary[f"{kind.noun}Arn"] == arn(nouns[kind.noun], kind.made[0])


def test_sizes_beyond_a_hundred_and_unknown_orders_are_refused(kind):
    call = getattr(kind.hosting.sagemaker, kind.operation)
    message = refused(call, MaxResults=101)
    assert message == (
        "1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: "
        "Member must have value less than or equal to 100"
    )
    assert "Member must satisfy enum value set: [" in refused(call, SortOrder="Sideways")
    assert "'sortBy'" in refused(call, SortBy="Colour")


def test_endpoints_are_filtered_by_status(server):
    hosting = Hosting(server)
    running = hosting.endpoint(hosting.config(hosting.test_model("pid")), fresh("Filtered"))
    broken_model = hosting.model(image="registry.example/nothing-runs-this:1", url=None)
    broken = hosting.endpoint(hosting.config(broken_model), fresh("Filtered"), wait=False)
    hosting.failed(broken)

    def listed(status):
        page = hosting.sagemaker.list_endpoints(NameContains="Filtered", StatusEquals=status)
        return [summary["EndpointName"] for summary in page["Endpoints"]]

    assert listed("InService") == [running]
    assert listed("Failed") == [broken]
    assert listed("Deleting") == []
    assert "'statusEquals'" in refused(hosting.sagemaker.list_endpoints, StatusEquals="Bogus")
    hosting.delete(running)
    hosting.delete(broken)


def test_a_region_lists_only_its_own(server, kind):
    far = server.client("sagemaker", region="ap-south-1")
    assert getattr(far, kind.operation)()[kind.listed] == []
