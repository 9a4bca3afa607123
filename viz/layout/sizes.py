"""Sizes of nodes, from their labels; estimated, so that it is the same on every platform."""

from functools import lru_cache

from ..scene.labels import printable
from ..scene.picture import Node
from ..style import KINDS

__all__ = ["FONT_SIZE", "font_size", "shown_label", "size"]

FONT_SIZE = 10.0
#: Characters in a line of a label, and lines.
_LONGEST, _LINES = 40, 8
#: The width of a character and the height of a line, in units of the font's size.
_WIDE, _HIGH = 0.56, 1.2
#: Points around a label, at both sides and above and below together.
_BESIDE, _ABOVE = 10, 9
#: The least width and height of a node, by its shape; letters in an ellipse need more room by so much.
_LEAST = {"box": (30.0, 21.0), "circle": (21.0, 21.0), "ellipse": (30.0, 22.0)}
_ROUND = (1.25, 1.15)
#: The least width of a whole step, the height for each of its states, and what is left free between two of them.
_STEP_WIDTH, _STATE_HEIGHT, _STATE_GAP = 44.0, 34.0, 2


def shown_label(node: Node) -> str:
    """The label, each line cut to what fits on a node."""
    return _shown(node.label)


@lru_cache(maxsize=4096)
def _shown(label: str) -> str:
    lines = label.split("\n")[:_LINES]
    return "\n".join(printable(line, _LONGEST) for line in lines)


def font_size(node: Node) -> float:
    """In points."""
    return _points(node.kind)


def _points(kind: str) -> float:
    return float(KINDS[kind].get("fontsize", FONT_SIZE))


def size(node: Node) -> tuple[float, float]:
    """Width and height in points."""
    return _size(node.label, node.kind)


@lru_cache(maxsize=4096)
def _size(label: str, kind: str) -> tuple[float, float]:
    lines = _shown(label).split("\n")
    points = _points(kind)
    width = max(map(len, lines)) * _WIDE * points + _BESIDE
    height = len(lines) * _HIGH * points + _ABOVE
    if kind == "step":
        return max(width, _STEP_WIDTH), _STATE_HEIGHT * len(lines) - _STATE_GAP
    shape = KINDS[kind]["shape"]
    if shape == "circle":
        width = height = max(width, height)
    if shape == "ellipse":
        width, height = width * _ROUND[0], height * _ROUND[1]
    least = _LEAST[shape]
    return max(width, least[0]), max(height, least[1])
