"""Planting a fault for the length of a block, in memory: no file is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from minigrad.primitive import PRIMITIVES
from minigrad.sweep import Piece

Rule = Callable[..., Any]


@contextmanager
def planted(name: str, mode: str, position: int, change: Callable[[Rule], Rule]) -> Iterator[None]:
    """Change one rule of a primitive: the one of an argument, in "reverse" or "forward" mode."""
    record, field = PRIMITIVES[name], {"reverse": "vjps", "forward": "jvps"}[mode]
    rules = getattr(record, field)
    changed = (*rules[:position], change(rules[position]), *rules[position + 1 :])
    object.__setattr__(record, field, changed)
    try:
        yield
    finally:
        object.__setattr__(record, field, rules)


def after(change: Callable[[Any], Any]) -> Callable[[Rule], Rule]:
    """A change of what a rule returns; of each part, where it returns several, and of what a `Piece` carries."""

    def apply(result: Any) -> Any:
        if isinstance(result, Piece):
            return result._replace(g=change(result.g))
        if isinstance(result, list):
            return [apply(part) for part in result]
        return change(result)

    def wrap(rule: Rule) -> Rule:
        return lambda *args, **params: apply(rule(*args, **params))

    return wrap
