"""One training step of every library, beside each other and beside the limit.

``python benchmarks/training_step.py`` prints the table, ``--write`` puts it into benchmarks/README.md. Peers are
optional: ``pip install torch "jax[cpu]" autograd``, and ``numba scipy`` for the second backend.
All of them are first made to agree on the gradient of the inputs. Everything runs on one thread of one processor.
"""

import one_thread

# isort: split
import argparse
import sys
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from limits import limit
from problems import CELLS, SIZES, Problem, make, minigrad_step
from report import machine, markdown_table, write_section
from step_peers import PEER_NAMES, Step, step_peers

import minigrad as mg

#: The ratio to PyTorch (its layer, or its eager loop for attention) that is aimed at, on NumPy and with Numba.
GOALS = {
    ("LSTM", "float32"): {"tiny": 0.5, "small": 1.4, "medium": 1.3, "large": 1.05},
    ("LSTM", "float64"): {"tiny": 0.2, "small": 0.5, "medium": 1.0},
    ("GRU", "float32"): {"small": 0.5, "medium": 0.9},
    ("RNN", "float32"): {"small": 0.3, "medium": 0.8},
    ("attention", "float32"): {"small": 0.35, "medium": 0.6},
}
FAST_GOALS = {("LSTM", "float32"): {"small": 0.5, "medium": 0.95}}
PLAN, FAST, EAGER = "plan", "plan, fast", "minigrad eager"
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
#: Seconds of one round's share of a contestant: the quick ones run several times.
SHARE = 2e-3


def own_steps(problem: Problem) -> tuple[dict[str, Step], dict[str, float], Any]:
    """minigrad's steps; seconds of processor time until the first result of each; the plan on NumPy."""
    step, args = minigrad_step(problem), (problem.params, problem.xs, problem.ys)
    plans = {PLAN: mg.compile(step)}
    if find_spec("numba") is not None and find_spec("scipy") is not None:
        plans[FAST] = mg.compile(step, backend="fast")
    first = {}
    for name, compiled in plans.items():
        start = process_time()
        compiled(*args)
        first[name] = process_time() - start
    runs: dict[str, Callable[..., Any]] = {**plans, EAGER: step}
    return {name: (lambda run=run: run(*args)[1][1]) for name, run in runs.items()}, first, plans[PLAN].plan(*args)


def agree(steps: dict[str, Step], dtype: str) -> dict[str, float]:
    """Hold all gradients to the eager engine's; the seconds that each took, which for JAX is compiling."""
    expected = steps[EAGER]()
    first = {}
    for name, step in steps.items():
        start = process_time()
        found = step()
        first[name] = process_time() - start
        error = float(np.abs(found - expected).max() / np.abs(expected).max())
        if not error < TOLERANCE[dtype]:
            raise SystemExit(f"{name} disagrees on the gradient of the inputs by {error:.1e}")
    return first


def timed(steps: dict[str, Step], seconds: float) -> dict[str, list[float]]:
    """Milliseconds of processor time of each step, one number for each round; all take turns in a round."""
    repeats = {}
    for name, step in steps.items():
        start = perf_counter()
        step()
        repeats[name] = max(1, min(20, int(SHARE / (perf_counter() - start))))
    times: dict[str, list[float]] = {name: [] for name in steps}
    end = perf_counter() + seconds
    while perf_counter() < end or len(times[PLAN]) < 5:
        for name, step in steps.items():
            start = process_time()
            for _ in range(repeats[name]):
                step()
            times[name].append((process_time() - start) / repeats[name] * 1e3)
    return times


