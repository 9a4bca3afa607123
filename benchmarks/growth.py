"""Growth of time and memory with the length of a sequence: 100, 1,000 and 10,000 steps.

``python benchmarks/growth.py`` prints the table, ``--write`` puts it into benchmarks/README.md. Each measurement
runs in a process of its own, so that its peak memory is its own.
"""

import one_thread

# isort: split
import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from math import isqrt
from statistics import median
from time import perf_counter, process_time
from typing import Any

from problems import make, minigrad_step
from report import machine, markdown_table, write_section
from step_peers import jax_scan, torch_layer, torch_loop
from tqdm import tqdm

import minigrad as mg
from cells import unroll

#: B, D, H
BATCH, INPUTS, HIDDEN = 8, 16, 32
LENGTHS = (100, 1_000, 10_000)
HEADER = ["contestant", "T", "µs a step", "KiB a step, peak", "KiB a step, plan's arrays", "first result, s"]
LIBRARIES = {
    "plan": "numpy",
    "plan, fast": "numba",
    "plan, checkpoints kept": "numpy",
    "tape": "numpy",
    "torch layer": "torch",
    "torch eager loop": "torch",
    "JAX scan": "jax",
}


def segmented(length: int) -> Callable[..., Any]:
    """The same step with its T steps in checkpointed segments of about √T, the loss taken inside of them."""

    def build(problem: Any) -> Callable[..., Any]:
        @mg.checkpoint
        def segment(params: Any, state: Any, xs: Any, ys: Any) -> Any:
            run = unroll(problem.cell, params["cell"], xs, state)
            return run.final, problem.readout.loss(params["readout"], run.outputs, ys)

        def loss(params: Any, xs: Any, ys: Any) -> Any:
            state, total = problem.cell.initial_state((BATCH,), problem.xs.dtype), 0.0
            for t in range(0, len(ys), length):
                state, part = segment(params, state, xs[t : t + length], ys[t : t + length])
                total = total + part
            return total

        return mg.value_and_grad(loss, wrt=(0, 1))

    return build


def step_of(name: str, steps: int) -> tuple[Callable[[], Any], Any]:
    """A contestant's step, and its plan if it has one."""
    problem = make("LSTM", (steps, BATCH, INPUTS, HIDDEN), "float32")
    peers = {"torch layer": torch_layer, "torch eager loop": torch_loop, "JAX scan": jax_scan}
    if name in peers:
        return peers[name](problem), None
    args = (problem.params, problem.xs, problem.ys)
    if name == "tape":
        step = minigrad_step(problem)
        return lambda: step(*args), None
    kept = name.endswith("kept")
    step = segmented(isqrt(steps))(problem) if kept else minigrad_step(problem)
    compiled = mg.compile(step, backend="fast" if name.endswith("fast") else "numpy", keep_checkpoints=kept)
    return lambda: compiled(*args), lambda: compiled.plan(*args)


def measure(name: str, steps: int) -> dict[str, float]:
    """Seconds to the first result, µs a step, KiB a step at the peak, and KiB a step of a plan's arrays."""
    step_of(name, 10)[0]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = process_time()
    run, plan = step_of(name, steps)
    run()
    first = process_time() - start
    times, end = [], perf_counter() + 3
    while perf_counter() < end or len(times) < 3:
        start = process_time()
        run()
        times.append(process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    found = {"first": first, "time": median(times) / steps * 1e6, "peak": peak / steps}
    if plan is not None:
        made = plan()
        bodies = {node.params["body"].plan for node in made.storage.order if node.op == "segment"}
        found["arrays"] = sum(part.storage.allocated for part in (made, *bodies)) / 1024 / steps
    return found


def section(rows: list[list[str]]) -> str:
    """The text for the README."""
    return f"""\
{machine("numpy", "numba", "torch", "jax")}; {one_thread.load()}.
Measured with `python benchmarks/growth.py`.

One training step of an LSTM, B = {BATCH}, D = {INPUTS}, H = {HIDDEN}, float32, one thread; processor time, medians of
at least three runs. Linear growth is a constant column. Peak memory is how far the process grew beyond one that
had run ten steps, divided by T; it includes tracing, planning and compiling, and the allocator's reserve, which
weighs most for the shortest. A plan's arrays are what it needs while it runs, inputs not counted, gradients included.
Segments of kept checkpoints have √T steps.

{markdown_table(HEADER, rows)}"""


def main() -> None:
    """Measure in processes of their own, print the section, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, help="numbers of time steps")
    parser.add_argument("--only", nargs="+", choices=LIBRARIES, default=list(LIBRARIES), help="contestants")
    parser.add_argument("--write", action="store_true", help="put the result into benchmarks/README.md")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "T"), help="one measurement, as JSON")
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(measure(options.one[0], int(options.one[1]))))
        return
    names = [name for name in options.only if find_spec(LIBRARIES[name]) is not None]
    rows = []
    for name, steps in tqdm([(name, steps) for name in names for steps in options.lengths]):
        command = [sys.executable, __file__, "--one", name, str(steps)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        arrays = f"{found['arrays']:.1f}" if "arrays" in found else "–"
        rows.append(
            [name, f"{steps:,}", f"{found['time']:.1f}", f"{found['peak']:.0f}", arrays, f"{found['first']:.1f}"]
        )
        tqdm.write(" ".join(rows[-1]))
    text = section(rows)
    print(text)
    if options.write:
        write_section("growth", "Growth with the length of the sequence", text)


if __name__ == "__main__":
    main()
