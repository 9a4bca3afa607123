"""Deriving ∂E/∂W of a tanh RNN: `derive` beside `sympy.diff` of the unrolled loss, and how long each cell takes.

The net has two units and one input, E = Σ_i h_T,i; SymPy differentiates E by one entry of W, minigrad derives
∂E/∂W and everything else. Both results are first compared on numbers. Each case runs in a process of its own
with a time limit.

Run it with ``python benchmarks/derivations.py``; ``--write`` puts the tables into benchmarks/README.md.
"""

import argparse
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import Any

import numpy as np
import sympy
from report import machine, markdown_table, write_section

import minigrad as mg
from cells import GRU, LSTM, RNN, Attention, AttentionCell, Stacked, unroll
from cells.lstm import VARIANTS
from minigrad.symbolic import derive
from minigrad.symbolic.printing.to_sympy import to_sympy

STEPS = range(1, 11)
UNITS, INPUTS = 2, 1
#: Seconds that a case may take.
LIMIT = 60.0

NOTE = """\
E = Σ_i h_T,i of a tanh RNN with two units and one input. SymPy: `sympy.diff` of the unrolled E by W_11, one
entry of ∂E/∂W; minigrad: `derive(RNN(1, 2))`, in which T is symbolic, with all Jacobians, adjoints and
gradients. Operations are those of `sympy.count_ops` on the printed formulas: SymPy's one expression; for
minigrad T times the equations of one step (values, adjoints, one entry of ∂E/∂W). Characters are those of the
LaTeX. Seconds are processor time, medians of three runs, of one if it took longer than a second; a case that
took longer than {limit:.0f} s was stopped. Up to T = 4 the two gradients were compared on numbers and agreed to 1e-12.

To be fair to SymPy: its result shares common parts in memory, and `sympy.cse` finds them. The column "after
cse" counts operations then. What grows is what `diff` and `cse` have to walk through, and what is printed if
nobody calls `cse`; a reverse sweep keeps the names h_t and δ_t from the start."""


@dataclass(frozen=True)
class Case:
    """The result of one method for one T."""

    seconds: float
    operations: int
    characters: int
    after_cse: int = 0


def unrolled(T: int) -> tuple[sympy.Expr, sympy.Symbol, list[sympy.Symbol]]:
    """E after T steps from h_0 as one SymPy expression, W_11, and all symbols in the order U, W, b, xs, h_0."""
    U = sympy.Matrix(UNITS, INPUTS, sympy.symbols(f"U1:{UNITS * INPUTS + 1}", real=True))
    W = sympy.Matrix(UNITS, UNITS, sympy.symbols(f"W1:{UNITS**2 + 1}", real=True))
    b, h = (sympy.Matrix(sympy.symbols(f"{name}1:{UNITS + 1}", real=True)) for name in "bh")
    xs = sympy.symbols(f"x1:{T + 1}", real=True)
    symbols = [*U, *W, *b, *xs, *h]
    for x in xs:
        h = (U * sympy.Matrix([x]) + W * h + b).applyfunc(sympy.tanh)
    return sum(h), W[0, 0], symbols


def by_sympy(T: int) -> Case:
    """Differentiate the unrolled loss by one entry of W."""
    E, entry, _ = unrolled(T)
    sympy.core.cache.clear_cache()
    start = process_time()
    found = sympy.diff(E, entry)
    seconds = process_time() - start
    shared, rest = sympy.cse(found)
    after = sum(int(sympy.count_ops(part)) for _, part in shared) + sum(int(sympy.count_ops(part)) for part in rest)
    return Case(seconds, int(sympy.count_ops(found)), len(sympy.latex(found)), after)


def by_minigrad(T: int) -> Case:
    """Derive everything, T symbolic, and count what T steps of it are."""
    start = process_time()
    derivation = derive(RNN(INPUTS, UNITS))
    latex = derivation.latex()
    seconds = process_time() - start
    sizes = {"H": UNITS, "D": INPUTS}
    equations = [*derivation.definitions.values(), *derivation.adjoints.values()]
    entries = [entry for one in equations for entry in to_sympy(one, sizes)]
    summand = to_sympy(derivation.gradients["W"].args[0], sizes)[0, 0]
    per_step = sum(int(sympy.count_ops(entry)) for entry in [*entries, summand]) + 1
    return Case(seconds, T * per_step - 1, len(latex))


