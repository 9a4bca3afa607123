"""Docstrings open with what a thing is or does: list those that open with "What", "Whether" or "How"."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("minigrad", "cells", "viz", "tools", "benchmarks")
OPENINGS = ("What", "Whether", "How")


def faults(path: Path) -> Iterator[str]:
    """One line for each docstring of a file that opens with one of these words."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            words = (ast.get_docstring(node) or "").split(maxsplit=1)
            if words and words[0].rstrip(":,") in OPENINGS:
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}: the docstring opens with {words[0]!r}"


if __name__ == "__main__":
    found = [fault for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) for fault in faults(path)]
    sys.exit("\n".join(found) or 0)
