"""Values of shapes that hold every member: what is sent to see whether a whole structure is accepted or refused."""

from expected import values
from expected.model import Model

_MODEL = None


def _model():
    global _MODEL
    _MODEL = _MODEL or Model()
    return _MODEL


def full(shape):
    """A value with every member, nested ones too; lists of one element."""
    match shape.type_name:
        case "structure":
            return {name: full(inner) for name, inner in shape.members.items()}
        case "list":
            return [full(shape.member) for _ in range(max(1, shape.metadata.get("min", 0)))]
        case "map":
            return {"KEY": full(shape.value)}
        case "integer" | "long":
            return max(1, shape.metadata.get("min", 1))
        case "float" | "double":
            return 1.0
        case "boolean":
            return True
        case "string":
            return values.valid_text(shape.metadata)
        case "timestamp":
            return 1767225600
    raise NotImplementedError(f"a value of type {shape.type_name}")


def least(shape):
    """A value with the required members alone."""
    return values.valid(_model(), shape.name)
