"""One training step (forward, softmax cross-entropy over time, all gradients) of a plan against PyTorch.

Run with one thread: ``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/training_step.py``. Rounds of
all contestants are interleaved, so that what else the machine does meets all of them; the ratio is that of the
medians. ``--passes`` prints instead what leaving each pass out costs. ``--write`` puts the table into
``benchmarks/README.md``. PyTorch is needed for the comparison; without it the plan is timed alone.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from cells import GRU, LSTM, RNN, AttentionCell, Readout, unroll
from minigrad.plan import PASSES

torch: Any = None
if find_spec("torch") is not None:
    import torch

#: T, B, D, H
SIZES = {
    "tiny": (20, 1, 4, 8),
    "small": (50, 8, 16, 32),
    "medium": (100, 32, 64, 128),
    "large": (200, 64, 256, 512),
}
CELLS: dict[str, Callable[[int, int], Any]] = {
    "LSTM": LSTM,
    "GRU": lambda D, H: GRU(D, H, reset="after"),
    "RNN": RNN,
    "attention": lambda D, H: AttentionCell(LSTM(D, H)),
}
#: The ratio to PyTorch that is aimed at.
GOALS = {
    ("LSTM", "float32"): {"tiny": 0.5, "small": 1.4, "medium": 1.3, "large": 1.05},
    ("LSTM", "float64"): {"tiny": 0.2, "small": 0.5, "medium": 1.0},
    ("GRU", "float32"): {"small": 0.5, "medium": 0.9},
    ("RNN", "float32"): {"small": 0.3, "medium": 0.8},
    ("attention", "float32"): {"small": 0.35, "medium": 0.6},
}
MARKS = ("<!-- training step: begin -->", "<!-- training step: end -->")

Step = Callable[[], Any]


def ours(cell_name: str, size: str, dtype: str, passes: frozenset[str] | None = None) -> tuple[Step, Any, Any]:
    """The compiled step, the function behind it, and its arguments."""
    T, B, D, H = SIZES[size]
    rng = np.random.default_rng(0)
    cell = CELLS[cell_name](D, H)
    readout = Readout(H, D)
    kind = np.dtype(dtype)
    params = {"cell": cell.init(rng, kind), "readout": readout.init(rng, kind)}
    xs = rng.standard_normal((T, B, D)).astype(kind)
    ys = rng.integers(0, D, (T, B))

    def loss(params: Any, xs: Any, ys: Any) -> Any:
        return readout.loss(params["readout"], unroll(cell, params["cell"], xs).outputs, ys)

    args = (params, xs, ys)
    compiled = mg.compile(mg.value_and_grad(loss, wrt=(0, 1)), passes=passes)
    return (lambda: compiled(*args)), compiled, args


def theirs(cell_name: str, args: Any) -> Step:
    """The same step in PyTorch: its own fused layer, or for attention an eager loop with cached keys."""
    params, xs, ys = args
    T, _, D = xs.shape
    H = params["readout"]["V"].shape[1]
    dtype = torch.float32 if xs.dtype == np.float32 else torch.float64
    x = torch.tensor(xs, requires_grad=True)
    targets = torch.tensor(ys.reshape(-1))
    if cell_name == "attention":
        weights = [x, *(torch.tensor(p, requires_grad=True) for p in _leaves(params))]
        run = _attention_loop(params, weights, T)
    else:
        layer = getattr(torch.nn, cell_name)(D, H).to(dtype)
        V = torch.nn.Linear(H, D).to(dtype)
        weights = [x, *layer.parameters(), *V.parameters()]
        run = lambda x: V(layer(x)[0])  # noqa: E731

    def step() -> Any:
        for weight in weights:
            weight.grad = None
        logits = run(x)
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, D), targets, reduction="sum")
        loss.backward()
        return loss

    return step


def _leaves(params: Any) -> list[np.ndarray]:
    return mg.tree.flatten(params)[0]


def _attention_loop(params: Any, weights: list[Any], T: int) -> Callable[[Any], Any]:
    """An LSTM with additive attention over its earlier states, gates in one product, keys computed once each."""
    leaves = iter(weights[1:])
    p = mg.tree.tree_map(lambda _: next(leaves), params)
    inner, attention, readout = p["cell"]["inner"], p["cell"]["attention"], p["readout"]

    def run(x: Any) -> Any:
        U, W, b = (torch.cat([inner[f"{letter}_{k}"] for k in "ifgo"]) for letter in "UWb")
        inputs = x @ p["cell"]["P"].T
        h = c = x.new_zeros(x.shape[1], W.shape[1])
        memory, keys, outputs = [h], [h @ attention["U"].T], []
        for t in range(T):
            m = torch.stack(memory)
            scores = torch.tanh(h @ attention["W"].T + torch.stack(keys)) @ attention["v"]
            context = (torch.softmax(scores, 0)[..., None] * m).sum(0)
            a = (inputs[t] + context @ p["cell"]["C"].T) @ U.T + h @ W.T + b
            i, f, g, o = a.chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            memory.append(h)
            keys.append(h @ attention["U"].T)
            outputs.append(h)
        return torch.stack(outputs) @ readout["V"].T + readout["c"]

    return run


def medians(steps: dict[str, Step], seconds: float) -> dict[str, float]:
    """Milliseconds of each step: medians over interleaved rounds, after a warm-up."""
    for step in steps.values():
        step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[next(iter(times))]) < 5:
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - start)
    return {name: 1e3 * statistics.median(found) for name, found in times.items()}


def compare(cells: list[str], sizes: list[str], dtypes: list[str], seconds: float) -> list[str]:
    """The table's rows, printed as they come."""
    head = "| cell | size | dtype | plan, ms | PyTorch, ms | ratio | goal | calls | planning, s | memory, MiB |"
    lines = [head, "|---|---|---|---|---|---|---|---|---|---|"]
    print("\n".join(lines))
    for cell in cells:
        for size in sizes:
            for dtype in dtypes:
                step, compiled, args = ours(cell, size, dtype)
                start = time.perf_counter()
                plan = compiled.plan(*args)
                planning = time.perf_counter() - start
                steps = {"plan": step} | ({} if torch is None else {"torch": theirs(cell, args)})
                found = medians(steps, seconds)
                ratio = found["plan"] / found["torch"] if "torch" in found else float("nan")
                goal = GOALS.get((cell, dtype), {}).get(size)
                lines.append(
                    f"| {cell} | {size} | {dtype} | {found['plan']:.3g} | {found.get('torch', float('nan')):.3g} "
                    f"| {ratio:.2f} | {'' if goal is None else f'≤ {goal}'} | {len(plan.calls)} "
                    f"| {planning:.2f} | {plan.storage.allocated / 2**20:.2f} |"
                )
                print(lines[-1], flush=True)
    return lines


