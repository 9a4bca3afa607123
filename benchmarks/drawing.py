"""Seconds to draw an unrolled LSTM, beside torchviz for the same net.

Run it with ``python benchmarks/drawing.py``; ``--write`` puts the result into benchmarks/README.md.
torchviz is optional: ``pip install torch torchviz``.
"""

import argparse
from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from typing import Any

import numpy as np
from report import machine, markdown_table, version_of, write_section

import minigrad as mg
import viz
from cells import LSTM, unroll
from minigrad import Graph
from viz.errors import DrawingError
from viz.render.engine import render

D, H = 8, 32
LENGTHS = (5, 10, 20, 50, 100, 200, 500)
#: Seconds after which a layout by `dot` is given up, and all longer ones with it.
LIMIT = 60.0


def _numbers(steps: int) -> tuple[LSTM, dict[str, Any], np.ndarray]:
    rng = np.random.default_rng(0)
    cell = LSTM(D, H)
    return cell, cell.init(rng), rng.normal(size=(steps, D))


def graph_of(steps: int) -> Graph:
    """The sum of the last hidden state."""
    cell, params, xs = _numbers(steps)
    return mg.trace(lambda params, xs: mg.sum(unroll(cell, params, xs).final.h), params, xs)


def torch_loss(steps: int) -> tuple[Any, dict[str, Any]]:
    """The same in PyTorch, from the same operations, and its parameters."""
    torch = import_module("torch")
    _, numbers, xs = _numbers(steps)
    params = {name: torch.tensor(value, requires_grad=True) for name, value in numbers.items()}
    h = c = torch.zeros(H, dtype=torch.float64)
    for x in torch.tensor(xs):
        i, f, o, g = (params[f"U_{k}"] @ x + params[f"W_{k}"] @ h + params[f"b_{k}"] for k in "ifog")
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return h.sum(), params


def timed(run: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """The least of some times in seconds, and the result."""
    least, result = float("inf"), None
    for _ in range(rounds):
        start = perf_counter()
        result = run()
        least = min(least, perf_counter() - start)
    return least, result


def ours(steps: int, rounds: int) -> list[str]:
    """Time for the DOT text, for the SVG, and in all; MB of SVG; then the time for the folded drawing."""
    graph = graph_of(steps)
    text, drawing = timed(lambda: viz.draw(graph, detail="op", fold=False), rounds)
    svg, content = timed(lambda: render(drawing.dot, layout=("-Kneato", "-n2")), rounds)
    folded, _ = timed(lambda: viz.draw(graph).svg, rounds)
    return [f"{text:.2f}", f"{svg:.2f}", f"{text + svg:.2f}", f"{len(content) / 1e6:.1f}", f"{folded:.2f}"]


def theirs(steps: int, rounds: int, layout: bool) -> tuple[list[str], bool]:
    """Time for torchviz's DOT text and for its layout; whether that ended in time."""
    loss, params = torch_loss(steps)
    make_dot = import_module("torchviz").make_dot
    try:
        text, source = timed(lambda: make_dot(loss, params).source, rounds)
    except RecursionError:
        return ["RecursionError", "–"], False
    if not layout:
        return [f"{text:.2f}", "not tried"], False
    try:
        svg, _ = timed(lambda: render(source, time_limit=LIMIT), 1)
    except DrawingError as error:
        return [f"{text:.2f}", f"over {LIMIT:g}" if isinstance(error, TimeoutError) else "fails"], False
    return [f"{text:.2f}", f"{svg:.2f}"], True


def section(lengths: tuple[int, ...], rounds: int) -> str:
    """The section for the README."""
    with_torchviz = version_of("torchviz") is not None
    rows, layout = [], True
    for steps in lengths:
        row = [f"{steps}", f"{len(graph_of(steps).nodes):,}", *ours(steps, rounds)]
        if with_torchviz:
            found, layout = theirs(steps, rounds, layout)
            row += found
        rows.append(row)
        print(" ".join(row), flush=True)
    header = ["T", "nodes", "DOT text", "SVG", "both", "MB of SVG", "by gates, folded"]
    header += ["torchviz: DOT text", "torchviz: SVG"] if with_torchviz else []
    return f"""\
{machine("numpy", "graphviz-pure", "torch", "torchviz")}.
Measured with `python benchmarks/drawing.py`.

An LSTM with {D} inputs and {H} hidden units, written from the same operations in both libraries; the graph of
the sum of its last hidden state. Seconds, the best of {rounds}; of torchviz's layouts one run, given up
after {LIMIT:g} s, and then not tried for longer sequences.
minigrad's drawing of every operation shows all parameters at every step, and with each edge the gradient that
flows back along it, norms in tooltips included; torchviz shows the backward graph without numbers. Both are
drawn by the same Graphviz executable, torchviz's with `dot`'s layout, which it asks for.

{markdown_table(header, rows)}"""


def main() -> None:
    """Print the section, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, help="numbers of time steps")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each; the best counts")
    parser.add_argument("--write", action="store_true", help="put the result into benchmarks/README.md")
    options = parser.parse_args()
    text = section(tuple(options.lengths), options.rounds)
    print(text)
    if options.write:
        write_section("drawing", "Drawing time", text)


if __name__ == "__main__":
    main()
