"""How large a mark has to be for its label; estimated, so that it is the same on every platform."""

from functools import lru_cache

from .dot import printable
from .picture import Mark
from .style import KINDS

__all__ = ["FONT_SIZE", "font_size", "shown_label", "size"]

FONT_SIZE = 10.0
#: Characters in a line of a label, and lines.
_LONGEST, _LINES = 40, 8
#: The width of a character and the height of a line, in units of the font's size.
_WIDE, _HIGH = 0.56, 1.2


def shown_label(mark: Mark) -> str:
    """The label, each line cut to what fits on a mark."""
    return _shown(mark.label)


@lru_cache(maxsize=4096)
def _shown(label: str) -> str:
    lines = label.split("\n")[:_LINES]
    return "\n".join(printable(line, _LONGEST) for line in lines)


def font_size(mark: Mark) -> float:
    """In points."""
    return _points(mark.kind)


def _points(kind: str) -> float:
    return float(KINDS[kind].get("fontsize", FONT_SIZE))


def size(mark: Mark) -> tuple[float, float]:
    """Width and height in points."""
    return _size(mark.label, mark.kind)


@lru_cache(maxsize=4096)
def _size(label: str, kind: str) -> tuple[float, float]:
    lines = _shown(label).split("\n")
    points = _points(kind)
    width = max(map(len, lines)) * _WIDE * points + 10
    height = len(lines) * _HIGH * points + 9
    if kind == "step":
        return max(width, 44.0), 34.0 * len(lines) - 2
    shape = KINDS[kind]["shape"]
    if shape == "circle":
        return (max(width, height, 21.0),) * 2
    if shape == "ellipse":
        return max(width * 1.25, 30.0), max(height * 1.15, 22.0)
    return max(width, 30.0), max(height, 21.0)
