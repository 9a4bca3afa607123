"""A picture of a compiled plan: what is done once, what step by step, and what planning saved."""

import os
from collections.abc import Sequence

from minigrad.compiler import Plan
from minigrad.compiler.summary import SummaryBlock, SummaryLine, blocks_of

from .. import style
from ..render.dot import digraph, edge, html, node
from ..render.drawing import Drawing

__all__ = ["draw_plan"]

#: Lines of a block at most; the rest is counted.
MOST = 12
_DEFAULTS = {
    "graph": {"rankdir": "TB", "fontname": style.FONT, "bgcolor": "white", "nodesep": "0.25", "ranksep": "0.3"},
    "node": {"fontname": style.FONT, "fontsize": "10", "shape": "plain"},
    "edge": {"fontname": style.FONT, "color": "#777777", "arrowsize": "0.7"},
}


def draw_plan(plan: Plan, path: str | os.PathLike[str] | None = None) -> Drawing:
    """The blocks of a plan from top to bottom: recurrences in colour, with the number of their steps.

    Each line is an operation, the shape of its result and how often it is done. Beside them stands what
    planning did: calls and memory before and after, and the passes' notes.

    Parameters
    ----------
    plan : Plan
        From ``compiled.plan(*args)``.
    path : path, optional
        Where to save it: .svg, .dot or .png.

    Returns
    -------
    Drawing
        With `.dot`, `.svg` and `.save(path)`.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> plan = mg.compile(mg.grad(lambda x: mg.tanh(x).sum())).plan(np.ones(3))
    >>> "planned" in draw_plan(plan).dot
    True
    """
    blocks = blocks_of(plan)
    body = [node("inputs", {"label": _table([f"{len(plan.paths)} inputs"], [], "input")})]
    body += [node(f"b{i}", {"label": _block(block)}) for i, block in enumerate(blocks)]
    for i, block in enumerate(blocks):
        body += [edge("inputs" if source < 0 else f"b{source}", f"b{i}", {}) for source in block.sources]
    body.append(node("summary", {"label": _summary(plan)}))
    drawing = Drawing(digraph(_DEFAULTS, body))
    if path is not None:
        drawing.save(path)
    return drawing


def _block(block: SummaryBlock) -> str:
    """A box with one line for each operation."""
    title = f"{block.steps} steps, one after another" if block.steps else "all at once"
    lines = [(line.op, _shape([line.shape]), line.count) for line in block.lines]
    if len(lines) > MOST:
        lines = _merged(block.lines)
    rows = [(op.replace("_", " "), shape, f"×{count}") for op, shape, count in lines[:MOST]]
    if len(lines) > MOST:
        rows.append((f"and {len(lines) - MOST} more kinds", "", f"×{sum(count for _, _, count in lines[MOST:])}"))
    return _table([title], rows, "state" if block.steps else "operation")


def _merged(lines: Sequence[SummaryLine]) -> list[tuple[str, str, int]]:
    """Lines of one operation and as many axes in one: arrays that grow with time differ in every step."""
    groups: dict[tuple[str, int], list[SummaryLine]] = {}
    for line in lines:
        groups.setdefault((line.op, len(line.shape)), []).append(line)
    return [
        (op, _shape([line.shape for line in group]), sum(line.count for line in group))
        for (op, _), group in groups.items()
    ]


def _summary(plan: Plan) -> str:
    """Before and after, and the notes of all passes."""
    operations, size = plan.traced
    rows = [
        ("", "traced", "planned"),
        ("operations, calls", f"{operations:,}", f"{len(plan.calls):,}"),
        ("MiB", f"{size / 2**20:.2f}", f"{plan.storage.allocated / 2**20:.2f}"),
        *((note, "", "") for note in plan.notes),
    ]
    return _table(["what planning did"], rows, "constant")


def _shape(shapes: Sequence[tuple[int, ...]]) -> str:
    """The sizes of the axes; from the least to the largest where shapes differ."""
    sizes = [(min(axis), max(axis)) for axis in zip(*shapes, strict=True)]
    return " × ".join(f"{low}" if low == high else f"{low}–{high}" for low, high in sizes) or "scalar"


def _table(title: list[str], rows: list[tuple[str, str, str]], kind: str) -> str:
    """An HTML-like label in the colours of a kind: a title, and rows of a text and two numbers."""
    look = style.KINDS[kind]
    frame = f'border="1" cellborder="0" cellspacing="0" cellpadding="3" style="rounded" color="{look["color"]}"'
    fill = f' bgcolor="{look["fillcolor"]}"' if "fillcolor" in look else ""
    lines = [f'<tr><td colspan="3" {_wide(words, 1.2)}><b>{html(words)}</b></td></tr>' for words in title]
    for words, middle, right in rows:
        if not middle and not right:
            lines.append(f'<tr><td colspan="3" {_wide(words)}>{html(words)}</td></tr>')
            continue
        numbers = "".join(f"<td {_wide(number, align='right')}>{html(number)}</td>" for number in (middle, right))
        lines.append(f"<tr><td {_wide(words)}>{html(words)}</td>{numbers}</tr>")
    return f"<<table {frame}{fill}>{''.join(lines)}</table>>"


def _wide(words: str, factor: float = 1.0, align: str = "left") -> str:
    """Room for a text in whatever sans serif font it will be shown in: about half the font's size for a letter."""
    return f'align="{align}" width="{5 * factor * len(words) + 10:.0f}"'
