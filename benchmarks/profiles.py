"""Where the time of a plan goes: its calls by kind, and the making of it by pass.

``python benchmarks/profiles.py`` prints the tables, ``--write`` puts them into benchmarks/README.md.
"""

import one_thread

# isort: split
import argparse
import cProfile
from collections.abc import Callable, Iterable
from pstats import Stats
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from limits import limit
from problems import SIZES, make, minigrad_step
from report import machine, markdown_table, write_section

import minigrad as mg

CASES = ("LSTM small float32", "LSTM medium float32", "GRU medium float32", "LSTM large float32")
#: The case of which the planning is profiled: T = 100.
PLANNED = "LSTM medium float32"
KINDS = ("products", "tanh, exp, log", "sums, largest", "entry by entry", "copies", "other")
_TRANSCENDENTAL = (np.tanh, np.exp, np.log)
#: The stages of planning, by the functions that do them.
STAGES = {
    "tracing, twice": ("capture",),
    "simplify, shared, sigmoid": ("simplified", "share_parts", "sigmoid_by_tanh"),
    "products: fusing and packing": ("fuse_products", "fuse_sums_of_products", "pack_slices"),
    "sums over time, outer products": ("sum_over_time", "fuse_outer_products", "common_factors"),
    "regroup, batch": ("regroup", "batch"),
    "merging slices": ("merge_slices", "copy_shared_slices"),
    "blocks, unpack, contractions, layout": (
        "multiply_blocks", "unpack", "contract_products", "lay_out_matrices",
    ),
    "memory and its order": ("Storage.__init__",),
    "calls": ("_calls",),
}  # fmt: skip


def kind_of(f: Any) -> str:
    """The kind of a call in a plan."""
    owner = getattr(f, "__self__", f)
    if f in (np.matmul, np.dot) or getattr(f, "__name__", "") in ("_store_rows", "_store_blocks", "_store"):
        return "products"
    if f in _TRANSCENDENTAL:
        return "tanh, exp, log"
    if isinstance(owner, np.ufunc) and owner is not f:
        return "sums, largest"
    if isinstance(f, np.ufunc):
        return "entry by entry"
    return "copies" if f is np.copyto else "other"


def _empty() -> None:
    """A call that does nothing: what measuring itself costs."""


def by_kind(calls: Iterable[tuple[Callable[..., Any], tuple[Any, ...]]], rounds: int) -> dict[str, float]:
    """Milliseconds of a replay by kind of call, medians of the rounds, without what measuring costs."""
    calls = list(calls)
    kinds = [kind_of(f) for f, _ in calls]
    cost = median(_elapsed(_empty, ()) for _ in range(2000))
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        total = dict.fromkeys(KINDS, 0.0)
        for kind, (f, args) in zip(kinds, calls, strict=True):
            total[kind] += _elapsed(f, args) - cost
        for kind, seconds in total.items():
            found[kind].append(seconds * 1e3)
    return {kind: median(times) for kind, times in found.items()}


def _elapsed(f: Callable[..., Any], args: tuple[Any, ...]) -> float:
    start = perf_counter()
    f(*args)
    return perf_counter() - start


def column(case: str) -> dict[str, str]:
    """One case: milliseconds by kind, all of them, and the limit."""
    cell, size, dtype = case.split()
    problem = make(cell, SIZES[size], dtype)
    args = (problem.params, problem.xs, problem.ys)
    compiled = mg.compile(minigrad_step(problem))
    compiled(*args)
    bound = limit(problem)
    assert bound is not None, "recurrent cells have a limit"
    rounds = 5 if size == "large" else 30
    limits = []
    for _ in range(rounds):
        limits.append(_elapsed(bound, ()) * 1e3)
    times = by_kind(compiled.plan(*args).calls, rounds)
    whole = sum(times.values())
    shown = {kind: f"{ms:.3g} ({ms / whole:.0%})" for kind, ms in times.items()}
    return shown | {"all calls": f"{whole:.3g}", "the limit: products and tanh": f"{median(limits):.3g}"}


def planning() -> list[list[str]]:
    """Every stage's share of the time of tracing and planning, by Python's profiler, and the time without it."""
    cell, size, dtype = PLANNED.split()
    problem = make(cell, SIZES[size], dtype)
    args = (problem.params, problem.xs, problem.ys)
    seconds = []
    for _ in range(9):
        start = process_time()
        mg.compile(minigrad_step(problem)).plan(*args)
        seconds.append(process_time() - start)
    profile = cProfile.Profile()
    profile.runcall(mg.compile(minigrad_step(problem)).plan, *args)
    stats: Any = Stats(profile)
    spent: dict[str, float] = {}
    for (file, _, name), (_, _, _, cumulative, _) in stats.stats.items():
        if "minigrad/compiler" in file.replace("\\", "/"):
            called = "Storage.__init__" if name == "__init__" and file.endswith("storage.py") else name
            spent[called] = max(spent.get(called, 0.0), cumulative)
    shares = {stage: sum(spent[name] for name in names) / stats.total_tt for stage, names in STAGES.items()}
    shares["the rest"] = 1 - sum(shares.values())
    rows = [[stage, f"{share:.0%}"] for stage, share in shares.items()]
    return [*rows, ["all, processor seconds without the profiler", f"{median(seconds):.2f}"]]


def main() -> None:
    """Print the section, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help="put the result into benchmarks/README.md")
    options = parser.parse_args()
    planned = planning()
    columns = {case: column(case) for case in CASES}
    rows = [[name, *(found[name] for found in columns.values())] for name in columns[CASES[0]]]
    text = f"""\
{machine("numpy")}; {one_thread.load()}.
Measured with `python benchmarks/profiles.py`.

Milliseconds of one replay of the plan on NumPy by kind of call, medians, in brackets the share of all calls; one
thread. Every call is timed by itself, so that together they take a little longer than a replay. The limit is the
step's products and tanh alone, in one NumPy call for each.

{markdown_table(["call", *columns], rows)}

Making the plan of {PLANNED} (T = 100): the share of each stage by Python's profiler.

{markdown_table(["stage", "share"], planned)}"""
    print(text)
    if options.write:
        write_section("profiles", "Where the time of a plan goes", text)


if __name__ == "__main__":
    main()
