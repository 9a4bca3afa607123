"""A run of a net as a notebook shows it: the norm of every state at every step, as strips."""

from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np

from cells import Run
from cells.analysis.norms import norm

from ..colour_scale import Scale, colour
from ..scene.labels import number
from ..style import NON_FINITE, ZERO

__all__ = ["run_html", "state_norms"]

#: The most steps that are shown one by one; of longer runs, evenly spaced ones.
MOST = 100


def state_norms(run: Run) -> dict[str, np.ndarray]:
    """‖q_t‖ for each part q of the state, by name; without what is not there at every step, as in attention's memory.

    Examples
    --------
    >>> from cells import RNN, unroll
    >>> cell = RNN(1, 1)
    >>> params = {"U": np.ones((1, 1)), "W": np.zeros((1, 1)), "b": np.zeros(1)}
    >>> state_norms(unroll(cell, params, np.array([[0.0], [-9.0]])))["h"].round(3)
    array([0., 1.])
    """
    found: dict[str, list[float]] = {}
    for state in run.states:
        for name, value in _leaves(state):
            size = norm(getattr(value, "value", value))
            found.setdefault(name, []).append(float("nan") if size is None else size)
    return {name: np.array(sizes) for name, sizes in found.items() if len(sizes) == len(run.states)}


def _leaves(state: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """The arrays in a state with their names: h, c, or ``forward/h``, ``layers/1/c``."""
    if hasattr(state, "_fields"):
        parts: Any = zip(state._fields, state, strict=True)
    elif isinstance(state, tuple | list):
        parts = ((str(i), part) for i, part in enumerate(state, start=1))
    else:
        yield place, state
        return
    for name, part in parts:
        yield from _leaves(part, f"{place}/{name}" if place else name)


def run_html(run: Run) -> str:
    """A table: a row for each part of the state, a coloured cell with the norm as tooltip for each step."""
    norms = state_norms(run)
    steps = len(run.states)
    shown = range(0, steps, -(-steps // MOST))
    scale = Scale.over(float(size) for sizes in norms.values() for size in sizes if np.isfinite(size))
    rows = "".join(
        f"<tr><th>‖{escape(name)}‖</th>{''.join(_cell(t + 1, sizes[t], scale) for t in shown)}"
        f"<td>{number(sizes[-1])}</td></tr>"
        for name, sizes in norms.items()
    )
    caption = f"{steps} steps, outputs {np.shape(getattr(run.outputs, 'value', run.outputs))}; norms, log10 as colour"
    return f"<table><caption>{escape(caption)}</caption>{rows}</table>"


def _cell(step: int, size: float, scale: Scale) -> str:
    if not np.isfinite(size):
        paint = NON_FINITE["color"]
    else:
        paint = colour(scale.position(size)) if size > 0 else ZERO["color"]
    return f'<td title="t={step}: {number(size)}" style="background:{paint};min-width:6px;padding:0">&nbsp;</td>'
