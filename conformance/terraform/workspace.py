"""A workspace: what is written, the state of what was made, and `refresh`, `plan`, `apply` and `destroy`.

Resources are made in the order in which they are written and destroyed in the other; a replacement destroys first
unless the resource says `create_before_destroy`. As in Terraform, what a failed update wanted stands in the state, and
the refresh before the next plan corrects it.
"""

from dataclasses import dataclass, field

from terraform.attributes import differences
from terraform.resources import Endpoint, EndpointConfiguration, Model

RESOURCES = {resource.type: resource for resource in (Model, EndpointConfiguration, Endpoint)}


@dataclass
class Written:
    """One resource block."""

    type: str
    attributes: dict
    tags: dict = field(default_factory=dict)
    create_before_destroy: bool = False


class Workspace:
    """`written` maps an address, such as `aws_sagemaker_endpoint.digits`, to a block."""

    def __init__(self, client, pace):
        self.resources = {kind: resource(client, pace) for kind, resource in RESOURCES.items()}
        self.state = {}
        self.written = {}
        # Replaced and not destroyed yet, as address and name: a failure in between leaves them to the next apply.
        self.deposed = []

    def resource(self, address):
        return self.resources[address.split(".")[0]]

    def refresh(self):
        """What is there now; the addresses of what has gone behind our back."""
        gone = []
        for address in list(self.state):
            seen = self.resource(address).read(self.state[address]["attributes"]["name"])
            if seen is None:
                gone.append(address)
                del self.state[address]
            else:
                self.state[address] = seen
        return gone

    def plan(self):
        """Address → what would be done and why; empty when nothing would. Refreshes first."""
        self.refresh()
        planned = {}
        for address, block in self.written.items():
            seen = self.state.get(address)
            if seen is None:
                planned[address] = ("create", [])
                continue
            resource = self.resource(address)
            changed = differences(resource.schema, block.attributes, seen["attributes"])
            is_in_place = all(path.split(".")[0] in resource.in_place for path in changed)
            if changed and not is_in_place:
                planned[address] = ("replace", changed)
            elif changed or block.tags != seen["tags"]:
                planned[address] = ("update", changed + (["tags"] if block.tags != seen["tags"] else []))
        for address in self.state:
            if address not in self.written:
                planned[address] = ("delete", [])
        return planned

    def apply(self):
        """Carries out the plan, which is the answer."""
        planned = self.plan()
        # What goes and what is replaced is destroyed first, users before what they use.
        for address in reversed(list(planned)):
            action, _ = planned[address]
            first = action == "replace" and not self.written[address].create_before_destroy
            if action == "delete" or first:
                self._destroy(address)
        for address in self.written:
            action, changed = planned.get(address, (None, []))
            if action == "replace" and address in self.state:
                self.deposed.append((address, self.state[address]["attributes"]["name"]))
            if action in ("create", "replace"):
                self._create(address)
            elif action == "update":
                self._update(address, changed)
        self._destroy_deposed()
        return planned

    def destroy(self):
        self.refresh()
        for address in reversed(list(self.state)):
            self._destroy(address)
        self._destroy_deposed()

    def _create(self, address):
        block, resource = self.written[address], self.resource(address)
        resource.create(block.attributes, block.tags)
        self.state[address] = resource.read(block.attributes["name"])

    def _update(self, address, changed):
        block, resource, seen = self.written[address], self.resource(address), self.state[address]
        name = seen["attributes"]["name"]
        if "tags" in changed:
            resource.change_tags(seen["arn"], seen["tags"], block.tags)
        if any(path != "tags" for path in changed):
            # Written down before it is known whether it succeeds.
            self.state[address] = seen | {"attributes": block.attributes}
            resource.update(name, block.attributes)
        self.state[address] = resource.read(name)

    def _destroy(self, address):
        self.resource(address).delete(self.state[address]["attributes"]["name"])
        del self.state[address]

    def _destroy_deposed(self):
        while self.deposed:
            address, name = self.deposed[-1]
            self.resource(address).delete(name)
            self.deposed.pop()
