"""Lines that tell a reader what to install."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for folder in ("minigrad", "cells", "viz", "benchmarks", "docs", ".")
    for path in (ROOT / folder).glob("*" if folder == "." else "**/*")
    if path.suffix in {".py", ".md"}
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_installs_another_project(path: Path) -> None:
    """On PyPI the name minigrad is another project's, so no message and no page says to install it by name."""
    assert not re.findall(r"pip install [^\n`]*\bminigrad\b(?!-)", path.read_text(encoding="utf-8"))
