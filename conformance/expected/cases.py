"""Border cases of every constraint of the implemented operations.

`cases()` yields them; `python3 conformance/expected/cases.py` prints them as JSON lines. A case holds a valid
input, a place in it and a value for that place; `request()` puts them together. A case is either accepted (the
answer is then no complaint about form, whatever else it is) or refused with an error code and, for
ValidationException, clauses whose texts were worked out here from botocore's model.
"""

import copy
import dataclasses
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from expected import message as words
from expected import values
from expected.message import ANY, INFERRED, SEEN, Clause
from expected.model import OPERATIONS, Model

VALIDATION, SERIALIZATION = "ValidationException", "SerializationException"

# Stands for a member that is left out.
MISSING = "<missing>"

SCALARS = ("string", "integer", "long", "float", "double", "boolean", "timestamp")


@dataclass(frozen=True)
class Case:
    """One request and what must come back. `evidence` is "inferred" where no AWS answer shows the text."""

    name: str
    operation: str
    base_input: dict
    path: tuple
    bad_value: object
    code: str | None = None
    clauses: tuple[Clause, ...] = ()
    message: str | None = None
    evidence: str = SEEN
    accepted: bool = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "accepted", self.code is None)

    def request(self):
        """The whole input with the value in its place."""
        request = copy.deepcopy(self.base_input)
        place = request
        for part in self.path[:-1]:
            place = place[part]
        if self.bad_value == MISSING:
            del place[self.path[-1]]
        else:
            place[self.path[-1]] = self.bad_value
        return request

    def difference(self, code, message):
        """Why an answer is not the expected one, or None. A success has code None."""
        if self.accepted:
            complains = code == SERIALIZATION or "validation error" in (message or "")
            return f"should be accepted, got {code}: {message}" if complains else None
        if code != self.code:
            return f"should be {self.code}, got {code}: {message}"
        if self.code == SERIALIZATION:
            same = (message or None) == self.message
            return None if same else f"should say {self.message!r}, got {message!r}"
        return words.difference(self.clauses, message)


def cases(model: Model | None = None) -> Iterator[Case]:
    """Every case of every operation."""
    model = model or Model()
    for operation in OPERATIONS:
        yield from _Operation(model, operation).cases()


