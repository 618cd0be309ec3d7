"""The members of operations, from botocore's service models: paths such as `ProductionVariants[].VariantName`.

A member that a new model brings is found here first, and has no verdict.
"""

from dataclasses import dataclass
from functools import cache

import botocore.session

from expected.model import OPERATIONS

RUNTIME = ("InvokeEndpoint", "InvokeEndpointWithResponseStream")
STS = ("GetCallerIdentity", "AssumeRole")
ALL = (*OPERATIONS, *RUNTIME, *STS)


@dataclass(frozen=True)
class Member:
    """One member: `path` from the top, `shape` of its value, `parent` the path of the structure that holds it."""

    path: str
    shape: object
    required: bool
    parent: str

    @property
    def name(self):
        return self.path.rsplit(".", 1)[-1].removesuffix("[]")


@cache
def model(service):
    return botocore.session.Session().get_service_model(service)


def operation(name):
    service = {**dict.fromkeys(RUNTIME, "sagemaker-runtime"), **dict.fromkeys(STS, "sts")}.get(name, "sagemaker")
    return model(service).operation_model(name)


@cache
def request(name):
    """Path → member of an operation's input, in the model's order."""
    shape = operation(name).input_shape
    return {member.path: member for member in _below(shape, "", ())}


def errors(name):
    """The codes of the errors that the model declares for an operation."""
    shapes = operation(name).error_shapes
    return [shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes]


@cache
def response(name):
    shape = operation(name).output_shape
    return {member.path: member for member in _below(shape, "", ())} if shape else {}


def _below(shape, parent, above):
    if shape.type_name != "structure" or shape.name in above:
        return
    for name, inner in shape.members.items():
        path = f"{parent}.{name}" if parent else name
        lists = ""
        while inner.type_name == "list" and inner.member.type_name in ("structure", "list"):
            inner, lists = inner.member, lists + "[]"
        path += lists
        yield Member(path, inner, name in shape.required_members, parent)
        yield from _below(inner, path, (*above, shape.name))


def children(members, path):
    """The paths of everything below a path."""
    return [other for other in members if other.startswith(f"{path}.")]


def walk(shape, value, parent=""):
    """Each member of each structure in an answer: its path, and whether it is there."""
    if shape is None or not isinstance(value, dict):
        return
    for name, inner in shape.members.items():
        path = f"{parent}.{name}" if parent else name
        values = [value[name]] if value.get(name) is not None else []
        is_there = bool(values)
        while inner.type_name == "list" and inner.member.type_name in ("structure", "list"):
            inner, path = inner.member, path + "[]"
            values = [element for held in values for element in held]
        yield path, is_there
        if inner.type_name == "structure":
            for held in values:
                yield from walk(inner, held, path)


def get(document, path):
    """What stands at a path; of a list the first element. None when nothing does."""
    for part in path.split("."):
        name = part.rstrip("[]")
        document = document.get(name) if isinstance(document, dict) else None
        for _ in range(part.count("[]")):
            document = document[0] if document else None
        if document is None:
            return None
    return document


def put(document, path, value, fill):
    """Puts a value at a path; `fill(path)` makes the structures that have to stand above it."""
    parts, at = path.split("."), ""
    for index, part in enumerate(parts):
        name, depth = part.rstrip("[]"), part.count("[]")
        at = f"{at}.{part}" if at else part
        is_last = index == len(parts) - 1
        inner = value if is_last else (get(document, part) or fill(at))
        held = inner
        for _ in range(depth):
            held = [held]
        document[name] = held
        document = inner