def by_pass(cells: list[str], sizes: list[str], dtypes: list[str], seconds: float) -> list[str]:
    """How much slower a step becomes when one pass is left out."""
    lines = ["| left out | " + " | ".join(f"{c} {s} {d}" for c in cells for s in sizes for d in dtypes) + " |"]
    lines.append("|---" * (lines[0].count("|") - 1) + "|")
    columns = []
    for cell in cells:
        for size in sizes:
            for dtype in dtypes:
                steps = {"": ours(cell, size, dtype)[0]}
                steps |= {name: ours(cell, size, dtype, frozenset(PASSES) - {name})[0] for name in PASSES}
                found = medians(steps, seconds)
                columns.append({name: found[name] / found[""] for name in PASSES})
    lines += [f"| {name} | " + " | ".join(f"×{column[name]:.2f}" for column in columns) + " |" for name in PASSES]
    print("\n".join(lines))
    return lines


def write(lines: list[str]) -> None:
    """Put the table between this benchmark's marks in the README, and leave the rest as it is."""
    path = Path(__file__).parent / "README.md"
    text = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    versions += "" if torch is None else f", PyTorch {torch.__version__}"
    command = "OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/training_step.py --write"
    section = "\n".join(
        [
            MARKS[0],
            "## One training step",
            "",
            "Forward, softmax cross-entropy over time, gradients of all parameters and of the inputs. One thread;",
            f"medians of interleaved rounds. {versions}; {platform.machine()}.",
            f"Made by `{command}`.",
            f"Load average at the end, of all on the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
            "",
            *lines,
            MARKS[1],
        ]
    )
    if MARKS[0] in text:
        before, rest = text.split(MARKS[0])
        text = before + section + rest.split(MARKS[1])[1]
    else:
        text = text.rstrip() + "\n\n" + section + "\n"
    path.write_text(text, encoding="utf-8")


def main() -> int:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["tiny", "small", "medium"])
    parser.add_argument("--dtypes", nargs="+", choices=["float32", "float64"], default=["float32", "float64"])
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each row")
    parser.add_argument("--passes", action="store_true", help="what leaving each pass out costs")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    options = parser.parse_args()
    if torch is not None:
        torch.set_num_threads(1)
    table = by_pass if options.passes else compare
    lines = table(options.cells, options.sizes, options.dtypes, options.seconds)
    if options.write and not options.passes:
        write(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
