"""Sphinx's settings for these pages; `sphinx-build -W -n -q docs build/docs` makes them, with warnings as errors."""

from importlib.metadata import version as version_of
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from minigrad.symbolic import mathml

project = "minigrad"
author = "the minigrad authors"
version = release = version_of("minigrad")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.viewcode", "numpydoc"]
html_theme = "furo"
html_title = f"minigrad {version}"
html_show_sourcelink = html_show_copyright = False
exclude_patterns = ["**/conftest.py"]

# A fence ```math is a formula here and on code forges alike; headings are link targets down to the third level.
myst_fence_as_directive = ["math"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# A name in backticks links to what it names where these pages have it.
default_role = "autolink"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the sections of the docstrings say more: shapes, and which trees
numpydoc_show_class_members = False
autosummary_generate = False
toc_object_entries_show_parents = "hide"


def _inline(writer: Any, node: nodes.math) -> None:
    """Sphinx's hook for a formula within a line."""
    writer.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    """Sphinx's hook for a formula on lines of its own; latex2mathml knows `aligned` by its older name."""
    formula = mathml(node.astext().replace("{aligned}", "{align*}"), display="block")
    writer.body.append(f'<div class="math">{formula}</div>\n')
    raise nodes.SkipNode


def _plain(app: Sphinx, env: Any, node: Any, text: nodes.Element) -> nodes.Element | None:
    """A name in backticks that these pages do not describe, such as an argument's, is left without a link."""
    return text if node.get("reftype") == "obj" else None


def _rubric(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """A module's examples are no section of the page that the module's text stands on."""
    if what == "module" and "Examples" in lines:
        at = lines.index("Examples")
        lines[at : at + 2] = [".. rubric:: Examples", ""]


def setup(app: Sphinx) -> None:
    """Write formulas as MathML, which browsers draw without help: nothing is fetched from a server."""
    app.connect("missing-reference", _plain)
    app.connect("autodoc-process-docstring", _rubric)
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    app.add_css_file("minigrad.css")


html_math_renderer = "mathml"
html_static_path = ["static"]
