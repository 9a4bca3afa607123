"""The tutorials run in a directory of their own; the pictures that they make there are those beside the text."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.docs.gallery import MADE_WITH, made_with

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """``pytest docs/tutorials --keep-pictures`` puts the pictures that the tutorials make beside the text."""
    parser.addoption("--keep-pictures", action="store_true", help="replace the tutorials' pictures")


@pytest.fixture(autouse=True)
def pictures(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail if a picture that a tutorial made is not the one that it shows."""
    monkeypatch.chdir(tmp_path)
    yield
    drawn_alike = (HERE.parent / "gallery" / MADE_WITH).read_text("utf-8") == made_with()
    for made in sorted(tmp_path.glob("*.svg")):
        shown = HERE / made.name
        if request.config.getoption("--keep-pictures"):
            shown.write_bytes(made.read_bytes())
        elif drawn_alike:
            assert made.read_bytes() == shown.read_bytes(), f"{shown} is stale: pytest docs/tutorials --keep-pictures"
