"""Lines that tell a reader what to install."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_line_installs_another_project() -> None:
    """On PyPI the name minigrad is another project's, so no message and no page says to install it by name."""
    folders = [ROOT / name for name in ("minigrad", "cells", "viz", "benchmarks", "docs")]
    files = [*ROOT.glob("*.md"), *(path for folder in folders for path in folder.rglob("*.*"))]
    wrong = [
        str(path.relative_to(ROOT))
        for path in files
        if path.suffix in {".py", ".md"}
        and re.search(r"pip install [^\n`&]*\bminigrad\b", path.read_text(encoding="utf-8"))
    ]

    assert not wrong
