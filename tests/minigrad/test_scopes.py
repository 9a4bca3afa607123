"""Scopes: where operations stand, in threads and after errors too."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

import minigrad as mg
from minigrad.context import current_scope


def test_scopes_nest() -> None:
    """A node stands in all scopes that were open when it was made, outermost first; names are text."""
    x = mg.tensor(1.0)
    with mg.scope("layer 2"):
        a = x + 1.0
        with mg.scope("t=3"):
            b = a * 2.0
        c = b * 2.0

    assert (x.scope, a.scope, b.scope, c.scope) == ((), ("layer 2",), ("layer 2", "t=3"), ("layer 2",))


def test_scopes_end_with_an_exception() -> None:
    """A scope left by an exception is closed."""
    with pytest.raises(ZeroDivisionError), mg.scope("t=1"):
        1 / 0  # noqa: B018 - raises

    assert current_scope() == ()


def test_scopes_belong_to_their_thread() -> None:
    """Scopes opened at the same time in several threads do not mix."""
    barrier = Barrier(3)

    def work(name: str) -> tuple[str, ...]:
        with mg.scope(name):
            barrier.wait(timeout=10)
            return (mg.tensor(1.0) + 1.0).scope

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(work, "abc")) == [("a",), ("b",), ("c",)]


def test_a_scope_can_be_opened_again() -> None:
    """One name used for several blocks gives the same scope each time."""
    nodes = []
    for _ in range(2):
        with mg.scope("t=1"):
            nodes.append(mg.tensor(1.0) * 2.0)

    assert nodes[0].scope == nodes[1].scope == ("t=1",)
