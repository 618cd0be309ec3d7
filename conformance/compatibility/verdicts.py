"""The verdicts: `verdicts/OPERATION.toml`, held against the members of the service model.

    [request.ModelName]
    verdict = "works"             # or "no effect", "refused", "differs"
    given_back = true             # the proof; or tests = ["test_models.py::test_x"], or probe = "name_in_probes.py"
    text = "…"                    # what the page says besides

`refused` and `no effect` prove themselves: by being sent. `says` is what the refusal or the note must hold where that is
not the member's name, `sample` (or `samples`) what is sent where a made-up value would not do. `nested = true` means
everything below too. `[[request.Mode]]` with `value` judges each value of a member, `form` a form of it that the model
does not know. `same_as` takes over the verdicts below another path. Of an answer's members, `[response]` says which are
there `always`, `sometimes` (and when), `never` (and why), and which are `given_back` as a request had them. `[errors]`
says of each error that the model declares that it works, with its proof, or comes `never`.
"""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from compatibility import members

FOLDER = Path(__file__).parent / "verdicts"
WORKS, NO_EFFECT, REFUSED, DIFFERS = "works", "no effect", "refused", "differs"
NEVER = "never"
VERDICTS = (WORKS, NO_EFFECT, REFUSED, DIFFERS)
KEYS = {
    "verdict", "text", "given_back", "tests", "probe", "says", "sample", "samples", "nested", "value", "form", "same_as"
}  # fmt: skip


@dataclass
class Verdict:
    """What is said of one member (of one of its values or forms), and how it is proven."""

    operation: str
    path: str
    verdict: str
    text: str = ""
    given_back: bool = False
    tests: list = field(default_factory=list)
    probe: str | None = None
    says: str | None = None
    sample: object = None
    samples: list = field(default_factory=list)
    nested: bool = False
    value: object = None
    form: str = ""
    # The path that it was taken over from.
    same_as: str | None = None

    @property
    def member(self):
        return members.request(self.operation)[self.path]

    @property
    def named(self):
        """What a refusal or a note has to name."""
        return self.says or self.member.name

    @property
    def shown(self):
        value = "" if self.value is None else f" = {self.value}"
        return f"{self.operation}: {self.path}{value}{self.form and ' ' + self.form}"

    def problem(self):
        """What is wrong with the verdict itself, before anything is sent."""
        if self.verdict not in VERDICTS:
            return f"`{self.verdict}` is no verdict"
        if self.verdict in (WORKS, DIFFERS) and not (self.given_back or self.tests or self.probe):
            return "nothing proves it"
        if self.verdict == DIFFERS and not self.text:
            return "it differs without a reason"
        if self.verdict == REFUSED and not self.nested and not self.form and self.member.shape.type_name == "structure":
            return "a structure that is refused is refused with all that is in it: nested = true"
        return None


@cache
def read(operation):
    return tomllib.loads((FOLDER / f"{operation}.toml").read_text())


@cache
def of_request(operation):
    """Path → its verdicts, in the model's order."""
    entries = _taken_over(operation, dict(read(operation).get("request", {})))
    known = members.request(operation)
    ordered = sorted(entries, key=lambda path: list(known).index(path) if path in known else -1)
    return {path: [Verdict(operation, path, **row) for row in entries[path]] for path in ordered}


def _taken_over(operation, entries):
    """The entries as lists, with those of `same_as` replaced by what they name."""
    rows = {path: row if isinstance(row, list) else [row] for path, row in entries.items()}
    for path, row in rows.items():
        for one in row:
            assert set(one) <= KEYS, f"{operation}: {path}: there is no {set(one) - KEYS}"
    found = {path: row for path, row in rows.items() if "same_as" not in row[0]}
    for path, row in rows.items():
        source = row[0].get("same_as")
        if source is None:
            continue
        for other, inner in list(found.items()):
            if other.startswith(f"{source}."):
                found[path + other.removeprefix(source)] = [one | {"same_as": source} for one in inner]
        if len(row) > 1:
            found[path] = row[1:]
    return found


