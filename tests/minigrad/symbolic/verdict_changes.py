"""Random changes of a formula's text: rewritings that keep it true, and single slips that mostly do not."""

import ast
from collections.abc import Iterator

import numpy as np
from verdict_oracle import World

Node = ast.expr


def parse(text: str) -> Node:
    """Python's tree of a formula."""
    return ast.parse(text, mode="eval").body


def write(node: Node) -> str:
    """A tree as text."""
    return ast.unparse(node)


def nodes(node: Node) -> list[Node]:
    """A formula and its parts; names of functions are no parts."""
    found, waiting = [], [node]
    while waiting:
        part = waiting.pop()
        found.append(part)
        match part:
            case ast.BinOp(left=left, right=right) if not isinstance(part.op, ast.Pow):
                waiting += [right, left]
            case ast.BinOp(left=x) | ast.UnaryOp(operand=x) | ast.Attribute(value=x):
                waiting.append(x)
            case ast.Call(func=ast.Name(id=name), args=args) if name not in ("ones", "eye", "unit"):
                waiting += args[::-1]
    return found


def put(formula: Node, old: Node, new: str) -> str:
    """The formula with one part replaced by other text, in parentheses; the tree is used up."""

    class Swap(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return parse(f"({new})") if node is old else super().generic_visit(node)

    return write(Swap().visit(formula))


# -- rewritings ------------------------------------------------------------------------------------


def rewritten(formula: str, world: World, definitions: dict[str, str], rng: np.random.Generator, count: int) -> str:
    """Apply `count` random laws of algebra, or definitions, at random places."""
    for _ in range(count):
        tree = parse(formula)
        parts = nodes(tree)
        for i in rng.permutation(len(parts)):
            choices = list(_laws(parts[i], world, definitions))
            if choices:
                candidate = put(tree, parts[i], choices[rng.integers(len(choices))])
                formula = candidate if len(candidate) < 420 else formula
                break
    return formula


def _rank(node: Node, world: World) -> int:
    return np.ndim(world.evaluate(write(node), 1))


def _laws(node: Node, world: World, definitions: dict[str, str]) -> Iterator[str]:
    text, rank = write(node), _rank(node, world)
    yield from (f"2*({text})/2", f"-(-({text}))", f"({text}) + ({text}) - ({text})", f"({text})*1")
    if rank == 2:
        yield f"({text}).T.T"
    if isinstance(node, ast.Name) and node.id in definitions:
        yield from [definitions[node.id]] * 6
    match node:
        case ast.BinOp(left=a, op=ast.Add(), right=b):
            yield f"({write(b)}) + ({write(a)})"
        case ast.BinOp(left=a, op=ast.Mult(), right=b):
            yield f"({write(b)}) * ({write(a)})"
        case ast.BinOp(left=x, op=ast.Pow()) if write(node).endswith("** 2"):
            yield f"({write(x)}) * ({write(x)})"
        case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=ast.BinOp(left=x, op=ast.Pow())):
            yield f"(1 - {write(x)}) * (1 + {write(x)})"
        case ast.Call(func=ast.Name(id="outer"), args=[u, v]):
            yield f"outer({write(v)}, {write(u)}).T"
            yield f"outer(3*({write(u)}), {write(v)}) / 3"
        case ast.Call(func=ast.Name(id="diag"), args=[u]):
            yield f"diag({write(u)}).T"
            if len(world.evaluate(write(u), 1)) == world.H:
                yield f"eye(H) @ diag({write(u)})"
    yield from _distributed(node, world)


