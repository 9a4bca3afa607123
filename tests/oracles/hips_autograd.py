"""Runs the test files of HIPS autograd on minigrad: its names are mapped, and the outcomes are counted.

The tests are not part of this project. They come from a checkout of https://github.com/HIPS/autograd, or the source
distribution that ``pip download --no-deps --no-binary autograd autograd==1.8.0`` saves::

    python tests/oracles/hips_autograd.py PATH

Mapped are the transforms, the checks and NumPy's namespace. A test that uses anything else (complex derivatives,
autograd's internals, a NumPy function without a primitive) counts as unsupported; one that gets a number which a
difference quotient or its own assertion refutes counts as wrong. Combinations with complex arguments are left out.
"""

import argparse
import importlib
import itertools
import json
import sys
import tarfile
import tempfile
import types
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import MinigradError
from minigrad.pytree import flatten

__all__ = ["main", "run"]

#: Central differences with this step are good to about 1e-9; two orders of them to 1e-4.
STEP = 1e-5
TOLERANCE = 1e-4


class NotMappedError(Exception):
    """Something of autograd that has no counterpart here."""


class _Absent:
    """A name without a counterpart: whatever uses it is unsupported."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse the call."""
        raise NotMappedError

    def __getattr__(self, name: str) -> Any:
        raise NotMappedError

    def __getitem__(self, key: Any) -> Any:
        raise NotMappedError


def _is_complex(value: Any) -> bool:
    return any(np.iscomplexobj(leaf) for leaf in flatten(value)[0])


# -- checks against difference quotients -------------------------------------------------------------


def _numbers(tree: Any) -> list[np.ndarray]:
    return [np.asarray(getattr(leaf, "value", leaf)) for leaf in flatten(tree)[0]]


def _random_like(rng: np.random.Generator, tree: Any) -> Any:
    leaves, structure = flatten(tree)
    return structure.unflatten([rng.normal(size=np.shape(leaf)) for leaf in leaves])


def _moved(args: Sequence[Any], direction: Sequence[Any], by: float) -> list[Any]:
    moved = []
    for arg, way in zip(args, direction, strict=True):
        leaves, structure = flatten(arg)
        moved.append(structure.unflatten([x + by * v for x, v in zip(leaves, flatten(way)[0], strict=True)]))
    return moved


def _dot(a: Any, b: Any) -> float:
    return sum(float(np.sum(x * y)) for x, y in zip(_numbers(a), _numbers(b), strict=True))


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE * (1 + abs(a) + abs(b))


