"""The public names, what each file exports, which way imports point, and what importing costs."""

import ast
import importlib
import inspect
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import minigrad as mg
from minigrad import testing

ROOT = Path(mg.__file__).parent.parent
PACKAGES = ("minigrad", "cells", "viz")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
#: What each package may import of the others.
ALLOWED = {"minigrad": set(), "cells": {"minigrad"}, "viz": {"minigrad", "cells"}}

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


#: Packages whose ``__all__`` is not held to be complete yet.
UNFINISHED = ("minigrad.plan", "minigrad.symbolic", "viz")
MODULES = {module_name(file): file for file in FILES}


@pytest.mark.parametrize("name", NAMES)
def test_public_names_of_minigrad(name: str) -> None:
    """Every name of the contract is there, and documented."""
    if name in ("symbol", "compile"):
        pytest.importorskip(f"minigrad.{mg._LAZY[name].strip('.')}")

    assert inspect.getdoc(getattr(mg, name))


@pytest.mark.parametrize("name", MEMBERS)
def test_members_of_tensors(name: str) -> None:
    """Every attribute and method of the contract is there."""
    assert hasattr(mg.Tensor, name)


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


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_all_is_exact(file: Path) -> None:
    """A file's ``__all__`` holds every public function and class that it defines, and nothing that is not there."""
    if module_name(file).startswith(UNFINISHED):
        return
    tree = tree_of(file)
    defined = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }
    module = importlib.import_module(module_name(file)) if file.name != "__main__.py" else None
    exported = getattr(module, "__all__", ())

    assert ast.get_docstring(tree)
    assert defined <= set(exported)
    assert len(set(exported)) == len(exported)
    assert all(hasattr(module, name) for name in exported)


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_imports_point_one_way(file: Path) -> None:
    """viz imports cells and minigrad, cells imports minigrad, minigrad imports neither."""
    own = file.relative_to(ROOT).parts[0]
    others = {name.split(".")[0] for name in imported(file)} & set(PACKAGES) - {own}

    assert others <= ALLOWED[own]


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