def _distributed(node: Node, world: World) -> Iterator[str]:
    """Sums multiplied out, and products grouped in another way."""
    match node:
        case ast.BinOp(left=a, op=ast.Mult() | ast.MatMult() as op, right=ast.BinOp(left=b, op=inner, right=c)):
            sign, outer = _SIGNS[type(op)], _SIGNS.get(type(inner))
            if outer in ("+", "-"):
                yield f"({write(a)}) {sign} ({write(b)}) {outer} ({write(a)}) {sign} ({write(c)})"
            if outer == sign and _rank(b, world) == 2 and _rank(a, world) == 2:
                yield f"(({write(a)}) {sign} ({write(b)})) {sign} ({write(c)})"
    match node:
        case ast.BinOp(left=ast.BinOp(left=a, op=inner, right=b), op=ast.Mult() | ast.MatMult() as op, right=c):
            sign, outer = _SIGNS[type(op)], _SIGNS.get(type(inner))
            if outer in ("+", "-") and (sign == "*" or _rank(a, world) == _rank(b, world) == 2):
                yield f"({write(a)}) {sign} ({write(c)}) {outer} ({write(b)}) {sign} ({write(c)})"
            if outer == sign == "*" or (outer == sign and _rank(b, world) == 2):
                yield f"({write(a)}) {sign} (({write(b)}) {sign} ({write(c)}))"
    match node:
        case ast.BinOp(left=a, op=ast.MatMult(), right=b) if _rank(a, world) == _rank(b, world) == 2:
            yield f"(({write(b)}).T @ ({write(a)}).T).T"
        case ast.Call(func=ast.Name(id="diag"), args=[ast.BinOp(left=a, op=ast.Mult(), right=b)]):
            if _rank(a, world) == _rank(b, world) == 1:
                yield f"diag({write(a)}) @ diag({write(b)})"
        case ast.Call(func=ast.Name(id="diag" | "sum_t" as name), args=[ast.BinOp(left=a, op=ast.Add(), right=b)]):
            if _rank(a, world) == _rank(b, world):
                yield f"{name}({write(a)}) + {name}({write(b)})"


_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}


# -- slips -----------------------------------------------------------------------------------------


def slipped(formula: str, world: World, rng: np.random.Generator) -> str:
    """One random slip at one random place."""
    tree = parse(formula)
    parts = nodes(tree)
    choices = [(part, new) for part in parts for new in _slips(part, world)]
    part, new = choices[rng.integers(len(choices))]
    return put(tree, part, new)


def _slips(node: Node, world: World) -> Iterator[str]:
    text = write(node)
    match node:
        case ast.Name(id=name):
            yield from _other_letters(name, world)
        case ast.BinOp(left=a, op=ast.Add(), right=b):
            yield from (f"({write(a)}) - ({write(b)})", write(a), write(b))
        case ast.BinOp(left=a, op=ast.Sub(), right=b):
            yield from (f"({write(a)}) + ({write(b)})", f"({write(b)}) - ({write(a)})", write(a))
        case ast.BinOp(left=a, op=ast.Mult(), right=b):
            yield from (write(a), write(b), f"({write(a)}) + ({write(b)})")
        case ast.BinOp(left=a, op=ast.MatMult(), right=b):
            yield from (f"({write(b)}) @ ({write(a)})", write(b))
        case ast.BinOp(left=x, op=ast.Pow()):
            yield from (write(x), f"({write(x)})**3")
        case ast.Attribute(value=x):
            yield write(x)
        case ast.Call(func=ast.Name(id="outer"), args=[u, v]):
            yield f"outer({write(v)}, {write(u)})"
        case ast.Call(func=ast.Name(id="sum_t"), args=[x]):
            yield write(x)
    match node:
        case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=ast.BinOp(left=x, op=ast.Pow())):
            yield from (f"(1 - {write(x)})**2", f"1 - {write(x)}", f"{write(x)}*(1 - {write(x)})")
    yield from (f"2*({text})", f"-({text})")


def _other_letters(name: str, world: World) -> Iterator[str]:
    """Another step, another letter of the same kind, a transpose."""
    stem = name.removesuffix("_prev").removesuffix("_next")
    if name in world.params:
        kind = name[0]
        same = [n for n in world.params if n[0] == kind and n != name]
        yield from same
        if world.params[name].ndim == 2:
            yield f"{name}.T"
    elif not name.startswith("d_") and name not in ("y", "H"):
        yield from (other for other in (stem, f"{stem}_prev", f"{stem}_next") if other != name)
        own = [
            n for n in world.letters[1] if n != name and np.shape(world.letters[1][n]) == np.shape(world.value(name, 2))
        ]
        yield from own
    elif name.startswith("d_"):
        yield from (other for other in (stem, f"{stem}_next") if other != name)
