"""The words of AWS's validation messages, and how to read them back.

Sources: the fact sheet's sightings of AWS's answers ("seen"); everything else follows other AWS services with
the same framework ("inferred").
"""

import re
from dataclasses import dataclass

SEEN, INFERRED = "seen", "inferred"

# What AWS prints instead of today's pattern. The older service models are the source where no answer was seen.
NAME = "^[a-zA-Z0-9](-*[a-zA-Z0-9])*"
TAG = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"
ADDRESS = "^(https|s3)://([^/]+)/?(.*)$"
MIME = r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*"
PRINTED = {
    "EndpointName": (NAME, SEEN),
    "EndpointConfigName": (NAME, SEEN),
    "ModelName": (NAME, SEEN),
    "VariantName": (NAME, SEEN),
    "RoleArn": (r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+", SEEN),
    "TagKey": (TAG, INFERRED),
    "TagValue": (TAG, INFERRED),
    "Url": (ADDRESS, INFERRED),
    "S3ModelUri": (ADDRESS, INFERRED),
    "DestinationS3Uri": ("^(https|s3)://([^/])/?(.*)$", INFERRED),
    "ContainerHostname": ("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", INFERRED),
    "InferenceSpecificationName": ("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$", INFERRED),
    "AlarmName": (r"^(?!\s*$).+", INFERRED),
    "CsvContentType": (MIME, INFERRED),
    "JsonContentType": (MIME, INFERRED),
    "ClarifyMimeType": (r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9+.])*", INFERRED),
}

NOT_NULL = "Member must not be null"


@dataclass(frozen=True)
class Clause:
    """One violated constraint: where, which value, which words.

    `value` is None where the member is absent, and ANY where nobody knows how AWS prints it. `enum` holds the
    values of an enum, whose order in the message is not specified; `words` then ends before the bracket.
    """

    at: str
    value: str | None
    words: str
    enum: frozenset[str] | None = None
    evidence: str = SEEN


ANY = "<any text>"

_CLAUSE = re.compile(r"Value(?: (null)| '(.*)')? at '([^']*)' failed to satisfy constraint: (.*)", re.DOTALL)
_ENUM = re.compile(r"(Member must satisfy enum value set: )\[([^\]]*)\]")


def printed_pattern(name, shape):
    return PRINTED.get(name, (shape["pattern"], INFERRED))


def camel(member):
    """`S3OutputPath` is printed as `s3OutputPath`."""
    return member[0].lower() + member[1:]


def printed_path(path):
    """`("ProductionVariants", 0, "ModelName")` is printed as `productionVariants.1.member.modelName`."""
    parts = [f"{part + 1}.member" if isinstance(part, int) else camel(part) for part in path]
    return ".".join(parts)


def read(message):
    """The clauses of a message, or raises ValueError if it is none of the known form."""
    head = re.fullmatch(r"(\d+) validation (errors?) detected: (.*)", message, re.DOTALL)
    if not head:
        raise ValueError(f"no validation message: {message!r}")
    found = [_CLAUSE.fullmatch(part) for part in re.split(r"; (?=Value)", head[3])]
    if not all(found):
        raise ValueError(f"a clause of unknown form in {message!r}")
    if int(head[1]) != len(found) or (head[2] == "error") != (len(found) == 1):
        raise ValueError(f"the count does not fit the clauses in {message!r}")
    return found


def difference(expected, message):
    """Why a message is not the expected one, or None if it is. The order of clauses is not compared."""
    try:
        found = read(message)
    except ValueError as error:
        return str(error)
    rest = list(found)
    for clause in expected:
        match = next((one for one in rest if _is(clause, one)), None)
        if match is None:
            return f"no clause like {clause} in {message!r}"
        rest.remove(match)
    return f"more than the expected clauses in {message!r}" if rest else None


def _is(clause, found):
    null, value, at, words = found.groups()
    if at != clause.at or (clause.value is None) != (null is not None):
        return False
    if clause.value not in (None, ANY) and value != clause.value:
        return False
    if clause.enum is None:
        return words == clause.words
    enum = _ENUM.search(words)
    return (
        enum is not None
        and _ENUM.sub(r"\1", words) == clause.words
        and sorted(enum[2].split(", ")) == sorted(clause.enum)
    )
