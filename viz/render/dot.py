"""DOT text: pure functions from words and attributes to statements.

Every text from outside goes through `text`, which makes it harmless: Graphviz itself does not escape
everything (control characters and unknown entities end up as malformed XML with exit code 0).
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from html import escape as escape_html

from graphviz import escape, nohtml
from graphviz.quoting import quote

from ..scene.labels import printable

__all__ = ["cluster", "digraph", "edge", "html", "node", "text", "tooltip"]


def text(words: str, limit: int = 400) -> str:
    r"""An attribute's value that Graphviz shows letter by letter: no escapes, entities or HTML labels in it.

    Examples
    --------
    >>> print(node("n1", {"label": text('<b>"\\N" & \n')}))
    n1 [label="<b>\"\\N\" &amp; \n"]
    """
    return nohtml(escape(printable(words, limit).replace("&", "&amp;")).replace("\n", "\\n"))


def tooltip(words: str, limit: int = 400) -> str:
    """An attribute's value for a tooltip: Graphviz replaces escapes in it twice, so backslashes need two rounds."""
    return text(printable(words, limit).replace("\\", "\\\\"), 2 * limit)


def html(words: str, limit: int = 400) -> str:
    """Text for the inside of an HTML-like label."""
    return escape_html(printable(words, limit)).replace("&#x27;", "&#39;")


def node(key: str, attributes: Mapping[str, str]) -> str:
    """One node; `key` must be a plain identifier.

    Examples
    --------
    >>> print(node("n1", {"label": text("a:b"), "shape": "box"}))
    n1 [label="a:b" shape=box]
    """
    return f"{key}{_attributes(attributes)}"


def edge(tail: str, head: str, attributes: Mapping[str, str]) -> str:
    """One edge between two plain identifiers."""
    return f"{tail} -> {head}{_attributes(attributes)}"


def cluster(key: str, attributes: Mapping[str, str], body: Iterable[str]) -> list[str]:
    """A frame around nodes, as lines."""
    return [f"subgraph cluster_{key} {{", *_indent([f"graph{_attributes(attributes)}", *body]), "}"]


def digraph(defaults: Mapping[str, Mapping[str, str]], body: Iterable[str]) -> str:
    """A whole drawing; `defaults` holds the attributes of "graph", "node" and "edge"."""
    first = [f"{what}{_attributes(attributes)}" for what, attributes in defaults.items()]
    return "\n".join(["digraph {", *_indent([*first, *body]), "}", ""])


def _indent(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _attributes(attributes: Mapping[str, str]) -> str:
    listed = " ".join(f"{key}={_quoted(value)}" for key, value in attributes.items())
    return f" [{listed}]" if listed else ""


def _quoted(value: str) -> str:
    """The value as DOT wants it; colours, shapes and widths come again and again.

    A value with a space or comma that has nothing to be escaped, as a position has, only needs its quotes.
    """
    if len(value) < 24:
        return _remembered(value)
    plain = '"' not in value and "\\" not in value and value[0] != "<" and (" " in value or "," in value)
    return f'"{value}"' if plain else quote(value)


#: Told apart by type, since a text that is to be shown letter by letter equals the same text that is not.
_remembered = lru_cache(maxsize=4096, typed=True)(quote)
