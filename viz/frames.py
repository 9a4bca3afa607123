"""Scopes as nested frames: what stands in each, which frames each holds, and a number for each."""

from collections.abc import Iterable
from dataclasses import dataclass

from .picture import Mark

__all__ = ["Frames", "Scope", "frames_of"]

Scope = tuple[str, ...]


@dataclass(frozen=True)
class Frames:
    """The frames of a picture, in the order in which they appear.

    Attributes
    ----------
    inside : dict
        The marks that stand in a frame itself, by its scope.
    children : dict
        The frames right inside of a frame, by its scope; () stands for the whole picture.
    numbers : dict
        A number for each frame, the same for the same picture.
    """

    inside: dict[Scope, list[Mark]]
    children: dict[Scope, list[Scope]]
    numbers: dict[Scope, int]


def frames_of(marks: Iterable[Mark]) -> Frames:
    """The frames for all scopes in which marks stand."""
    inside: dict[Scope, list[Mark]] = {}
    children: dict[Scope, dict[Scope, None]] = {}
    for mark in marks:
        inside.setdefault(mark.scope, []).append(mark)
        for depth in range(len(mark.scope)):
            children.setdefault(mark.scope[:depth], {})[mark.scope[: depth + 1]] = None
    numbers = {scope: i for i, scope in enumerate(child for found in children.values() for child in found)}
    return Frames(inside, {scope: list(found) for scope, found in children.items()}, numbers)
