"""Proves verdicts by a run: sends what is said to be refused or without effect, and looks whether it is so."""

from compatibility import members, probes, samples, verdicts
from compatibility.operations import DRIVEN
from compatibility.verdicts import NEVER, REFUSED


class Proofs:
    """The proofs of one world. A probe that several verdicts name runs once."""

    def __init__(self, world):
        self.world = world
        self._operations = {name: kind(world) for name, kind in DRIVEN.items()}
        self._probes = {}
        self._clean = {}
        self._printed = set()
        self._problems = {}

    def problems(self, operation):
        """What is not as the verdicts on an operation's request say; nothing when all of them hold."""
        if operation not in self._problems:
            self._problems[operation] = self._problems_of(operation)
        return self._problems[operation]

    def _problems_of(self, operation):
        found = []
        for rows in verdicts.of_request(operation).values():
            for row in rows:
                problem = self._problem(row)
                found += [f"{row.shown} is not `{row.verdict}`: {problem}"] if problem else []
        return found

    def _problem(self, row):
        if row.probe:
            problem = self._probe(row.probe)
            if problem:
                return problem
        if row.given_back:
            return self._given_back(row)
        if row.tests or row.probe:
            return None
        return self._refused(row) if row.verdict == REFUSED else self._noted(row)

    def _probe(self, name):
        if name not in self._probes:
            try:
                getattr(probes, name)(self.world)
                self._probes[name] = None
            except AssertionError as error:
                self._probes[name] = f"{name}: {error or 'an assertion failed'}"
        return self._probes[name]

    def _samples(self, row):
        if row.samples:
            return row.samples
        if row.sample is not None:
            return [row.sample]
        return [samples.full(row.member.shape) if row.value is None else row.value]

    def _is_clean(self, operation):
        """Why the request without the member proves nothing: it is refused itself, or noted."""
        name = operation.name
        if name not in self._clean:
            document = operation.base()
            answer = operation.send(document)
            problem = None if answer.status == 200 else f"the request without it is refused: {answer}"
            if problem is None and hasattr(operation, "arn"):
                notes = self.world.logged_notes(operation.arn(document))
                problem = f"the request without it is noted: {notes}" if notes else None
            if answer.status == 200:
                operation.clean_up(document)
            self._clean[name] = problem
        return self._clean[name]

    def _refused(self, row):
        operation = self._operations[row.operation]
        if problem := self._is_clean(operation):
            return problem
        for sample in self._samples(row):
            answer = operation.send(operation.with_member(row.path, sample))
            if answer.status == 200:
                return "it is accepted"
            message = answer.message or ""
            if (answer.status, answer.code) != operation.refusal:
                return f"it is refused in another way: {answer}"
            if row.named not in message or "validation error" in message:
                return f"the refusal does not name `{row.named}`: {message}"
        return None

    def _given_back(self, row):
        operation = self._operations[row.operation]
        for sample in self._samples(row):
            document = operation.with_member(row.path, sample)
            answer = operation.send(document)
            if answer.status != 200:
                return f"it is refused: {answer.message}"
            seen = members.get(operation.read(document), row.path)
            operation.clean_up(document)
            if seen != sample:
                return f"given {sample!r}, back came {seen!r}"
        return None

    def _noted(self, row):
        operation = self._operations[row.operation]
        if problem := self._is_clean(operation):
            return problem
        if missing := _left_out(row, self._samples(row)):
            return f"the samples leave out {missing}"
        for sample in self._samples(row):
            document = operation.with_member(row.path, sample)
            answer = operation.send(document)
            if answer.status != 200:
                return f"it is refused: {answer.message}"
            logged = self.world.logged_notes(operation.arn(document))
            if not hasattr(operation, "read"):
                # There is nothing that could be described: the log alone says it.
                if len(logged) != 1 or row.named not in logged[0]:
                    return f"the log should note `{row.named}` and nothing else: {logged}"
                continue
            seen = members.get(operation.read(document), row.path)
            endpoint = operation.endpoint(document)
            shown = self.world.described_notes(endpoint)
            # One of each operation is looked at as a person sees it.
            printed = self.world.printed(endpoint) if row.operation not in self._printed else None
            self._printed.add(row.operation)
            self.world.hosting.delete(endpoint)
            if seen != sample:
                return f"given {sample!r}, back came {seen!r}"
            for notes, where in ((logged, "the log"), (shown, "`hostler describe`")):
                if not any(row.named in note for note in notes) or not all(_names_of(row, note) for note in notes):
                    return f"{where} should note `{row.named}` and nothing else: {notes}"
            if printed and not all(" ".join(note.split()) in printed for note in shown):
                return f"`hostler describe` does not print {shown}"
        return None


def _names_of(row, note):
    """Whether a note is of the verdict's member, or of one below it."""
    below = members.children(members.request(row.operation), row.path)
    names = [members.request(row.operation)[path].name for path in below] if row.nested else []
    return any(name in note for name in [row.named, *names])


def _left_out(row, given):
    """Members below the verdict's that none of the samples has."""
    if not row.nested:
        return []
    below = members.children(members.request(row.operation), row.path)
    inner = {path.removeprefix(f"{row.path}.") for path in below}
    had = set()
    for sample in given:
        had |= {path for path, is_there in members.walk(row.member.shape, sample) if is_there}
    return sorted(inner - had)


def answer_problems(world, operation):
    """What is not as it is said of the members of an operation's answers."""
    said, found = verdicts.of_response(operation), []
    there = lambda path: world.there[operation, path]  # noqa: E731
    absent = lambda path: world.absent[operation, path]  # noqa: E731

    def check(path, holds, what):
        if not holds:
            counts = f"{there(path)} answers had it, {absent(path)} had not"
            found.append(f"{operation}: {path} of the answer should be there {what}: {counts}")

    for code, row in verdicts.of_errors(operation).items():
        if row["verdict"] == NEVER and world.errors[operation, code]:
            found.append(f"{operation}: the error {code} came {world.errors[operation, code]} times")
    for path in said.always:
        check(path, there(path) and not absent(path), "always")
    for path in said.sometimes:
        check(path, there(path) and absent(path), "sometimes")
    for path in said.never:
        check(path, absent(path) and not there(path), "never")
    for path, asked, asked_path in verdicts.given_back(operation):
        rows = verdicts.judged(asked, asked_path)
        if asked_path not in members.request(asked):
            found.append(f"{operation}: {path} cannot be given back: {asked} has no {asked_path}")
        elif rows and all(row.verdict == REFUSED for row in rows):
            check(path, not there(path), f"never, as {asked} refuses {asked_path}")
        else:
            check(path, there(path), f"when {asked} had {asked_path}")
    return found
