"""Characters that the font of PNG files lacks: Graphviz draws a box for each, with exit code 0.

A browser looks in all its fonts, so SVG needs none of this.
"""

import re
import warnings
from collections.abc import Iterable
from functools import lru_cache
from html import unescape

from ..style import FONT
from .engine import TIME_LIMIT, render

__all__ = ["SUBSTITUTES", "has_glyph", "with_glyphs"]

#: The characters of minigrad's own that fonts may lack. A dot in the circle of an elementwise node is a drawn ⊙.
SUBSTITUTES = {"⊙": "•", "⊗": "×"}
_TEXT = re.compile(r"<text[^>]*>([^<]*)</text>")
#: A private-use character, for which no font has a glyph.
_NONE = "\ue000"


def with_glyphs(dot: str, svg: str, engine: str | None = None) -> str:
    """The DOT text with substitutes for what cannot be drawn in PNG; warns of characters that have none.

    Parameters
    ----------
    dot : str
        DOT text.
    svg : str
        The same drawing, in which the visible characters are looked up.
    engine : str, optional
        The executable that will draw it.
    """
    shown = set("".join(unescape(words) for words in _TEXT.findall(svg)))
    missing = {one for one in shown if not one.isascii() and not has_glyph(one, engine)}
    unknown = sorted(missing - SUBSTITUTES.keys())
    if unknown:
        warnings.warn(
            f"the font of PNG drawings has no glyph for {_listed(unknown)}; a box is drawn instead. Save as .svg",
            stacklevel=4,
        )
    return dot.translate({ord(one): SUBSTITUTES[one] for one in missing & SUBSTITUTES.keys()})


def _listed(characters: Iterable[str]) -> str:
    return ", ".join(f"{one!r}" for one in characters)


@lru_cache(maxsize=4096)
def has_glyph(character: str, engine: str | None = None) -> bool:
    """True if a PNG shows a character as something other than the box for a missing one."""
    return _drawn(character, engine) != _drawn(_NONE, engine)


@lru_cache(maxsize=4096)
def _drawn(character: str, engine: str | None) -> bytes:
    source = f'digraph {{ a [label="{character}" fontname="{FONT}" fixedsize=true width=1 height=1] }}'
    return render(source, "png", engine=engine, time_limit=TIME_LIMIT)
