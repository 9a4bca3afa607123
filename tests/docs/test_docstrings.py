"""Docstrings of public names: a mechanical minimum, beside which somebody has to read them."""

import ast
import dataclasses
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

docscrape = pytest.importorskip("numpydoc.docscrape", reason="needs numpydoc: pip install numpydoc")
FunctionDoc, NumpyDocString = docscrape.FunctionDoc, docscrape.NumpyDocString

PACKAGES = ("minigrad", "minigrad.optim", "minigrad.symbolic", "minigrad.testing", "cells", "cells.claims", "viz")
MODULES = ("minigrad.testing.strategies", "cells.initializers")

#: Methods that many classes have, described once: of cells in `cells.Layer` and `cells.Cell`.
SHARED = {"init", "initial_state", "step", "parameter_shapes", "members"}
#: What a function may return without a section that says so.
OBVIOUS = {"None", "Any", "str", "bool", "int", "float"}
#: A shape, or a word for what has one or holds arrays that have.
SHAPE = re.compile(
    r"\(\s*(\.\.\.|\w+,|\))|\bshape|\btrees?\b|\bscalar|\bcallable|\barrays?\b|\bTerm\b|\bgraph", re.IGNORECASE
)


def exported() -> Iterator[tuple[str, Any]]:
    """Every public function and class by its full name, once."""
    for module in (importlib.import_module(name) for name in (*PACKAGES, *MODULES)):
        for name in module.__all__:
            value = getattr(module, name)
            if callable(value) and getattr(value, "__doc__", None) and not str(value).startswith("collections.abc"):
                yield f"{module.__name__}.{name}", value


def methods() -> Iterator[tuple[str, Any]]:
    """The public methods of these classes that are written out in them."""
    for name, kind in exported():
        if inspect.isclass(kind):
            for own, value in vars(kind).items():
                function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
                if inspect.isfunction(function) and not own.startswith("_"):
                    yield f"{name}.{own}", function


FUNCTIONS = {name: value for name, value in exported() if not inspect.isclass(value)}
CLASSES = {name: value for name, value in exported() if inspect.isclass(value)}
METHODS = dict(methods())


def parameters_of(function: Callable[..., Any]) -> list[str]:
    """The arguments by the names under which a docstring lists them."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    found = inspect.signature(function).parameters.values()
    return [stars.get(one.kind, "") + one.name for one in found if one.name not in ("self", "cls")]


def listed(sections: Any, *headings: str) -> list[str]:
    """The names that a docstring lists under some headings."""
    return [name for heading in headings for entry in sections[heading] for name in entry.name.split(", ")]


def result_of(function: Callable[..., Any]) -> str:
    """The annotation of the result as it is written."""
    found = inspect.signature(function).return_annotation
    return getattr(found, "__name__", str(found))


def raises(function: Callable[..., Any]) -> bool:
    """Whether the function itself raises, other than at what it defines inside."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except OSError:  # written by a library, as Hypothesis does for strategies
        return False
    inner = [node for node in ast.walk(tree.body[0]) if isinstance(node, ast.FunctionDef | ast.Lambda)][1:]
    within = {id(node) for one in inner for node in ast.walk(one)}
    return any(isinstance(node, ast.Raise) and id(node) not in within for node in ast.walk(tree))


def assert_each(names: Iterable[str], check: Callable[[str], None]) -> None:
    """Report every name that fails a check, not the first alone."""
    failing = {}
    for name in names:
        try:
            check(name)
        except AssertionError as error:
            failing[name] = str(error)
    assert not failing, "\n".join(f"{name}: {error}" for name, error in failing.items())


def test_functions() -> None:
    """A public function's docstring lists every parameter with a word on it, the result, and what it raises."""
    assert_each(FUNCTIONS, check_function)


def check_function(name: str) -> None:
    """Hold one docstring against its signature."""
    function = FUNCTIONS[name]
    sections = FunctionDoc(function)

    assert listed(sections, "Parameters") == parameters_of(function)
    assert [entry.name for entry in sections["Parameters"] if not entry.type and "*" not in entry.name] == []
    assert [
        entry.name for entry in sections["Parameters"] + sections["Returns"] if not "".join(entry.desc).strip()
    ] == []
    assert sections["Returns"] or sections["Yields"] or result_of(function) == "None"
    assert sections["Raises"] or not raises(function)


def test_shapes() -> None:
    """The docstring of a function of arrays speaks of shapes, or of what has them."""
    assert_each([name for name in FUNCTIONS if re.fullmatch(r"minigrad\.(?!scope)\w+", name)], check_shapes)


def check_shapes(name: str) -> None:
    """Look for shapes in one docstring."""
    sections = FunctionDoc(FUNCTIONS[name])
    entries = " ".join(f"{one.type} {' '.join(one.desc)}" for one in sections["Parameters"] + sections["Returns"])

    assert SHAPE.search(entries)


def test_classes() -> None:
    """A public class's docstring lists every field or argument, with a word on it or its type."""
    assert_each(CLASSES, check_class)


def check_class(name: str) -> None:
    """Hold one class's docstring against its fields."""
    kind = CLASSES[name]
    sections = NumpyDocString(inspect.getdoc(kind))
    fields = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    wanted = [one for one in fields or getattr(kind, "_fields", ()) if not one.startswith("_")]

    assert [one for one in wanted if one not in listed(sections, "Parameters", "Attributes")] == []
    assert [one.name for one in sections["Parameters"] + sections["Attributes"] if not (one.type or one.desc)] == []


def test_methods() -> None:
    """A public method's docstring lists its parameters, the result where that is no plain value, and what it raises."""
    assert_each(
        [name for name in METHODS if name.rpartition(".")[2] not in SHARED and "Error" not in name], check_method
    )


def check_method(name: str) -> None:
    """Hold one method's docstring against its signature."""
    method = METHODS[name]
    sections = FunctionDoc(method)

    assert listed(sections, "Parameters") == parameters_of(method)
    assert sections["Returns"] or sections["Yields"] or result_of(method) in OBVIOUS
    assert sections["Raises"] or not raises(method)
