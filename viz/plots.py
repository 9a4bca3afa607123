"""Plots as SVG: matplotlib without a display, a date or a random id, so the bytes are always the same."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np

from .optional import load

__all__ = ["Curve", "lag_plot"]


@dataclass(frozen=True)
class Curve:
    """Numbers over 0, 1, 2, … and how their line looks: a colour and "-", "--" or ":"."""

    label: str
    values: np.ndarray
    colour: str
    line: str = "-"


def lag_plot(curves: Sequence[Curve], ylabel: str) -> str:
    """Curves over the lag T − k on a logarithmic axis, as SVG; zeros, which have no logarithm, leave a gap."""
    pyplot = load("matplotlib.pyplot")
    with _settings():
        figure, axes = pyplot.subplots(figsize=(7.2, 3.6), layout="constrained")
        for curve in curves:
            values = np.where(np.isfinite(curve.values) & (curve.values > 0), curve.values, np.nan)
            marker = "o" if curve.line == "-" else None
            axes.semilogy(values, curve.line, color=curve.colour, label=curve.label, marker=marker, markersize=3.5)
        axes.set_xlabel("lag T − k")
        axes.set_ylabel(ylabel)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(color="#DDDDDD", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
    return text.getvalue()


def _settings() -> AbstractContextManager[Any]:
    load("matplotlib").use("svg")
    return load("matplotlib").rc_context(
        {"svg.hashsalt": "minigrad", "svg.fonttype": "path", "font.size": 10, "path.simplify": False}
    )
