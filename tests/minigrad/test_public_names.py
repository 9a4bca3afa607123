"""The public names, what each file exports, which way imports point, and what importing costs."""

import ast
import dataclasses
import importlib
import inspect
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest

import cells
import minigrad as mg
import viz
from cells import claims
from minigrad import symbolic, testing

ROOT = Path(mg.__file__).parent.parent
PACKAGES = ("minigrad", "cells", "viz")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))

NAMES = [
    "tensor",
    "symbol",
    "add",
    "subtract",
    "multiply",
    "divide",
    "negative",
    "power",
    "exp",
    "log",
    "sqrt",
    "tanh",
    "sigmoid",
    "relu",
    "maximum",
    "softmax",
    "log_softmax",
    "linear",
    "outer",
    "matmul",
    "sum",
    "mean",
    "reshape",
    "transpose",
    "concatenate",
    "stack",
    "take",
    "where",
    "broadcast_to",
    "stop_gradient",
    "cross_entropy",
    "grad",
    "value_and_grad",
    "vjp",
    "jvp",
    "jacobian",
    "hessian",
    "hvp",
    "checkpoint",
    "scope",
    "trace",
    "compile",
    "Tensor",
    "Graph",
    "optim",
]
MEMBERS = [
    "value",
    "shape",
    "dtype",
    "ndim",
    "name",
    "grad",
    "T",
    "named",
    "backward",
    "detach",
    "sum",
    "mean",
    "reshape",
    "transpose",
]
#: The names of the other packages.
CONTRACT = {
    "minigrad.optim": ["SGD", "Adam", "clip_by_norm", "clip_by_value"],
    "minigrad.testing": ["check_grads", "check_primitive", "check_backward", "assert_derivation", "strategies"],
    "minigrad.symbolic": ["derive", "check_derivation"],
    "cells": [
        "RNN",
        "LSTM",
        "GRU",
        "Attention",
        "AttentionCell",
        "Stacked",
        "Bidirectional",
        "Readout",
        "unroll",
        "from_torch",
        "to_torch",
    ],
    "cells.claims": ["examine"],
    "viz": ["draw", "flow", "lags", "routes", "dependency", "report"],
}
#: How they are called: the number of positional arguments, and keywords.
CALLS: list[tuple[str, str, int, list[str]]] = [
    ("minigrad", "tensor", 1, ["name"]),
    ("minigrad", "symbol", 2, []),
    ("minigrad", "cross_entropy", 2, []),
    ("minigrad", "grad", 1, ["wrt"]),
    ("minigrad", "grad", 2, []),
    ("minigrad", "value_and_grad", 1, ["wrt"]),
    ("minigrad", "vjp", 3, []),
    ("minigrad", "jvp", 3, []),
    ("minigrad", "jacobian", 1, ["wrt"]),
    ("minigrad", "hessian", 1, ["wrt"]),
    ("minigrad", "hvp", 3, []),
    ("minigrad", "checkpoint", 1, []),
    ("minigrad", "scope", 1, []),
    ("minigrad", "trace", 3, []),
    ("minigrad", "compile", 1, []),
    ("minigrad.optim", "clip_by_norm", 2, []),
    ("minigrad.optim", "clip_by_value", 2, []),
    ("minigrad.testing", "check_grads", 3, ["order", "modes", "complex_step", "rtol", "atol", "step"]),
    ("minigrad.testing", "check_backward", 3, ["wrt", "sizes", "examples", "seed"]),
    ("minigrad.symbolic", "derive", 1, ["readout"]),
    ("minigrad.symbolic", "check_derivation", 2, []),
    ("cells", "unroll", 3, ["state"]),
    ("cells", "from_torch", 1, ["prefix", "nonlinearity"]),
    ("cells", "Readout", 2, []),
    ("cells.claims", "examine", 0, []),
    ("viz", "draw", 2, ["gradients", "detail"]),
    ("viz", "flow", 1, ["path"]),
    ("viz", "lags", 2, ["path"]),
    ("viz", "routes", 2, ["path"]),
    ("viz", "dependency", 2, ["path"]),
    ("viz", "report", 2, []),
]