def row(cell: str, size: str, dtype: str, seconds: float) -> list[str]:
    """One line of the table."""
    problem = make(cell, SIZES[size], dtype)
    steps, first, plan = own_steps(problem)
    steps |= step_peers(problem, size)
    first = agree(steps, dtype) | first
    bound = limit(problem)
    times = timed(steps | ({} if bound is None else {"limit": bound}), seconds)
    reference = times.get("nn layer", times.get("eager loop"))
    cells = [f"{cell} {size} {dtype}"]
    for name in (PLAN, FAST):
        cells += [_number(times.get(name)), _ratio(times.get(name), reference)]
    goal, fast_goal = (goals.get((cell, dtype), {}).get(size) for goals in (GOALS, FAST_GOALS))
    cells.append(" / ".join(f"≤ {g}" for g in (goal, fast_goal) if g is not None))
    cells += [_number(reference)]
    cells += [_ratio(times.get(name), reference) for name in (EAGER, *PEER_NAMES[1:])]
    cells += [
        _number(times.get("limit")),
        _ratio(times[PLAN], times.get("limit")),
        _ratio(times.get(FAST), times.get("limit")),
    ]
    cells += [f"{first[name]:.1f}" if name in first else "–" for name in (PLAN, FAST, "JAX scan")]
    return [*cells, f"{len(plan.calls)}", f"{plan.storage.allocated / 2**20:.2f}"]


HEADER = [
    "cell, size, dtype", "plan ms", "ratio", "fast ms", "ratio", "goals", "torch ms",
    "tape", "torch Cell loop", "torch eager loop", "JAX scan", "HIPS autograd",
]  # fmt: skip
DETAILS = [
    "limit ms", "plan / limit", "fast / limit", "plan: first s", "fast: first s", "JAX: first s", "calls", "MiB",
]  # fmt: skip


def _number(times: list[float] | None) -> str:
    return "–" if times is None else f"{median(times):.3g}"


def _ratio(times: list[float] | None, reference: list[float] | None) -> str:
    """The median of the rounds' ratios."""
    if times is None or reference is None:
        return "–"
    return f"{median(t / r for t, r in zip(times, reference, strict=True)):.2f}"


def section(rows: list[list[str]], load: str) -> str:
    """The text for the README."""
    shapes = ", ".join(f"{name} {shape}" for name, shape in SIZES.items())
    return f"""\
{machine("numpy", "scipy", "numba", "torch", "jax", "autograd")}; {load}.
Measured with `python benchmarks/training_step.py`.

Forward pass, readout, softmax cross-entropy over time, gradients of all parameters and of the inputs; one thread.
(T, B, D, H): {shapes}.
Processor time, medians of interleaved rounds; every ratio is the median of the rounds' ratios to PyTorch's layer
(torch.nn.LSTM, GRU, RNN; for attention its eager loop with cached keys), below 1 is faster. Before anything is
timed all must agree on the gradient of the inputs. "plan" is `mg.compile` on NumPy alone, "fast" the backend
with Numba, "tape" minigrad without a plan. Goals are those of the plan, then of "fast" where it has its own.
micrograd has neither tanh nor exp and cannot run a step; HIPS autograd runs up to small.

{markdown_table(HEADER, [row[: len(HEADER)] for row in rows])}

The limit is the step's products and tanh alone, by NumPy. Seconds are those until the first result: tracing,
planning, compiling. Calls and MiB are those of the plan on NumPy.

{markdown_table([HEADER[0], *DETAILS], [[row[0], *row[len(HEADER) :]] for row in rows])}"""


def main() -> None:
    """Print rows as they come, and write the section if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["tiny", "small", "medium"])
    parser.add_argument("--dtypes", nargs="+", choices=TOLERANCE, default=list(TOLERANCE))
    parser.add_argument("--large", action="store_true", help="the large size too, float32, without attention")
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each row")
    parser.add_argument("--write", action="store_true", help="put the result into benchmarks/README.md")
    options = parser.parse_args()
    cases = [(c, s, d) for c in options.cells for s in options.sizes for d in options.dtypes]
    if options.large:
        cases += [(cell, "large", "float32") for cell in options.cells if cell != "attention"]
    print(markdown_table(HEADER + DETAILS, []))
    rows = []
    for case in cases:
        rows.append(row(*case, options.seconds))
        print(f"| {' | '.join(rows[-1])} |", flush=True)
    if options.write:
        write_section("training-step", "One training step", section(rows, one_thread.load()))


if __name__ == "__main__":
    sys.exit(main())
