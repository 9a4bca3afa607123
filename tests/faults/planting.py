"""Planting a fault for the length of a block, in memory: no file is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import getsource
from textwrap import dedent
from typing import Any

from minigrad.primitive import PRIMITIVES
from minigrad.sweep import SparseCotangent

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
    """A change of a rule's result; of each part of several, and of the cotangent in a `SparseCotangent`."""

    def apply(result: Any) -> Any:
        if isinstance(result, SparseCotangent):
            return result._replace(g=change(result.g))
        if isinstance(result, list):
            return [apply(part) for part in result]
        return change(result)

    def wrap(rule: Rule) -> Rule:
        return lambda *args, **params: apply(rule(*args, **params))

    return wrap


def rewritten(function: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
    """The same function with one piece of its text replaced; compiled in memory, in the function's own module.

    Raises
    ------
    LookupError
        If the text does not stand there exactly once: the fault has to be planted anew after a change.
    """
    text = dedent(getsource(function))
    if text.count(old) != 1:
        raise LookupError(f"{old!r} stands {text.count(old)} times in {function.__qualname__}; plant the fault anew")
    found: dict[str, Any] = {}
    exec(compile(text.replace(old, new), f"<{function.__name__} with a fault>", "exec"), function.__globals__, found)
    return found[function.__name__]
