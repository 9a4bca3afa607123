"""What the pages on trained nets and on weights have in common."""

from collections.abc import Mapping

import numpy as np

from .plots import Curve

__all__ = ["OF_STATE", "curves_of", "heading_of"]

#: What the Jacobian over time is of, by the number of states.
OF_STATE = {1: "the hidden state h", 2: "the whole state (h, c), its parts taken as independent"}
_COLOURS = ("#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_BOUND = "#D55E00"


def heading_of(title: str) -> str:
    """The heading of a page on a net."""
    return f"Where the gradient goes in {'an' if title[0] in 'RL' else 'a'} {title}"


def curves_of(
    measured: Mapping[str, tuple[np.ndarray, np.ndarray | None]], stepwise: np.ndarray | None = None
) -> list[Curve]:
    """What is measured, and what it can never exceed, for each part of a net."""
    drawn = []
    for i, (title, (norms, bound)) in enumerate(measured.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        drawn.append(Curve(title or "measured", norms, colour))
        if i == 0 and stepwise is not None:
            drawn.append(Curve("product of the steps' norms", stepwise, "#999999", ":"))
        if bound is not None:
            label = f"{title}: proved bound" if title else "proved bound"
            drawn.append(Curve(label, bound, colour if len(measured) > 1 else _BOUND, "--"))
    return drawn
