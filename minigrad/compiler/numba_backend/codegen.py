"""The source of one compiled loop: what repeats in a plan, as Python text that Numba understands.

Elementwise operations that follow one another are done row by row, all of them on one row before the next
row, so that a row stays in the processor's nearest memory. That is right if no row of one operation is another
row of a later one; `grouped` looks at every repetition to make sure.
"""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from .signatures import Form, Layout

__all__ = ["grouped", "source"]


def grouped(forms: Sequence[Form], table: ndarray) -> list[list[int]]:
    """Which calls of a period are done together, row by row.

    Parameters
    ----------
    forms : sequence of Form
    table : array, shape (repetitions, arrays)
        Addresses of all arrays of all calls.
    """
    groups: list[list[int]] = []
    starts = np.cumsum([0, *(len(form.layouts) for form in forms)])
    for i, form in enumerate(forms):
        group = groups[-1] if groups else []
        if group and all(_fit(forms[j], form, table[:, starts[j] :], table[:, starts[i] :]) for j in group):
            group.append(i)
        else:
            groups.append([i])
    return groups


def _fit(a: Form, b: Form, a_table: ndarray, b_table: ndarray) -> bool:
    """True if two operations may be done row by row instead of one after the other."""
    if a.is_product or b.is_product or len(a.layouts[-1].shape) < 2 or len(b.layouts[-1].shape) < 2:
        return False
    if a.layouts[-1].shape[0] != b.layouts[-1].shape[0]:
        return False
    size = np.dtype(a.dtype).itemsize
    for i, x in enumerate(a.layouts):
        for j, y in enumerate(b.layouts):
            written = i == len(a.layouts) - 1 or j == len(b.layouts) - 1
            if written and not _independent(x, y, (b_table[:, j] - a_table[:, i]) // size):
                return False
    return True


def _independent(x: Layout, y: Layout, distance: ndarray) -> bool:
    """True if two arrays share no memory, or only rows of the same number, in every repetition."""
    apart = (distance >= x.extent) | (distance <= -y.extent)
    step = x.steps[0]
    if step == y.steps[0] and step > 0:
        low, high = np.minimum(distance, 0), np.maximum(distance + _row(y).extent, _row(x).extent)
        apart |= high - low <= step
    return bool(apart.all())


def _row(layout: Layout) -> Layout:
    return Layout(layout.shape[1:], layout.steps[1:])


def source(forms: Sequence[Form], groups: Sequence[Sequence[int]]) -> str:
    """The text of a function ``loop(table)``; one row of the table for each repetition."""
    lines = ["def loop(table):", "    for t in range(len(table)):"]
    names: dict[tuple[int, int], str] = {}
    for i, form in enumerate(forms):
        for j, first in enumerate(form.same):
            if first == j:
                names[i, j] = f"p{len(names)}"
        lines += [
            f"        {names[i, j]} = pointer(table[t, {_arrays_before(forms, i) + j}])"
            for j, first in enumerate(form.same)
            if first == j
        ]
    for group in groups:
        if forms[group[0]].is_product:
            lines.append(" " * 8 + _product(forms[group[0]], [names[group[0], j] for j in forms[group[0]].same]))
            continue
        lines.append(f"        for r in range({forms[group[0]].layouts[-1].shape[0]}):")
        for i in group:
            lines += [" " * 12 + line for line in _inner(forms[i], [names[i, j] for j in forms[i].same])]
    return "\n".join([*lines, ""])


def _arrays_before(forms: Sequence[Form], i: int) -> int:
    """The number of arrays of all calls before one."""
    return sum(len(form.layouts) for form in forms[:i])


def _product(form: Form, pointers: Sequence[str]) -> str:
    views = [f"{_order(layout)}({p}, {layout.shape})" for layout, p in zip(form.layouts, pointers, strict=True)]
    return f"dot({', '.join(views)})"


def _order(layout: Layout) -> str:
    """By rows or by columns; of one row or column both are right, and steps say nothing."""
    rows, columns = layout.shape
    return (
        "by_rows"
        if columns == 1 or (layout.steps[1] == 1 and (rows == 1 or layout.steps[0] == columns))
        else "by_columns"
    )


def _inner(form: Form, pointers: Sequence[str]) -> list[str]:
    """Loops over what is left of one row."""
    lines: list[str] = []
    operands: list[str] = []
    inner = range(1, len(form.layouts[-1].shape))
    for number, (layout, p) in enumerate(zip(form.layouts, pointers, strict=True)):
        if not any(layout.steps) and number == len(pointers) - 1:
            # A result of one entry; what is assigned to a name would not be stored.
            operands.append(f"{p}[0]")
            continue
        if not any(layout.steps):
            lines.append(f"x{number} = {p}[0]")
            operands.append(f"x{number}")
            continue
        index = [f"r * {layout.steps[0]}"] if layout.steps[0] else []
        index += [
            f"i{axis}" if layout.steps[axis] == 1 else f"i{axis} * {layout.steps[axis]}"
            for axis in inner
            if layout.steps[axis]
        ]
        operands.append(f"{p}[{' + '.join(index)}]")
    for depth, axis in enumerate(inner):
        lines.append("    " * depth + f"for i{axis} in range({form.layouts[-1].shape[axis]}):")
    lines.append("    " * len(inner) + f"{operands[-1]} = {form.expression.format(*operands)}")
    return lines
