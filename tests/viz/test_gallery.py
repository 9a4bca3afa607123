from pathlib import Path

import pytest

from viz.gallery import PICTURES

GALLERY = Path(__file__).parents[2] / "docs" / "gallery"


@pytest.mark.parametrize("name", PICTURES)
def test_the_gallery_is_fresh(name):
    """Each picture is what the command makes now; ``python -m viz.gallery docs/gallery`` makes them anew."""
    assert (GALLERY / name).read_text(encoding="utf-8") == PICTURES[name]()


def test_nothing_else_is_in_the_gallery():
    """Every file there is made by the command."""
    assert {path.name for path in GALLERY.iterdir()} - {"README.md"} == set(PICTURES)
