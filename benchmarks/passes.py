"""The gain of each pass of a plan: how much slower a training step is without it.

``python benchmarks/passes.py`` prints the table, ``--write`` puts it into benchmarks/README.md.
"""

import one_thread

# isort: split
import argparse
from collections.abc import Callable
from statistics import median
from typing import Any

from problems import CELLS, SIZES, make, minigrad_step
from report import machine, markdown_table, write_section
from training_step import PLAN, timed

import minigrad as mg
from minigrad.compiler import PASSES

CASES = ("LSTM tiny float32", "LSTM small float32", "LSTM medium float32", "GRU small float32", "LSTM small float64")


def column(case: str, seconds: float) -> dict[str, str]:
    """The slow-down for each pass: medians of the ratios of interleaved rounds."""
    cell, size, dtype = case.split()
    problem = make(cell, SIZES[size], dtype)
    step, args = minigrad_step(problem), (problem.params, problem.xs, problem.ys)

    def compiled(left_out: str) -> Callable[[], Any]:
        run = mg.compile(step, passes=frozenset(PASSES) - {left_out})
        return lambda: run(*args)

    steps = {PLAN: compiled("")} | {name: compiled(name) for name in PASSES}
    times = timed(steps, seconds)
    return {
        name: f"{median(t / whole for t, whole in zip(times[name], times[PLAN], strict=True)):.2f}" for name in PASSES
    }


def main() -> None:
    """Print the section, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    known = [f"{cell} {size} {dtype}" for cell in CELLS for size in SIZES for dtype in ("float32", "float64")]
    parser.add_argument("--cases", nargs="+", choices=known, default=CASES, metavar="CASE", help="'LSTM small float32'")
    parser.add_argument("--seconds", type=float, default=15.0, help="time for each column")
    parser.add_argument("--write", action="store_true", help="put the result into benchmarks/README.md")
    options = parser.parse_args()
    columns = {}
    for case in options.cases:
        columns[case] = column(case, options.seconds)
        print(case, columns[case], flush=True)
    rows = [[f"{name}: {what}", *(found[name] for found in columns.values())] for name, what in PASSES.items()]
    text = f"""\
{machine("numpy")}; {one_thread.load()}.
Measured with `python benchmarks/passes.py`.

The time of a training step without one pass, divided by that with all of them, on NumPy alone: above 1 the pass
makes it faster. Processor time, medians of the ratios of interleaved rounds; a few percent are noise. Passes
overlap: what one leaves undone another may do in part.

{markdown_table(["left out", *columns], rows)}"""
    print(text)
    if options.write:
        write_section("passes", "What each pass is worth", text)


if __name__ == "__main__":
    main()
