"""The adding problem: which cells learn to remember, and over how many steps?

Two numbers in a sequence of T random ones are marked, one in each half; the net reads all of them and
must give the sum of the two at the end. Hochreiter and Schmidhuber, "Long short-term memory", 1997,
section 5.4, in the form of Le, Jaitly and Hinton (2015). Always answering 1 gives a mean squared error
of Var(u₁ + u₂) = 1/6 = 0.167.

Run it with ``python benchmarks/memory_tasks.py``; ``--write`` puts the table into benchmarks/README.md.
"""

import argparse
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from report import write_section
from tqdm import tqdm

import minigrad as mg
from cells import GRU, LSTM, RNN, unroll
from cells.initializers import glorot
from minigrad.optim import Adam, clip_by_norm, global_norm

HIDDEN, BATCH = 32, 32
#: Of the gradient's norm; and the mean error of 50 batches below which the problem counts as solved.
LIMIT, SOLVED = 1.0, 0.005

#: The plain cell gets two learning rates, of which the better counts; the gated cells need no choice.
CELLS: dict[str, tuple[Any, tuple[float, ...]]] = {
    "RNN": (RNN, (3e-3, 1e-3)),
    "GRU": (GRU, (1e-2,)),
    "LSTM": (LSTM, (1e-2,)),
}


@dataclass(frozen=True)
class Result:
    """One training run: when the error fell below `SOLVED` (None: never), and what it was on new sequences."""

    solved_after: int | None
    error: float
    reach_untrained: float
    reach_trained: float
    seconds: float


def adding_problem(rng: np.random.Generator, T: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (T, batch, 2), numbers in [0, 1] beside marks, and targets (batch,)."""
    numbers, marks, rows = rng.uniform(0, 1, (T, batch)), np.zeros((T, batch)), np.arange(batch)
    marks[rng.integers(0, T // 2, batch), rows] = 1
    marks[rng.integers(T // 2, T, batch), rows] = 1
    xs = np.stack([numbers, marks], -1).astype(np.float32)
    return xs, (numbers * marks).sum(0).astype(np.float32)


def predict(cell: Any, params: dict[str, Any], xs: Any, state: Any = None) -> Any:
    """v · h_T + c for every sequence."""
    h = unroll(cell, params["cell"], xs, state).final.h
    return mg.sum(params["v"] * h, -1) + params["c"]


def reach(cell: Any, params: dict[str, Any], xs: np.ndarray) -> float:
    """The share of the gradient that arrives at the initial state: ‖∂ŷ/∂state_0‖ / ‖∂ŷ/∂h_T‖, where ∂ŷ/∂h_T = v."""
    state = cell.initial_state(xs.shape[1:-1], xs.dtype)
    gradient = mg.grad(lambda state: predict(cell, params, xs, state).sum())(state)
    return global_norm(gradient) / (global_norm(params["v"]) * xs.shape[1] ** 0.5)


def train(cell: Any, T: int, lr: float, steps: int, seed: int, quiet: bool = False) -> Result:
    """Train with Adam and clipping until the error of the last 50 batches is below `SOLVED`, or for `steps` steps."""
    rng = np.random.default_rng(seed)
    v = glorot(rng, (1, HIDDEN), np.float32)[0]
    params = {"cell": cell.init(rng, np.float32), "v": v, "c": np.zeros((), np.float32)}

    def loss(params: dict[str, Any], xs: Any, targets: Any) -> Any:
        return mg.mean((predict(cell, params, xs) - targets) ** 2)

    loss_and_gradient, optimizer = mg.value_and_grad(loss), Adam(lr)
    state, recent, solved_after, start = optimizer.init(params), [], None, perf_counter()
    at_first = reach(cell, params, adding_problem(rng, T, BATCH)[0])
    bar = tqdm(
        range(1, steps + 1), desc=f"{type(cell).__name__} T={T} lr={lr:g} seed={seed}", disable=quiet, leave=False
    )
    for step in bar:
        value, gradient = loss_and_gradient(params, *adding_problem(rng, T, BATCH))
        params, state = optimizer.step(params, clip_by_norm(gradient, LIMIT), state)
        recent = [*recent[-49:], float(value)]
        if step % 10 == 0:
            bar.set_postfix(error=f"{np.mean(recent):.4f}")
        if len(recent) == 50 and np.mean(recent) < SOLVED:
            solved_after = step
            break
    seconds = perf_counter() - start
    at_last = reach(cell, params, adding_problem(rng, T, BATCH)[0])
    return Result(solved_after, float(loss(params, *adding_problem(rng, T, 1000))), at_first, at_last, seconds)


def row(name: str, T: int, results: list[Result]) -> str:
    """One line of the table: medians over the seeds."""
    steps = [result.solved_after for result in results if result.solved_after is not None]
    after = f"{median(steps):.0f}" if steps else "never"
    keys = ("error", "reach_untrained", "reach_trained", "seconds")
    error, before, trained, seconds = (median(getattr(result, key) for result in results) for key in keys)
    solved = f"{len(steps)} of {len(results)}"
    return f"| {T} | {name} | {solved} | {after} | {error:.4f} | {before:.0e} → {trained:.0e} | {seconds:.0f} |"


def table(lengths: list[int], seeds: int, steps: int) -> str:
    """Every cell at every length, as Markdown."""
    lines = [
        "| T | cell | solved | after steps | error | gradient at t=0, untrained → trained | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for T in lengths:
        for name, (make, rates) in CELLS.items():
            tries = [[train(make(2, HIDDEN), T, lr, steps, seed) for seed in range(seeds)] for lr in rates]
            best = min(tries, key=lambda results: median(result.error for result in results))
            lines.append(row(name, T, best))
            tqdm.write(lines[-1])
    settings = (
        f"{HIDDEN} hidden units, batches of {BATCH}, float32, Adam, gradients clipped to norm {LIMIT:g}, at most "
        f"{steps} steps, medians over {seeds} seeds (of the steps: over the runs that solved it). Solved: the mean "
        f"error of 50 batches is below {SOLVED}; the error is that on 1000 new sequences, and 1/6 = 0.167 is what "
        "always answering 1 gives. Learning rate 0.01 for GRU and LSTM; for the RNN the better of 0.003 and 0.001. "
        "The gradient at t=0 is ‖∂ŷ/∂(initial state)‖ relative to ‖∂ŷ/∂h_T‖."
    )
    return f"{settings}\n\n" + "\n".join(lines)


def main() -> None:
    """Print the table, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=[10, 50, 100], help="sequence lengths T")
    parser.add_argument("--seeds", type=int, default=3, help="runs for each cell and length")
    parser.add_argument("--steps", type=int, default=2000, help="the most steps of one run")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    options = parser.parse_args()
    text = table(options.lengths, options.seeds, options.steps)
    print(text)
    if options.write:
        write_section("memory-tasks", "Memory: the adding problem", text)


if __name__ == "__main__":
    main()
