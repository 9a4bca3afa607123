"""The look of drawings: one table of shapes and colours, one of symbols.

Colours are those of Okabe and Ito, "Color universal design" (2008), which people with any kind of
colour vision can tell apart; gradients use viridis, whose lightness alone carries the order.
"""

__all__ = [
    "BACKWARD",
    "CELL_PATH",
    "CLUSTER",
    "FIRST_NON_FINITE",
    "FONT",
    "FORWARD",
    "KINDS",
    "LEGEND",
    "NON_FINITE",
    "VIRIDIS",
    "ZERO",
]

FONT = "Helvetica,Arial,sans-serif"

#: Attributes of a drawn node by its kind.
KINDS: dict[str, dict[str, str]] = {
    "sigmoid": {"shape": "box", "style": "rounded,filled", "fillcolor": "#F6D8A8", "color": "#E69F00"},
    "tanh": {"shape": "box", "style": "rounded,filled", "fillcolor": "#BFE3F5", "color": "#0072B2"},
    "state": {"shape": "box", "style": "rounded,filled", "fillcolor": "#CDEBDF", "color": "#009E73"},
    "input": {"shape": "ellipse", "style": "filled", "fillcolor": "#F4E3EE", "color": "#CC79A7"},
    "output": {"shape": "box", "style": "filled", "fillcolor": "#F4E3EE", "color": "#CC79A7", "penwidth": "2"},
    "parameter": {"shape": "box", "style": "filled", "fillcolor": "#FFFFFF", "color": "#777777"},
    "constant": {"shape": "box", "style": "dashed", "color": "#999999", "fontcolor": "#555555"},
    "elementwise": {"shape": "circle", "style": "filled", "fillcolor": "#FFFFFF", "color": "#444444"},
    "affine": {
        "shape": "box",
        "style": "rounded,filled",
        "fillcolor": "#EEEEEE",
        "color": "#777777",
        "fontsize": "8",
    },
    "step": {"shape": "box", "style": "rounded,filled", "fillcolor": "#EEEEEE", "color": "#777777"},
    "fold": {"shape": "box", "style": "rounded,filled,dashed", "fillcolor": "#F2F2F2", "color": "#444444"},
    "operation": {"shape": "box", "style": "rounded,filled", "fillcolor": "#EEEEEE", "color": "#777777"},
}

#: What the legend shows, in this order.
LEGEND: dict[str, str] = {
    "sigmoid": "σ gate",
    "tanh": "tanh",
    "state": "state",
    "elementwise": "elementwise",
    "parameter": "parameter",
    "input": "input",
}

CLUSTER = {
    "style": "rounded,filled",
    "fillcolor": "#FAFAFA",
    "color": "#BBBBBB",
    "penwidth": "1",
    "labeljust": "l",
    "fontsize": "12",
}
CELL_PATH = {"color": "#009E73", "penwidth": "2.6", "arrowsize": "0.6"}
FORWARD = {"color": "#999999", "penwidth": "1", "arrowsize": "0.6"}
BACKWARD = {"class": "grad", "dir": "back"}
ZERO = {"color": "#AAAAAA", "penwidth": "1", "style": "dotted", "arrowsize": "0.6"}
#: What is added to the node in which the first NaN or infinity of the forward pass arose.
FIRST_NON_FINITE = {"color": "#D55E00", "penwidth": "4"}
NON_FINITE = {"color": "#D55E00", "penwidth": "4", "style": "solid", "arrowsize": "1"}

#: Eleven evenly spaced colours of viridis (van der Walt and Smith, 2015), from the light end to the dark,
#: cut at its yellow end, which cannot be seen on white.
VIRIDIS = (
    "#B5DE2B",
    "#83D34B",
    "#54C568",
    "#32B67A",
    "#1FA287",
    "#228D8D",
    "#2A778E",
    "#34608D",
    "#404688",
    "#482979",
    "#440154",
)