class _Operation:
    def __init__(self, model, operation):
        self.model = model
        self.operation = operation
        self.input = model.input_of(operation)

    def cases(self):
        base = values.valid(self.model, self.input)
        yield self._case("the smallest valid input", base, (), None)
        yield from self._structure(self.input, base, ())

    def _structure(self, name, base, path):
        shape = self.model.shapes[name]
        for member, reference in shape["members"].items():
            here = (*path, member)
            inner = copy.deepcopy(base)
            _at(inner, path).setdefault(member, values.valid(self.model, reference["shape"]))
            if member in shape.get("required", []):
                yield from self._absence(inner, here)
            yield from self._place(reference["shape"], inner, here)

    def _absence(self, base, path):
        clause = Clause(words.printed_path(path), None, words.NOT_NULL, evidence=INFERRED)
        yield self._refused("missing", base, path, MISSING, [clause])
        yield self._refused("null", base, path, None, [clause])

    def _place(self, name, base, path):
        """The cases of a place that holds a value of the named shape."""
        shape = self.model.shapes[name]
        yield from self._types(shape, base, path)
        match shape["type"]:
            case "structure":
                yield from self._structure(name, base, path)
            case "list":
                yield from self._list(shape, base, path)
            case "map":
                yield from self._map(shape, base, path)
            case "string":
                yield from self._string(name, shape, base, path)
            case "integer" | "long" | "float" | "double":
                yield from self._number(shape, base, path)

    def _string(self, name, shape, base, path):
        for label, text in _texts(shape):
            clauses = _text_clauses(words.printed_path(path), name, shape, text)
            yield self._refused(label, base, path, text, clauses)

    def _number(self, shape, base, path):
        at = words.printed_path(path)
        is_float = shape["type"] in ("float", "double")
        for bound, step, order in (("min", -1, "greater"), ("max", 1, "less")):
            if bound not in shape:
                continue
            border = shape[bound]
            yield self._refused(bound, base, path, border, [])
            bad = border + step
            text = str(float(bad)) if is_float else str(bad)
            demand = f"Member must have value {order} than or equal to {border}"
            evidence = INFERRED if is_float else SEEN
            yield self._refused(f"beyond {bound}", base, path, bad, [Clause(at, text, demand, evidence=evidence)])

    def _list(self, shape, base, path):
        at = words.printed_path(path)
        element_name = shape["member"]["shape"]
        element = values.valid(self.model, element_name)
        for label, count, clauses in _sizes(shape, at):
            yield self._refused(label, base, path, [element] * count, clauses)
        inner = copy.deepcopy(base)
        _put(inner, path, [element] * max(1, shape.get("min", 0)))
        element_shape = self.model.shapes[element_name]
        if element_shape["type"] == "structure":
            yield from self._types(element_shape, inner, (*path, 0))
            yield from self._structure(element_name, inner, (*path, 0))
        elif element_shape["type"] == "string":
            demand = _demand(element_name, element_shape, "Member must satisfy constraint")
            for label, text in _texts(element_shape):
                broken = not values.fits(element_shape, text)
                clauses = [dataclasses.replace(demand, at=at, value=f"[{text}]")] if broken else []
                yield self._refused(f"element {label}", base, path, [text], clauses)
        else:
            raise NotImplementedError(f"lists of {element_shape['type']}")

    def _map(self, shape, base, path):
        at = words.printed_path(path)
        for label, count, clauses in _sizes(shape, at):
            yield self._refused(label, base, path, dict(values.entries(self.model, shape, count)), clauses)
        for part, title in (("key", "Map keys must satisfy constraint"), ("value", "Map value must satisfy constraint")):
            name = shape[part]["shape"]
            part_shape = self.model.shapes[name]
            demand = _demand(name, part_shape, title)
            for label, text in _texts(part_shape):
                key, value = (text, "v") if part == "key" else ("K", text)
                broken = not values.fits(part_shape, text)
                clauses = [dataclasses.replace(demand, at=at, value=f"{{{key}={value}}}")] if broken else []
                yield self._refused(f"{part} {label}", base, path, {key: value}, clauses)

    def _types(self, shape, base, path):
        """Values of a wrong JSON type. The words were measured on other services of AWS."""
        for bad, message in _WRONG_TYPES[shape["type"]]:
            yield self._case(
                f"type {json.dumps(bad)}",
                base,
                path,
                bad,
                code=SERIALIZATION,
                message=message,
                evidence=INFERRED,
            )

    def _refused(self, label, base, path, bad, clauses):
        """A case that is accepted if there is no clause."""
        evidence = INFERRED if any(clause.evidence == INFERRED for clause in clauses) else SEEN
        code = VALIDATION if clauses else None
        return self._case(label, base, path, bad, code=code, clauses=tuple(clauses), evidence=evidence)

    def _case(self, label, base, path, bad, **rest):
        if not path:
            # The whole input: the place is any member, with the value that it has.
            path = (next(iter(self.model.shapes[self.input]["members"])),)
            bad = base.get(path[0], MISSING)
            base = {**base, path[0]: bad}
        name = f"{self.operation}: {words.printed_path(path)}: {label}"
        return Case(name, self.operation, base, path, bad, **rest)


LIST_START = "Start of list found where not expected"
OBJECT_START = "Start of structure or map found where not expected."


def _scalar_types(target, *tokens):
    found = {"STRING_VALUE": "soon", "NUMBER_VALUE": 1, "TRUE_VALUE": True, "FALSE_VALUE": False}
    scalars = [(found[token], f"{token} can not be converted to {target}") for token in tokens]
    return [*scalars, ([], LIST_START), ({}, OBJECT_START)]