def agree(T: int) -> bool:
    """True if SymPy's derivative is the engine's, on random numbers."""
    rng = np.random.default_rng(T)
    shapes = {"U": (UNITS, INPUTS), "W": (UNITS, UNITS), "b": (UNITS,)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    xs, h = rng.normal(size=(T, INPUTS)), rng.normal(size=UNITS)
    cell = RNN(INPUTS, UNITS)
    state = type(cell.initial_state())(h)
    exact = mg.grad(lambda p: mg.sum(unroll(cell, p, xs, state).final.h))(params)["W"][0, 0]
    E, entry, symbols = unrolled(T)
    values = np.concatenate([*(part.ravel() for part in params.values()), xs.ravel(), h])
    found = float(sympy.diff(E, entry).subs(dict(zip(symbols, map(float, values), strict=True))))
    return abs(found - exact) < 1e-12 * max(1.0, abs(exact))


# -- running -------------------------------------------------------------------------------------------


def _worker(method: str, T: int, pipe: Any) -> None:
    pipe.send({"sympy": by_sympy, "minigrad": by_minigrad}[method](T))


def limited(method: str, T: int) -> Case | None:
    """One case in a fresh process; None if it took longer than `LIMIT`."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_worker, args=(method, T, there))
    process.start()
    found = here.recv() if here.poll(LIMIT) else None
    process.terminate()
    process.join()
    return found


def measured(method: str, T: int) -> Case | None:
    """The median of three runs, or the only one if that was long enough."""
    first = limited(method, T)
    if first is None or first.seconds > 1:
        return first
    runs = [first, *(again for _ in range(2) if (again := limited(method, T)) is not None)]
    return Case(median(run.seconds for run in runs), first.operations, first.characters, first.after_cse)


def _plain(value: float | None) -> str:
    if value is None:
        return f"over {LIMIT:.0f} s"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def comparison() -> str:
    """The table of T."""
    rows = []
    for T in STEPS:
        theirs, ours = measured("sympy", T), measured("minigrad", T)
        assert ours is not None
        assert T > 4 or agree(T), f"the two gradients differ at T={T}"
        rows.append(
            [
                str(T),
                *(_plain(getattr(theirs, name, None)) for name in ("seconds", "operations", "after_cse", "characters")),
                *(_plain(value) for value in (ours.seconds, ours.operations, ours.characters)),
            ]
        )
        print(" | ".join(rows[-1]), flush=True)
    header = ["T", "SymPy s", "operations", "after cse", "characters", "minigrad s", "operations", "characters"]
    return markdown_table(header, rows)


CELLS: dict[str, Callable[[], Any]] = {
    **{f"RNN {name}": lambda name=name: RNN(2, 3, activation=name) for name in ("tanh", "relu", "sigmoid", "identity")},
    "LSTM": lambda: LSTM(2, 3),
    "LSTM, coupled": lambda: LSTM(2, 3, coupled=True),
    **{f"LSTM, {name}": lambda name=name: LSTM.variant(name, 2, 3) for name in VARIANTS},
    **{
        f"GRU, {reset}, {update}": lambda reset=reset, update=update: GRU(2, 3, reset=reset, update=update)
        for reset in ("before", "after")
        for update in ("keep", "write")
    },
    "Attention": lambda: Attention(3),
    "AttentionCell": lambda: AttentionCell(RNN(3, 3)),
    "Stacked RNN, GRU, LSTM": lambda: Stacked([RNN(2, 3), GRU(3, 2), LSTM(2, 2)]),
}


def each_cell() -> tuple[str, float]:
    """Seconds to derive and print each cell, and all of them together, in this process."""
    rows, total = [], 0.0
    for name, make in CELLS.items():
        times = []
        for _ in range(5):
            start = process_time()
            text = derive(make()).text()
            times.append(process_time() - start)
        total += median(times)
        rows.append([name, f"{1000 * median(times):.1f}", str(len(text))])
    return markdown_table(["cell", "ms", "characters of text"], rows), total


def main() -> None:
    """Measure, print, and with ``--write`` put both tables into the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the section of benchmarks/README.md")
    options = parser.parse_args()
    cells, total = each_cell()
    print(f"all {len(CELLS)} cells: {total:.2f} s\n{cells}")
    table = comparison()
    text = (
        f"{machine('sympy')}. Measured with `python benchmarks/derivations.py`.\n\n{NOTE.format(limit=LIMIT)}\n\n"
        f"{table}\n\n"
        f"All {len(CELLS)} cells and switches below are derived and written as text in {total:.2f} s together "
        f"(processor time, medians of five runs).\n\n{cells}"
    )
    if options.write:
        write_section("derivations", "Formulas: derive beside sympy.diff", text)


if __name__ == "__main__":
    main()