def module_name(file: Path) -> str:
    """The dotted name of a file's module."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree_of(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_text("utf-8"))


def imported(file: Path) -> set[str]:
    """The modules that a file imports at its top level, by their full names."""
    package = module_name(file) if file.name == "__init__.py" else module_name(file).rpartition(".")[0]
    found = set()
    for node in tree_of(file).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in MODULES else base)
    return found


MODULES = {module_name(file): file for file in FILES}


def test_public_names_of_minigrad() -> None:
    """Every name of the contract is there, and documented."""
    assert [name for name in NAMES if not inspect.getdoc(getattr(mg, name, None))] == []


def test_members_of_tensors() -> None:
    """Every attribute and method of the contract is there."""
    assert [name for name in MEMBERS if not hasattr(mg.Tensor, name)] == []


@pytest.mark.parametrize("package", CONTRACT)
def test_public_names_of_the_packages(package: str) -> None:
    """Every name of the contract is there, exported and documented."""
    module = importlib.import_module(package)

    assert set(CONTRACT[package]) <= set(module.__all__)
    assert [name for name in CONTRACT[package] if not inspect.getdoc(getattr(module, name))] == []


@pytest.mark.parametrize("package", ["minigrad", *CONTRACT])
def test_everything_exported_is_documented(package: str) -> None:
    """Whatever a package exports beyond the contract can be had and has a docstring of its own."""
    module = importlib.import_module(package)

    assert inspect.getdoc(module)
    assert [name for name in module.__all__ if not inspect.getdoc(getattr(module, name))] == []


@pytest.mark.parametrize(("package", "name", "count", "keywords"), CALLS)
def test_calls(package: str, name: str, count: int, keywords: list[str]) -> None:
    """Every function takes the arguments of the contract, by the same names."""
    signature = inspect.signature(getattr(importlib.import_module(package), name))

    signature.bind(*[None] * count, **dict.fromkeys(keywords))


@pytest.mark.parametrize("kind", [cells.RNN, cells.LSTM, cells.GRU])
def test_members_of_cells(kind: type) -> None:
    """Sizes, parameters, states and steps of a cell go by the names of the contract, as do runs and readouts."""
    cell = kind(2, 3)
    rng = np.random.default_rng(0)
    params = cell.init(rng)
    state = cell.initial_state(batch_shape=(4,), dtype=np.float64)
    readout = cells.Readout(3, 5)
    run = cells.unroll(cell, params, np.ones((6, 4, 2)))

    assert (cell.input_size, cell.hidden_size) == (2, 3)
    assert {array.dtype for array in cell.init(rng, dtype=np.float32).values()} == {np.dtype(np.float32)}
    assert cell.step(params, state, np.ones((4, 2)))._fields[0] == "h"
    assert np.shape(run.outputs) == (6, 4, 3)
    assert len(run.states) == 6
    assert run.final._fields == state._fields
    assert set(readout.init(rng)) == {"V", "c"}
    assert np.shape(readout.logits(readout.init(rng), run.outputs)) == (6, 4, 5)


def test_members_of_graphs_and_drawings() -> None:
    """A graph and its drawing have the attributes and methods of the contract."""
    graph = mg.trace(lambda x: mg.tanh(x).sum(), np.ones(2))

    assert all(hasattr(graph, name) for name in ("inputs", "outputs", "nodes", "adjoints", "routes"))
    assert viz.draw(graph).dot.startswith("digraph")
    assert all(hasattr(viz.Drawing, name) for name in ("svg", "save", "_repr_svg_"))


def test_members_of_derivations_and_verdicts() -> None:
    """A derivation's methods, a verdict's and a claim's fields go by the names of the contract."""
    members = ("jacobian", "adjoints", "gradients", "product", "text", "latex")
    fields = [[field.name for field in dataclasses.fields(kind)] for kind in (symbolic.Verdict, claims.Claim)]

    assert all(hasattr(symbolic.Derivation, name) for name in members)
    assert fields[0][:6] == ["line", "status", "expected", "counterexample", "hint", "reason"]
    assert fields[1] == ["name", "statement", "verdict", "reason", "proof", "counterexample"]


def test_names_of_testing() -> None:
    """The tools for users' tests are there, the strategies loaded when asked for; other names are not."""
    assert callable(testing.check_grads)
    assert callable(testing.check_backward)
    assert testing.strategies.expressions
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        testing.nothing  # noqa: B018 - raises
    with pytest.raises(AttributeError, match="module 'minigrad' has no attribute 'nothing'"):
        mg.nothing  # noqa: B018 - raises


def test_all_of_minigrad_is_there() -> None:
    """Every name in ``minigrad.__all__`` can be had, lazy ones included."""
    assert set(NAMES) - {"compile", "optim"} <= set(mg.__all__) | set(mg._LAZY)
    assert all(hasattr(mg, name) for name in mg.__all__)


def test_all_is_exact() -> None:
    """Each file's ``__all__`` holds every public function and class that it defines, and nothing that is not there."""
    for file in FILES:
        check_all(file)


def check_all(file: Path) -> None:
    """Hold one file's ``__all__`` against its definitions."""
    tree = tree_of(file)
    defined = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }
    module = importlib.import_module(module_name(file)) if file.name != "__main__.py" else None
    exported = getattr(module, "__all__", ())

    assert ast.get_docstring(tree), file
    assert defined <= set(exported), file
    assert len(set(exported)) == len(exported), file
    assert all(hasattr(module, name) for name in exported), file


def test_no_cycles() -> None:
    """Modules can be sorted so that each imports earlier ones only."""
    graph = {
        name: {other for other in imported(file) if other in MODULES and other not in PACKAGES}
        for name, file in MODULES.items()
        if name not in PACKAGES
    }

    order = list(TopologicalSorter(graph).static_order())
    assert order.index("minigrad.primitive") < order.index("minigrad.tensor") < order.index("minigrad.sweep")
    assert order.index("minigrad.sweep") < order.index("minigrad.autodiff") < order.index("minigrad.graph")


def test_importing_minigrad_loads_numpy_alone() -> None:
    """SymPy, Graphviz, Hypothesis and the like are loaded when first used, not by ``import minigrad``."""
    heavy = [
        "sympy",
        "graphviz",
        "hypothesis",
        "matplotlib",
        "jinja2",
        "tqdm",
        "torch",
        "pytest",
        "mpmath",
        "cells",
        "viz",
    ]
    code = f"import sys, minigrad; print([name for name in {heavy!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.strip() == "[]"


def test_check_grads_needs_numpy_alone() -> None:
    """``from minigrad.testing import check_grads`` does not need Hypothesis."""
    code = "import sys; from minigrad.testing import check_grads; print('hypothesis' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.strip() == "False"
