"""The legend: the scale of the gradients and the kinds of nodes that are on the picture."""

from .. import style
from ..colour_scale import Scale, colour
from ..scene.picture import Picture
from .dot import html

__all__ = ["legend"]

#: How many patches of colour the scale has.
_PATCHES = 12


def legend(picture: Picture) -> str:
    """An HTML-like label of one row, and the picture's remark under it; all words in it are escaped."""
    kinds = {node.kind for node in picture.nodes}
    cells = _scale(picture.scale) if any(edge.share is not None for edge in picture.edges) else []
    if any(edge.delivers and edge.share is not None for edge in picture.edges):
        cells.append("<td>0.12 = norm from outside the step &nbsp; &nbsp; &nbsp;</td>")
    cells += [_patch(kind, words) for kind, words in style.LEGEND.items() if kind in kinds]
    rows = [f"<tr>{''.join(cells)}</tr>"] if cells else []
    if picture.remark:
        rows.append(f'<tr><td align="left" colspan="{max(1, len(cells))}">{html(picture.remark)}</td></tr>')
    if not rows:
        return ""
    table = f'<table border="0" cellborder="0" cellspacing="5" cellpadding="4">{"".join(rows)}</table>'
    return f'<<font point-size="10">{table}</font>>'


def _scale(scale: Scale) -> list[str]:
    """Light to dark with the powers of ten at both ends, then what falls outside of it."""
    colours = [colour(i / (_PATCHES - 1)) for i in range(_PATCHES)]
    bars = "".join(f'<td bgcolor="{c}" width="14" height="12" fixedsize="true"></td>' for c in colours)
    bar = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{bars}</tr></table>'
    return [
        f'<td align="right">norm of the gradient, log10: &nbsp;≤ {_power(scale.low)}</td>',
        f"<td>{bar}</td>",
        f'<td align="left">{_power(scale.high)}</td>',
        f'<td><font color="{style.ZERO["color"]}">· · · · exactly 0</font></td>',
        f"<td>{_dash(style.NON_FINITE['color'])}</td>",
        f'<td align="left"><font color="{style.NON_FINITE["color"]}"><b>inf or nan</b></font></td>',
    ]


def _dash(colour: str) -> str:
    """A thick edge, drawn as a shape: not every font has a letter for it."""
    bar = f'<td bgcolor="{colour}" width="20" height="4" fixedsize="true"></td>'
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{bar}</tr></table>'


def _power(exponent: int) -> str:
    return str(exponent).replace("-", "−")


def _patch(kind: str, words: str) -> str:
    look = style.KINDS[kind]
    return f'<td border="1" style="rounded" bgcolor="{look["fillcolor"]}" color="{look["color"]}"> {html(words)} </td>'
