"""Labels of nodes and formulas for their tooltips: names with the time as subscript, symbols, short formulas."""

import re
from typing import Any

import numpy as np

from cells.analysis.structure import parameter_key
from minigrad import Tensor
from minigrad.context import Layer, step_of

__all__ = [
    "describe_factor",
    "formula",
    "number",
    "printable",
    "short_name",
    "symbol",
    "title",
    "wrapped_formula",
]

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
#: How deep a formula may look behind unnamed nodes.
_DEPTH, _LONG = 4, 12
#: Names that papers write with a Greek letter.
GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "theta": "θ", "lambda": "λ", "mu": "μ"}


def short_name(node: Tensor) -> str | None:
    """The name as a formula would have it: ``W`` for ``params["W"]``, ``h₃`` for h at t=3; None if it has none.

    The input of a layer above another is that layer's output, ``h₃⁽¹⁾`` for layer 1.
    """
    if node.name is None:
        return None
    key = parameter_key(node)
    if key is not None:
        return key
    handed = _from_layer_below(node)
    if handed is not None:
        source, layer = handed
        return f"{short_name(source)}⁽{str(layer).translate(_SUPERSCRIPTS)}⁾"
    step, name = step_of(node.scope), GREEK.get(node.name, node.name)
    return name if step is None else name + str(step).translate(_SUBSCRIPTS)


def _from_layer_below(node: Tensor) -> tuple[Tensor, int] | None:
    """For the input x of a layer that is the output of another one: that output, and the number of its layer."""
    source = node.args[0] if node.name == "x" and node.primitive.name == "alias" else None
    if not isinstance(source, Tensor) or source.name is None:
        return None
    layers = [part.number for part in source.scope if isinstance(part, Layer) and part not in node.scope]
    return (source, layers[-1]) if layers else None


def symbol(node: Tensor) -> str:
    """The sign for what a node does: σ, tanh, ⊙, +."""
    name = node.primitive.name
    if name == "linear":
        return " ".join(_operand(arg) or "·" for arg in node.args)
    sign = node.primitive.symbol or name
    if name in ("negative", "transpose"):
        operand = _operand(node.args[0]) or "(·)"
        return f"−{operand}" if name == "negative" else f"{operand}ᵀ"
    if len(node.args) == 2 and node.primitive.symbol and not all(isinstance(arg, Tensor) for arg in node.args):
        first, second = node.args
        return f"{sign} {number(second)}" if isinstance(first, Tensor) else f"{number(first)} {sign}"
    return sign


def _operand(arg: Any) -> str | None:
    return short_name(arg) if isinstance(arg, Tensor) else number(arg)


def title(node: Tensor, otherwise: str | None = None) -> str:
    """The label of a node: its name, or else another, and under it the sign for what it does."""
    name = short_name(node) or otherwise
    if node.is_leaf:
        return name or _constant(node.value)
    if name is not None and node.primitive.name in ("getitem", "alias"):
        return name
    if name is None and node.primitive.name == "getitem" and node.args[0].name is not None:
        return formula(node)
    return symbol(node) if name is None else f"{name}\n{symbol(node)}"


def _constant(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return number(value.item())
    return f"constant {getattr(value, 'shape', '')}".strip()


def formula(node: Tensor, depth: int = _DEPTH) -> str:
    """The formula of a node in terms of the named nodes behind it: ``σ(U_f x₃ + W_f h₂ + b_f)``."""
    if node.is_leaf:
        return short_name(node) or _constant(node.value)
    name = node.primitive.name
    parts = [_part(arg, depth - 1, name, step_of(node.scope)) for arg in node.args]
    if name == "alias":
        return parts[0]
    if name == "linear":
        return " ".join(parts)
    if name == "getitem":
        return f"{parts[0]}[{_index(node.params.get('index'))}]"
    if name in ("add", "subtract", "multiply", "divide"):
        return f" {node.primitive.symbol} ".join(parts)
    if name == "negative":
        return f"−{parts[0]}"
    if name == "transpose":
        return f"{parts[0]}ᵀ"
    shown = parts if len(parts) <= 4 else [*parts[:2], "…", parts[-1]]
    return f"{node.primitive.symbol or name}({', '.join(shown)})"


def wrapped_formula(node: Tensor, width: int = 13) -> str:
    """The formula of a sum over several lines, broken at its plus signs."""
    lines = [""]
    for i, term in enumerate(formula(node, _LONG).split(" + ")):
        piece = term if i == 0 else f"+ {term}"
        if lines[-1] and len(lines[-1]) + len(piece) >= width:
            lines.append(piece)
        else:
            lines[-1] = f"{lines[-1]} {piece}".strip()
    return "\n".join(lines)


def _part(arg: Any, depth: int, inside: str, step: int | None) -> str:
    """One operand, in brackets where the formula would be misread without them; other steps have their own."""
    if not isinstance(arg, Tensor):
        return number(arg)
    if arg.name is not None or arg.is_leaf:
        return short_name(arg) or _constant(arg.value)
    if depth <= 0 or step_of(arg.scope) not in (None, step):
        return "…"
    words = formula(arg, depth)
    loose = arg.primitive.name in ("add", "subtract", "negative", "multiply", "divide")
    fits = inside == "add" or (inside == "multiply" and arg.primitive.name == "multiply")
    closed = inside not in ("add", "subtract", "multiply", "divide", "negative", "linear", "getitem", "transpose")
    return words if fits or closed or not loose else f"({words})"


def _index(index: Any) -> str:
    if isinstance(index, tuple):
        return ", ".join(_index(part) for part in index)
    return str(index) if isinstance(index, int) else "…"


def describe_factor(node: Tensor) -> str | None:
    """The local factor of an elementwise function: ``tanh′ = 1 − y²: mean 0.42``."""
    slope = node.primitive.slope
    if slope is None or not isinstance(node.value, np.ndarray) or node.value.size == 0:
        return None
    with np.errstate(all="ignore"):
        mean = float(np.mean(slope(node.value, *(getattr(arg, "value", arg) for arg in node.args))))
    primitive = node.primitive
    known = f" = {primitive.slope_formula}" if primitive.slope_formula else ""
    return f"{primitive.symbol or primitive.name}′{known}: mean {number(mean)}"


def number(x: float) -> str:
    """Three significant digits, the same on every platform.

    Examples
    --------
    >>> number(0.4194), number(1.0), number(1.7e-9), number(float("nan"))
    ('0.419', '1', '1.7e-09', 'nan')
    """
    return f"{x:.3g}"


#: What is not among the characters of XML 1.0, section 2.2, and its discouraged control characters.
_NOT_XML = re.compile("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(words: str, limit: int = 400) -> str:
    r"""The text without what XML cannot hold, cut to a length that a reader can take in.

    Examples
    --------
    >>> printable("a\x00b\ud800"), printable("abcdef", limit=4)
    ('a�b�', 'abc…')
    """
    clean = words if words.isascii() and words.isprintable() else _NOT_XML.sub("�", words)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
