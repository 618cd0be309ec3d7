"""Values of a shape: the smallest valid one, valid ones of a given length, and ones that break a pattern."""

import re
import unicodedata

# Tried in this order until one fits; they cover every pattern of the operations' inputs.
EXAMPLES = (
    "a",
    "s3://bucket/key",
    "arn:aws:iam::000000000000:role/r",
    "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e",
    "arn:aws:sns:us-east-1:000000000000:t",
    "text/csv",
    "/metrics",
    "mig-1g.5gb",
)

# Between an example and what pads it.
JOINTS = ("", "+", "-", "/")

# Each breaks some patterns; which of them breaks a given one is found by trying.
STRANGE = ("", "_", "a b", "-a", "a-", "a!", "\u00e9", "a\nb", " ", "ftp://bucket/key", "arn:aws:iam::1:role/r")

# Patterns with properties, which Python's `re` does not know.
LETTERS_SPACES_NUMBERS = r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"


def matches(pattern, text):
    """Whether the whole text matches, as `java.util.regex` would match it."""
    if pattern == LETTERS_SPACES_NUMBERS:
        return all(unicodedata.category(c)[0] in "LZN" or c in "_.:/=+-@" for c in text)
    if r"\p" in pattern:
        raise NotImplementedError(f"a pattern with a property that is not known here: {pattern}")
    return re.fullmatch(pattern, text, re.ASCII) is not None


def fits(shape, text):
    """Whether a string keeps every constraint of its shape."""
    if "enum" in shape:
        return text in shape["enum"]
    length_fits = shape.get("min", 0) <= len(text) <= shape.get("max", len(text))
    return length_fits and ("pattern" not in shape or matches(shape["pattern"], text))


def text_of_length(shape, length):
    """A string of this length that keeps the pattern, or None if none was found."""
    for example in EXAMPLES:
        for joint in JOINTS:
            text = example + joint + "a" * (length - len(example) - len(joint))
            if len(text) == length and ("pattern" not in shape or matches(shape["pattern"], text)):
                return text
    return None


def valid_text(shape):
    if "enum" in shape:
        return shape["enum"][0]
    for example in EXAMPLES:
        if fits(shape, example):
            return example
    found = text_of_length(shape, max(shape.get("min", 0), 1))
    if found is None:
        raise NotImplementedError(f"no example fits {shape}")
    return found


def breaking_pattern(shape, most=3):
    """Strings that break the pattern, those that break nothing else first."""
    broken = [text for text in STRANGE if not matches(shape["pattern"], text)]
    broken.sort(key=lambda text: not shape.get("min", 0) <= len(text) <= shape.get("max", len(text)))
    return broken[:most]


def valid(model, name):
    """The smallest valid value of a shape: required members only, shortest lists."""
    shape = model.shapes[name]
    match shape["type"]:
        case "structure":
            required = shape.get("required", [])
            return {member: valid(model, shape["members"][member]["shape"]) for member in required}
        case "list":
            return [valid(model, shape["member"]["shape"]) for _ in range(shape.get("min", 0))]
        case "map":
            return dict(entries(model, shape, shape.get("min", 0)))
        case "string":
            return valid_text(shape)
        case "integer" | "long":
            return shape.get("min", 1)
        case "float" | "double":
            return float(shape.get("min", 1))
        case "boolean":
            return True
        case "timestamp":
            return 1767225600
    raise NotImplementedError(f"shape {name} has the unknown type {shape['type']}")


def entries(model, shape, count):
    """So many different entries of a map."""
    value = valid(model, shape["value"]["shape"])
    return [(f"K{index}", value) for index in range(count)]
