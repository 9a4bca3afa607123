"""A drawing inside a page: nodes can be reached by keyboard, and say what they are to those who cannot see them."""

import re

__all__ = ["interactive"]

_NODE = re.compile(
    r'<g id="(?P<id>\w*node\d+)" class="(?P<kind>node[^"]*)">\n<title>(?P<key>\w+)</title>\n'
    r'<g id="a_(?P=id)"><a xlink:title="(?P<words>[^"]*)"'
)
_EDGE = re.compile(
    r'<g id="(?P<id>\w*edge\d+)" class="(?P<kind>edge[^"]*)">\n<title>(?P<tail>\w+)&#45;&gt;(?P<head>\w+)</title>'
)


def interactive(svg: str) -> str:
    """The SVG for the inside of a page, with ``tabindex``, ``aria-label`` and what is connected with what.

    Parameters
    ----------
    svg : str
        From Graphviz; its words are escaped already, and stay so.
    """
    body = svg[svg.index("<svg") :]
    body = _NODE.sub(
        r'<g id="\g<id>" class="\g<kind>" data-mark="\g<key>" tabindex="0" role="img" aria-label="\g<words>">\n'
        r'<g id="a_\g<id>"><a xlink:title="\g<words>"',
        body,
    )
    return _EDGE.sub(r'<g id="\g<id>" class="\g<kind>" data-tail="\g<tail>" data-head="\g<head>">', body)
