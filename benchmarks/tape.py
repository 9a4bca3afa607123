"""The tape: time for each operation, for a very long chain, and for the import.

Run it with ``python benchmarks/tape.py``; ``--write`` puts the result into benchmarks/README.md.
"""

import argparse
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from peers import BLOCKS, OPERATIONS, peers
from report import machine, markdown_table, write_section

import minigrad as mg

LENGTH = 100_000


def per_operation(product: bool, rounds: int, repeats: int) -> tuple[dict[str, list[float]], list[str]]:
    """µs for each operation, forward and backward, one number for each round; libraries take turns in a round.

    Processor time, since all libraries run on one thread: other programs on the machine disturb it less.
    """
    found, missing = peers(product)
    _agree(found)
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, (run, operations) in found.items():
            start = process_time()
            for _ in range(repeats):
                run()
            times[name].append((process_time() - start) / repeats / operations * 1e6)
    return times, missing


def _agree(found: dict[str, tuple[Callable[[], Any], int]]) -> None:
    """All libraries must compute the same gradient before their times are compared; this is also the warm-up."""
    expected = found["minigrad"][0]()
    for name, (run, operations) in found.items():
        result = run()
        if operations == OPERATIONS and not np.allclose(result, expected, rtol=1e-8):
            raise SystemExit(f"{name} disagrees with minigrad on the gradient: {result} and {expected}")


def long_chain() -> tuple[float, float, float]:
    """Seconds, peak MiB and MiB left for 100,000 operations, forward and backward."""

    def chain(x: Any) -> Any:
        for _ in range(LENGTH // 2):
            x = mg.tanh(x) + 0.001
        return x.sum()

    x = np.full((1, 8), 0.5)
    start = perf_counter()
    mg.grad(chain)(x)
    seconds = perf_counter() - start
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    mg.grad(chain)(x)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return seconds, (peak - before) / 2**20, (after - before) / 2**20


def import_times(rounds: int) -> dict[str, float]:
    """Milliseconds to import a module, each time in a fresh interpreter; modules take turns. Medians."""
    root = str(Path(__file__).parent.parent)
    times: dict[str, list[float]] = {"numpy": [], "minigrad": []}
    for _ in range(rounds):
        for name, found in times.items():
            code = (
                f"import sys, time; sys.path.insert(0, {root!r}); start = time.perf_counter(); import {name}; "
                "print(time.perf_counter() - start)"
            )
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            found.append(float(done.stdout) * 1e3)
    return {name: median(found) for name, found in times.items()}


def table(product: bool, rounds: int, repeats: int) -> tuple[str, list[str]]:
    """One table, and the libraries that are missing from it."""
    times, missing = per_operation(product, rounds, repeats)
    own = times["minigrad"]
    rows = [
        [
            name,
            f"{median(found):.2f}",
            f"{min(found):.2f}–{max(found):.2f}",
            f"{median(t / m for t, m in zip(found, own, strict=True)):.2f}",
        ]
        for name, found in times.items()
    ]
    title = "with matrix products" if product else "entry by entry"
    return markdown_table([f"{title}, µs per operation", "median", "range", "ratio to minigrad"], rows), missing


def report(rounds: int, repeats: int) -> str:
    """The section for the README."""
    elementwise, missing = table(False, rounds, repeats)
    products, _ = table(True, rounds, repeats)
    seconds, peak, left = long_chain()
    imports = import_times(max(rounds, 11))
    absent = f"Not installed, so not measured: {', '.join(missing)}.\n" if missing else ""
    return f"""\
{machine("numpy", "torch", "autograd", "micrograd")}.
One thread, float64. Measured with `python benchmarks/run.py`.

Forward and backward pass of {BLOCKS} blocks of ten operations on (1, 8) arrays: three multiplies, two adds,
one of them with broadcasting, subtract, negative, exp, tanh, and one more multiply or, in the second table,
the product with an (8, 8) matrix; at the end a sum.
Processor time, medians of {rounds} interleaved rounds of {repeats} runs; the last column is the median of the
rounds' ratios. The libraries are first made to agree on the gradient.
micrograd works on single numbers, and its chain has multiply, add and relu.

{elementwise}

{products}

{absent}A chain of {LENGTH:,} operations: {seconds:.2f} s forward and backward, {peak:.0f} MiB at the peak,
{left:.2f} MiB afterwards.

Import in a fresh interpreter, medians: NumPy {imports["numpy"]:.0f} ms, minigrad (NumPy included)
{imports["minigrad"]:.0f} ms, so {imports["minigrad"] - imports["numpy"]:.0f} ms of its own."""


def main() -> None:
    """Print the section, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds")
    parser.add_argument("--repeats", type=int, default=10, help="runs of each library in a round")
    parser.add_argument("--write", action="store_true", help="put the result into benchmarks/README.md")
    options = parser.parse_args()
    text = report(options.rounds, options.repeats)
    print(text)
    if options.write:
        write_section("tape", "Tape: time per operation, long chains, import", text)


if __name__ == "__main__":
    main()