def check(f: Callable[..., Any], args: Sequence[Any], modes: Sequence[str], order: int) -> None:
    """Hold value, reverse and forward derivative against NumPy and a difference quotient along a random direction."""
    rng = np.random.default_rng(0)
    value, pullback = mg.vjp(f, *args)
    for got, expected in zip(_numbers(value), _numbers(f(*args)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)
    direction, cotangent = _random_like(rng, list(args)), _random_like(rng, value)
    ahead, behind = (f(*_moved(args, direction, sign * STEP)) for sign in (1, -1))
    numeric = (_dot(cotangent, ahead) - _dot(cotangent, behind)) / (2 * STEP)
    if "rev" in modes:
        pulled = _dot(list(pullback(cotangent)), direction)
        assert _close(pulled, numeric), f"reverse {pulled} is not {numeric}"
    if "fwd" in modes:
        pushed = _dot(cotangent, mg.jvp(f, tuple(args), tuple(direction))[1])
        assert _close(pushed, numeric), f"forward {pushed} is not {numeric}"
    if order > 1:
        check(lambda *xs: list(mg.vjp(f, *xs)[1](cotangent)), args, modes, order - 1)


def check_grads(f: Callable[..., Any], argnum: Any = 0, **options: Any) -> Callable[..., None]:
    """autograd's check by the arguments at some positions."""

    def checked(*args: Any, **kwargs: Any) -> None:
        _check_some(f, args, argnum if isinstance(argnum, tuple | list) else (argnum,), kwargs, options)

    return checked


def combo_check(f: Callable[..., Any], argnums: Sequence[int] = (), **options: Any) -> Callable[..., None]:
    """autograd's check of every combination of arguments and options, but complex ones."""

    def checked(*args: Sequence[Any], **kwargs: Sequence[Any]) -> None:
        names = list(kwargs)
        for given in itertools.product(*args):
            if any(_is_complex(value) for value in given):
                continue
            for settings in itertools.product(*kwargs.values()):
                _check_some(f, given, argnums, dict(zip(names, settings, strict=True)), options)

    return checked


def _check_some(f: Any, given: Sequence[Any], argnums: Sequence[int], settings: Any, options: Any) -> None:
    def of_some(*xs: Any) -> Any:
        everything = list(given)
        for i, x in zip(argnums, xs, strict=True):
            everything[i] = x
        return f(*everything, **settings)

    check(of_some, [given[i] for i in argnums], options.get("modes", ("fwd", "rev")), options.get("order", 2))


# -- autograd's names ----------------------------------------------------------------------------------


def _with_argnum(transform: Callable[..., Any]) -> Callable[..., Any]:
    return lambda f, argnum=0: transform(f, argnum)


def _elementwise_grad(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    return mg.grad(lambda *xs: mg.sum(f(*xs)), argnum)


def _deriv(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    def derivative(*args: Any) -> Any:
        along = lambda x: f(*args[:argnum], x, *args[argnum + 1 :])  # noqa: E731
        return mg.jvp(along, (args[argnum],), (np.ones(np.shape(args[argnum])),))[1]

    return derivative


def _make_vjp(f: Callable[..., Any], x: Any) -> tuple[Callable[[Any], Any], Any]:
    value, pullback = mg.vjp(f, x)
    return (lambda g: pullback(g)[0]), value


def _unary_to_nary(transform: Callable[..., Any]) -> Callable[..., Any]:
    def nary(f: Callable[..., Any], argnum: int = 0, *options: Any) -> Callable[..., Any]:
        def applied(*args: Any) -> Any:
            return transform(lambda x: f(*args[:argnum], x, *args[argnum + 1 :]), args[argnum], *options)

        return applied

    return nary


def _scalar_close(a: Any, b: Any) -> bool:
    return bool(abs(a - b) < 1e-6 or abs(a - b) / abs(a + b) < 1e-6)


def _check_equivalent(a: Any, b: Any) -> None:
    for x, y in zip(_numbers(a), _numbers(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-6)


class _Module(types.ModuleType):
    """A module whose other names are those of a given one, or unsupported where there is none."""

    def __init__(self, name: str, names: dict[str, Any], rest: Any = None) -> None:
        super().__init__(name)
        self.__dict__.update(names, __path__=[], _rest=rest)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        return getattr(self.__dict__["_rest"], name, _Absent())


def install() -> None:
    """Enter modules of autograd's names into `sys.modules`."""
    transforms = {
        "grad": _with_argnum(mg.grad),
        "value_and_grad": _with_argnum(mg.value_and_grad),
        "jacobian": _with_argnum(mg.jacobian),
        "hessian": _with_argnum(mg.hessian),
        "elementwise_grad": _elementwise_grad,
        "deriv": _deriv,
        "make_vjp": _make_vjp,
        **{name: getattr(__import__("builtins"), name) for name in ("dict", "list", "tuple")},
        "isinstance": lambda value, kind: isinstance(getattr(value, "value", value), kind),
    }
    checks = {
        "check_grads": check_grads,
        "combo_check": combo_check,
        "scalar_close": _scalar_close,
        "check_equivalent": _check_equivalent,
    }
    numpy = _Module("autograd.numpy", {"random": np.random, "linalg": np.linalg, "fft": np.fft}, np)
    modules = {
        "autograd": _Module("autograd", {**transforms, "numpy": numpy}),
        "autograd.numpy": numpy,
        "autograd.numpy.random": np.random,
        "autograd.numpy.linalg": np.linalg,
        "autograd.test_util": _Module("autograd.test_util", checks),
        "autograd.builtins": _Module("autograd.builtins", transforms),
        "autograd.differential_operators": _Module("autograd.differential_operators", transforms),
        "autograd.core": _Module("autograd.core", {"make_vjp": _make_vjp}),
        "autograd.wrap_util": _Module("autograd.wrap_util", {"unary_to_nary": _unary_to_nary}),
        **{name: _Module(name, {}) for name in ("autograd.tracer", "autograd.extend", "autograd.misc")},
    }
    sys.modules.update(modules)


# -- running and counting ------------------------------------------------------------------------------

#: What says that something is not there, rather than that a number is wrong.
_ABSENT = (MinigradError, NotMappedError, ImportError, NotImplementedError)


#: Tests of autograd's own wording.
_ABOUT_AUTOGRAD = ("test_wrapped_name_and_docs",)


class Outcomes:
    """A plugin of pytest that sorts the outcomes of tests."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(passed=0, unsupported=0, wrong=0)
        self.reasons: Counter[str] = Counter()
        self.wrong: dict[str, str] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
        """Count the test itself, not what is set up for it."""
        yield
        if call.when != "call":
            return
        error = None if call.excinfo is None else call.excinfo.value
        if error is None:
            self.counts["passed"] += 1
        elif isinstance(error, pytest.skip.Exception):
            self.counts["skipped"] += 1
        elif _is_absent(error) or item.name in _ABOUT_AUTOGRAD:
            self.counts["unsupported"] += 1
            self.reasons[type(error).__name__] += 1
        else:
            self.counts["wrong"] += 1
            self.wrong[item.nodeid] = f"{type(error).__name__}: {error}"[:300]

    def pytest_collectreport(self, report: Any) -> None:
        """Count files that cannot be imported."""
        if report.failed:
            self.counts["files not imported"] += 1
            self.reasons[str(report.nodeid)] += 1


def _is_absent(error: BaseException | None) -> bool:
    """True if an error, or what it came from, says that something is not supported."""
    while error is not None:
        if isinstance(error, _ABSENT):
            return True
        error = error.__cause__ or error.__context__
    return False


def run(path: Path) -> Outcomes:
    """Run the tests under a folder, or in a source distribution, and count the outcomes."""
    with tempfile.TemporaryDirectory() as folder:
        if path.is_file():
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")
            path = next(Path(folder).iterdir())
        tests = path / "tests"
        install()
        sys.path.insert(0, str(tests))
        importlib.invalidate_caches()
        outcomes = Outcomes()
        options = [
            "-q",
            "--no-header",
            "-c",
            "/dev/null",
            "--rootdir",
            str(tests),
            "-p",
            "no:cacheprovider",
            "-W",
            "ignore",
        ]
        pytest.main([*options, "--tb=no", "--continue-on-collection-errors", str(tests)], plugins=[outcomes])
        return outcomes


def main() -> int:
    """Run, print the counts, and return 1 if a number is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="a checkout of autograd, or its source distribution")
    outcomes = run(parser.parse_args().path)
    found = {"counts": outcomes.counts, "reasons": outcomes.reasons, "wrong": outcomes.wrong}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return 1 if outcomes.counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
