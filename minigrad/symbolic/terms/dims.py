"""Sizes of axes that are names: ``"H"``, and what slicing a concatenation makes of them, ``"D + H"``."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import FormulaError
from .names import check_name

__all__ = ["Dim", "as_dim", "in_numbers"]


class Dim(str):
    """The size of an axis, an integer known by name; equal to the plain string, and closed under addition.

    Examples
    --------
    >>> H, D = Dim("H"), Dim("D")
    >>> H + D, 0 + H, H - 1, H + D - H == D
    ('D + H', 'H', 'H - 1', True)
    """

    __slots__ = ("counts",)
    counts: dict[str, int]

    def __new__(cls, name: str, counts: dict[str, int] | None = None) -> "Dim":
        """A size from a name; sums carry how often each name occurs."""
        dim = super().__new__(cls, name)
        dim.counts = {check_name(name): 1} if counts is None else counts
        return dim

    def __add__(self, other: Any) -> Any:
        """The size of two axes joined."""
        return _combine([(self, 1), (other, 1)]) if isinstance(other, str | int) else NotImplemented

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        """The rest of an axis after a part is cut off."""
        return _combine([(self, 1), (other, -1)])

    def __rsub__(self, other: Any) -> Any:
        return _combine([(other, 1), (self, -1)])


def as_dim(size: Any) -> Any:
    """A size of an axis: an integer, or a name.

    Raises
    ------
    FormulaError
        If it is neither.
    """
    if isinstance(size, Dim) or (isinstance(size, int) and not isinstance(size, bool) and size >= 0):
        return size
    if isinstance(size, str):
        return Dim(size)
    raise FormulaError(f"the size of an axis is an integer or a name such as 'n', got {size!r}")


def in_numbers(size: Any, sizes: Mapping[Any, int]) -> int:
    """The number that a size is, from the numbers of names: of ``"2H + 1"`` from that of ``"H"``.

    Raises
    ------
    FormulaError
        If a name has no number.
    """
    if isinstance(size, int):
        return size
    if size in sizes:
        return sizes[size]
    if size.counts == {str(size): 1}:
        raise FormulaError(f"the size {size} cannot be told from the values given; pass sizes={{{str(size)!r}: ...}}")
    return sum(count * (in_numbers(Dim(name), sizes) if name else 1) for name, count in size.counts.items())


def _combine(parts: Iterable[tuple[Any, int]]) -> Any:
    """Σ sign · size, as an integer if no name is left."""
    counts: dict[str, int] = {}
    for size, sign in parts:
        dim = as_dim(size)
        for name, count in (dim.counts if isinstance(dim, Dim) else {"": dim}).items():
            counts[name] = counts.get(name, 0) + sign * count
    counts = {name: count for name, count in sorted(counts.items()) if count}
    if not any(counts):
        return counts.get("", 0)
    return Dim(_written(counts), counts)


def _written(counts: dict[str, int]) -> str:
    """``2H + n - 1``: names first, then the number."""
    text = ""
    for name, count in sorted(counts.items(), key=lambda pair: not pair[0]):
        size = "" if name and abs(count) == 1 else abs(count)
        text += f" {'-' if count < 0 else '+'} {size}{name}"
    return text.removeprefix(" + ").replace(" - ", "-", 1) if text.startswith(" - ") else text.removeprefix(" + ")
