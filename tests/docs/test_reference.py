"""The API reference."""

import importlib
import inspect
import re
from importlib.metadata import version
from pathlib import Path

import pytest

import minigrad as mg

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGES = "\n".join(page.read_text("utf-8") for page in sorted(REFERENCE.glob("*.md")))
ENTRIES = re.findall(r"^\.\. auto(?:function|class|exception|module):: (\S+)", PAGES, re.MULTILINE)


@pytest.mark.parametrize(
    "package", ["minigrad", "minigrad.optim", "minigrad.symbolic", "minigrad.testing", "cells", "cells.claims", "viz"]
)
def test_every_public_name_has_an_entry(package: str) -> None:
    """Whatever a package exports is in the reference, by the name under which it is imported."""
    names = importlib.import_module(package).__all__

    assert [name for name in names if f"{package}.{name}" not in ENTRIES] == []


def test_nothing_else_has_an_entry() -> None:
    """Every entry names something that is there."""
    for entry in ENTRIES:
        try:
            assert inspect.ismodule(importlib.import_module(entry))
        except ModuleNotFoundError:
            package, _, name = entry.rpartition(".")
            assert hasattr(importlib.import_module(package), name), entry


def test_the_version() -> None:
    """The package names the version that was installed."""
    assert mg.__version__ == version("minigrad")