def request_problems(operation):
    """Members without a verdict, verdicts without a member, values that nobody judged."""
    known, said = members.request(operation), of_request(operation)
    found = [f"{operation}: there is no member {path}" for path in said if path not in known]
    covered = [path for path, rows in said.items() if any(row.nested for row in rows)]
    for path, member in known.items():
        rows = said.get(path)
        if rows is None:
            is_covered = any(path.startswith(f"{above}.") for above in covered)
            has_members = bool(members.children(known, path))
            if not is_covered and not has_members:
                found.append(f"{operation}: no verdict on {path}")
            continue
        found += [f"{row.shown}: {row.problem()}" for row in rows if row.problem()]
        values = [row.value for row in rows if row.value is not None]
        if values and all(row.value is not None or row.form for row in rows):
            wanted = member.shape.metadata.get("enum", [True, False])
            missing = [value for value in wanted if value not in values]
            found += [f"{operation}: {path}: no verdict on the value {value}" for value in missing]
    return found


@dataclass
class Answer:
    """What is said of the members of an operation's answers."""

    always: list
    sometimes: dict
    never: dict
    given_back: dict


@cache
def of_response(operation):
    said = read(operation).get("response", {})
    return Answer(
        list(said.get("always", [])),
        dict(said.get("sometimes", {})),
        dict(said.get("never", {})),
        dict(said.get("given_back", {})),
    )


@cache
def of_errors(operation):
    """Code → what is said of it."""
    return dict(read(operation).get("errors", {}))


def error_problems(operation):
    said, known = of_errors(operation), members.errors(operation)
    found = [f"{operation}: nothing is said of the error {code}" for code in known if code not in said]
    found += [f"{operation}: the model declares no error {code}" for code in said if code not in known]
    for code, row in said.items():
        if row["verdict"] not in (WORKS, NEVER):
            found.append(f"{operation}: `{row['verdict']}` is no word on the error {code}")
        if row["verdict"] == WORKS and not row.get("tests"):
            found.append(f"{operation}: nothing proves the error {code}")
        if row["verdict"] == NEVER and not row.get("text"):
            found.append(f"{operation}: the error {code} comes never, without a reason")
    return found


def named_tests():
    """Each test that a verdict names → the verdicts that it is to prove."""
    named = {}
    for operation in members.ALL:
        for rows in of_request(operation).values():
            for row in rows:
                for test in row.tests:
                    named.setdefault(test, []).append(row.shown)
        for code, row in of_errors(operation).items():
            for test in row.get("tests", ()):
                named.setdefault(test, []).append(f"{operation}: the error {code}")
    return named


def response_problems(operation):
    known, said = members.response(operation), of_response(operation)
    each = [*said.always, *said.sometimes, *said.never, *said.given_back]
    found = [f"{operation}: an answer has no member {path}" for path in each if path not in known]
    found += [f"{operation}: two words on {path} of the answer" for path in set(each) if each.count(path) > 1]
    whole = [*said.never, *said.given_back]
    for path in known:
        if path not in each and not any(path.startswith(f"{above}.") for above in whole):
            found.append(f"{operation}: nothing is said of {path} of the answer")
    return found


def given_back(operation):
    """(path in the answer, operation and path of the request that it comes from) of each nested member."""
    known = members.response(operation)
    for top, source in of_response(operation).given_back.items():
        asked, _, asked_path = source.partition(" ")
        for path in [top, *members.children(known, top)]:
            yield path, asked, asked_path + path.removeprefix(top)


def judged(operation, path):
    """The verdicts that hold for a request's member: its own, or those of what stands above it."""
    said = of_request(operation)
    if path in said:
        return said[path]
    above = [other for other in said if path.startswith(f"{other}.") and any(row.nested for row in said[other])]
    return said[above[-1]] if above else []
