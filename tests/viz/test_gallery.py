from pathlib import Path

import pytest

from tools.docs.gallery import MADE_WITH, PICTURES, made_with

GALLERY = Path(__file__).parents[2] / "docs" / "gallery"


@pytest.mark.parametrize("name", PICTURES)
def test_the_gallery_is_fresh(name):
    """Each picture is what the command makes now; ``python -m tools.docs.gallery docs/gallery`` makes them anew."""
    if (GALLERY / MADE_WITH).read_text(encoding="utf-8") != made_with():
        pytest.skip("the gallery was made with other versions of Graphviz or matplotlib, see made-with.txt")

    assert (GALLERY / name).read_text(encoding="utf-8") == PICTURES[name]()


def test_nothing_else_is_in_the_gallery():
    """Every file there is made by the command."""
    assert {path.name for path in GALLERY.iterdir()} - {"README.md", MADE_WITH} == set(PICTURES)
