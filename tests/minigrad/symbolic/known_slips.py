"""Every single slip of the known classes that a formula's text has room for."""

import ast
from collections.abc import Iterator

from verdict_changes import nodes, parse, put, write
from verdict_oracle import World

from minigrad.symbolic.parsing.syntax import Binary, Call, Expression, Name, Negative, Number, Power

#: What is written for a slip, and the words of which its hint must have one.
CLASSES = {
    "slope": ("derivative of the activation", "slope", "is missing"),
    "square": ("slope", "1 − h²", "f (1 − f)"),
    "transposition": ("transpose", "wrong order"),
    "time": ("time index",),
    "path": ("path",),
    "sign": ("sign",),
    "factor": ("factor",),
}


def slips(formula: str, world: World) -> Iterator[tuple[str, str]]:
    """``(class, formula with one slip)``, at every place and of every class."""
    for i, node in enumerate(nodes(parse(formula))):
        for kind, new in _slips(node, world):
            tree = parse(formula)
            yield kind, put(tree, nodes(tree)[i], new)


def _slips(node: ast.expr, world: World) -> Iterator[tuple[str, str]]:
    text = write(node)
    match node:
        case ast.Name(id=name) if name in world.params and world.params[name].ndim == 2:
            yield "transposition", f"{name}.T"
        case ast.Name(id=name) if name not in world.params and name != "H":
            yield from (("time", other) for other in _other_steps(name))
        case ast.Attribute(value=x):
            yield "transposition", write(x)
        case ast.Call(func=ast.Name(id="outer"), args=[u, v]):
            yield "transposition", f"outer({write(v)}, {write(u)})"
        case ast.BinOp(left=a, op=ast.MatMult(), right=b):
            yield "transposition", f"({write(b)}) @ ({write(a)})"
            if isinstance(a, ast.Call) and a.func.id == "diag" and _is_slope(a.args[0]):
                yield "slope", write(b)
        case ast.BinOp(left=a, op=ast.Add(), right=b):
            yield from (("path", write(a)), ("path", write(b)), ("sign", f"({write(a)}) - ({write(b)})"))
        case ast.BinOp(left=a, op=ast.Sub(), right=b):
            yield from (("sign", f"({write(a)}) + ({write(b)})"), ("sign", f"({write(b)}) - ({write(a)})"))
        case ast.BinOp(left=a, op=ast.Mult(), right=b) if _is_slope(b):
            yield "slope", write(a)
        case ast.BinOp(left=ast.BinOp(left=a, right=b), op=ast.Mult(), right=c) if _is_complement(b, c):
            yield "slope", write(a)
    yield from (("square", other) for other in _other_slopes(node))
    yield from (("sign", f"-({text})"), ("factor", f"2*({text})"), ("factor", f"({text})/2"))


def _other_steps(name: str) -> Iterator[str]:
    stem = name.removesuffix("_prev").removesuffix("_next")
    for other in (stem, f"{stem}_prev", f"{stem}_next"):
        if other != name and not (name.startswith("d_") and other.endswith("_prev")):
            yield other


def _is_slope(node: ast.expr) -> bool:
    """``1 - h**2``, or ``f*(1 - f)``."""
    match node:
        case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=ast.BinOp(op=ast.Pow())):
            return True
        case ast.BinOp(left=a, op=ast.Mult(), right=b):
            return _is_complement(a, b)
    return False


def _is_complement(a: ast.expr, b: ast.expr) -> bool:
    match b:
        case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=x):
            return write(a) == write(x)
    return False


def _other_slopes(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=ast.BinOp(left=x, op=ast.Pow())):
            h = write(x)
            yield from (f"(1 - {h})**2", f"1 - {h}", f"{h}*(1 - {h})")
        case ast.BinOp(left=a, op=ast.Mult(), right=b) if _is_complement(a, b):
            yield from (f"1 - {write(a)}**2", f"{write(a)}*(1 - {write(a)}**2)")
        case ast.BinOp(left=ast.BinOp(left=rest, right=a), op=ast.Mult(), right=b) if _is_complement(a, b):
            yield f"({write(rest)})*(1 - {write(a)}**2)"


def text(formula: Expression) -> str:
    """A parsed formula as Python reads it."""
    match formula:
        case Number(value):
            return f"({value})"
        case Name(name):
            return name
        case Negative(x):
            return f"(-{text(x)})"
        case Power(x, exponent):
            return f"({text(x)}**{exponent})"
        case Binary(operator, left, right):
            return f"({text(left)} {operator} {text(right)})"
        case Call(function, args):
            return f"{function}({', '.join(map(text, args))})"
