"""docs/compatibility.md: `page.md` with the tables of the verdicts in their places.

`{{request OPERATION}}` and `{{answer OPERATION}}` stand where an operation's tables go, `{{operations}}` where that of
all operations goes. Every operation has its places, once.
"""

import re
from collections import Counter
from pathlib import Path

from compatibility import members, verdicts
from compatibility.verdicts import DIFFERS, NO_EFFECT, REFUSED, WORKS

TEMPLATE = Path(__file__).parent / "page.md"
PAGE = Path(__file__).resolve().parents[2] / "docs/compatibility.md"
PLACE = re.compile(r"^\{\{(request|answer) (\w+)\}\}$", re.MULTILINE)
EMPHASIS = {WORKS: "works", NO_EFFECT: "no effect", REFUSED: "**refused**", DIFFERS: "**differs**"}


def page(others):
    """The page; `others` is the number of operations of the service model that are not there."""
    text = TEMPLATE.read_text()
    placed = Counter(PLACE.findall(text))
    for operation in members.ALL:
        wanted = [("request", operation)] + ([("answer", operation)] if members.response(operation) else [])
        for place in wanted:
            assert placed.pop(place, 0) == 1, f"page.md should hold {{{{{' '.join(place)}}}}} once"
    assert not placed, f"page.md has places of nothing: {list(placed)}"
    text = PLACE.sub(lambda found: _request(found[2]) if found[1] == "request" else _answer(found[2]), text)
    return text.replace("{{operations}}", _operations()).replace("{{others}}", str(others))


def _operations():
    rows = ["| operation | works | no effect | refused | differs |", "|---|---|---|---|---|"]
    for operation in members.ALL:
        counts = Counter(row.verdict for _, row in _rows(operation))
        cells = [str(counts[verdict] or "") for verdict in verdicts.VERDICTS]
        rows.append(f"| {operation} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _rows(operation):
    """(path, verdict) of each row; what was taken over from elsewhere stands there."""
    said = verdicts.of_request(operation)
    return [(path, row) for path, rows in said.items() for row in rows if row.same_as is None]


def _request(operation):
    if not members.request(operation):
        return "The request has no members."
    rows = ["| request | | |", "|---|---|---|"]
    for path, row in _rows(operation):
        rows.append(f"| {_name(row)} | {EMPHASIS[row.verdict]} | {row.text.strip()} |")
    for path, row in verdicts.read(operation).get("request", {}).items():
        source = (row[0] if isinstance(row, list) else row).get("same_as")
        if source:
            rows.append(f"| `{path}` | | its members as those of `{source}` |")
    return "\n".join(rows)


def _name(row):
    name = f"`{row.path}`"
    if row.value is not None:
        name += f" `{str(row.value).lower() if isinstance(row.value, bool) else row.value}`"
    if row.form:
        name += f" ({row.form})"
    inner = _inner(members.request(row.operation), row.path) if row.nested else ""
    return f"{name}{inner and ' with ' + inner}"


def _inner(known, path):
    """The members below a path: each by its name, those of structures in brackets."""
    parts = []
    for other in members.children(known, path):
        if known[other].parent == path:
            deeper = _inner(known, other)
            parts.append(f"`{known[other].name}`{deeper and f' ({deeper})'}")
    return ", ".join(parts)


def _answer(operation):
    said, rows = verdicts.of_response(operation), ["| answer | | |", "|---|---|---|"]
    known = members.response(operation)
    order = list(known)
    # Members that are always there stand together, by the structure that holds them.
    groups = {}
    for path in sorted(said.always, key=order.index):
        groups.setdefault(known[path].parent, []).append(path.rsplit(".", 1)[-1])
    words = []
    for parent, names in groups.items():
        shown = ", ".join(f"`{name}`" for name in names)
        words.append((f"{parent}." if parent else "", f"{parent and f'`{parent}`: '}{shown}", "always", ""))
    words += [(path, f"`{path}`", "sometimes", text) for path, text in said.sometimes.items()]
    words += [(path, f"`{path}`", "never", text) for path, text in said.never.items()]
    words += [(path, f"`{path}`", *_given_back(source)) for path, source in said.given_back.items()]
    for _, shown, word, text in sorted(words, key=lambda entry: _position(order, entry[0])):
        rows.append(f"| {shown} | {word} | {text} |")
    for code, row in verdicts.of_errors(operation).items():
        rows.append(f"| error `{code}` | {row['verdict']} | {row.get('text', '').strip()} |")
    return "\n".join(rows)


def _position(order, path):
    """What is of a structure comes right after the structure, and what is of no structure first."""
    if not path:
        return (-1, 0)
    return (order.index(path.removesuffix(".")), int(path.endswith(".")))


def _given_back(source):
    operation, _, path = source.partition(" ")
    rows = verdicts.judged(operation, path)
    if rows and all(row.verdict == REFUSED for row in rows):
        return "never", f"{operation} refuses it"
    return "given back", f"as {operation}'s `{path}` had it"