_WRONG_TYPES = {
    "string": _scalar_types("a String", "NUMBER_VALUE", "TRUE_VALUE", "FALSE_VALUE"),
    "integer": [*_scalar_types("an Integer", "STRING_VALUE", "TRUE_VALUE"), (1.5, None), (2**31, None)],
    "long": [*_scalar_types("a Long", "STRING_VALUE", "TRUE_VALUE"), (1.5, None)],
    "float": _scalar_types("a Float", "STRING_VALUE", "TRUE_VALUE"),
    "double": _scalar_types("a Double", "STRING_VALUE", "TRUE_VALUE"),
    "boolean": [
        (1, "NUMBER_VALUE can not be converted to a Boolean"),
        # AWS's own grammar, as measured.
        ("soon", "STRING_VALUE can not be converted to an Boolean"),
        ([], LIST_START),
        ({}, OBJECT_START),
    ],
    "timestamp": _scalar_types("milliseconds since epoch", "STRING_VALUE", "TRUE_VALUE"),
    "structure": [("x", "Expected null"), (1, "Expected null"), ([], LIST_START)],
    "list": [("x", "Expected list or null"), (1, "Expected list or null"), ({}, OBJECT_START)],
    "map": [("x", "Expected null"), (1, "Expected null"), ([], LIST_START)],
}


def _texts(shape):
    """Strings worth trying, each with a label: borders of the length, broken patterns, a wrong enum value."""
    if "enum" in shape:
        yield "first value", shape["enum"][0]
        yield "last value", shape["enum"][-1]
        yield "unknown value", "Bogus"
        yield "other case", shape["enum"][0].swapcase()
        return
    if "max" in shape:
        for label, length in (("longest", shape["max"]), ("too long", shape["max"] + 1)):
            text = values.text_of_length(shape, length)
            # A pattern may bound the length too; then no valid text is too long.
            yield label, text if text is not None else "a" * length
    if shape.get("min", 0) > 0:
        for label, length in (("shortest", shape["min"]), ("too short", shape["min"] - 1)):
            text = values.text_of_length(shape, length)
            yield label, text if text is not None else "a" * length
    if "pattern" in shape:
        for text in values.breaking_pattern(shape):
            yield f"against the pattern {json.dumps(text)}", text


def _text_clauses(at, name, shape, text):
    clauses = []
    if len(text) > shape.get("max", len(text)):
        clauses.append(Clause(at, text, f"Member must have length less than or equal to {shape['max']}"))
    if len(text) < shape.get("min", 0):
        clauses.append(Clause(at, text, f"Member must have length greater than or equal to {shape['min']}"))
    if "enum" in shape and text not in shape["enum"]:
        enum = frozenset(shape["enum"])
        clauses.append(Clause(at, text, "Member must satisfy enum value set: ", enum))
    if "pattern" in shape and not values.matches(shape["pattern"], text):
        pattern, evidence = words.printed_pattern(name, shape)
        demand = f"Member must satisfy regular expression pattern: {pattern}"
        clauses.append(Clause(at, text, demand, evidence=evidence))
    return clauses


def _sizes(shape, at):
    """Sizes of a list or map at its bounds, with the clauses that they give."""
    for bound, step, order in (("min", -1, "greater"), ("max", 1, "less")):
        border = shape.get(bound)
        if border is None:
            continue
        yield f"{bound} size", border, []
        if border + step >= 0:
            demand = f"Member must have length {order} than or equal to {border}"
            yield f"beyond {bound} size", border + step, [Clause(at, ANY, demand)]


def _demand(name, shape, title):
    """The one clause for a list of strings, or the keys or values of a map: all that is demanded."""
    parts = []
    if "max" in shape:
        parts.append(f"Member must have length less than or equal to {shape['max']}")
    if shape.get("min", 0) > 0:
        parts.append(f"Member must have length greater than or equal to {shape['min']}")
    if "enum" in shape:
        parts.append("Member must satisfy enum value set: ")
    if "pattern" in shape:
        parts.append(f"Member must satisfy regular expression pattern: {words.printed_pattern(name, shape)[0]}")
    enum = frozenset(shape["enum"]) if "enum" in shape else None
    return Clause("", "", f"{title}: [{', '.join(parts)}]", enum, INFERRED)


def _at(value, path):
    for part in path:
        value = value[part]
    return value


def _put(value, path, new):
    _at(value, path[:-1])[path[-1]] = new


def _line(case):
    """A case as JSON."""
    clauses = [
        {"at": c.at, "value": c.value, "words": c.words, "enum": sorted(c.enum) if c.enum else None}
        for c in case.clauses
    ]
    shown = {f.name: getattr(case, f.name) for f in dataclasses.fields(case)}
    return json.dumps({**shown, "clauses": clauses, "request": case.request()})


if __name__ == "__main__":
    try:
        for one in cases():
            print(_line(one))
    except BrokenPipeError:
        sys.stderr.close()
