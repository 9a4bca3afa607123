"""What the drawing tests share: graphs to draw, and a reader of what was drawn."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

import minigrad as mg
from cells import LSTM, RNN, Readout, unroll
from viz.layout.channels import crosses

SVG = "{http://www.w3.org/2000/svg}"
TITLE = "{http://www.w3.org/1999/xlink}title"


@dataclass
class Drawn:
    """The parts of an SVG that Graphviz wrote."""

    nodes: list[ET.Element]
    edges: list[ET.Element]
    gradients: list[ET.Element]
    tooltips: list[str]
    words: list[str]
    tags: set[str]


def read(svg: str) -> Drawn:
    """Parse an SVG; fails if it is not well-formed."""
    root = ET.fromstring(svg)
    groups = [(group, (group.get("class") or "").split()) for group in root.iter(f"{SVG}g")]
    edges = [group for group, classes in groups if "edge" in classes]
    return Drawn(
        nodes=[group for group, classes in groups if "node" in classes],
        edges=[group for group in edges if "grad" not in (group.get("class") or "").split()],
        gradients=[group for group in edges if "grad" in (group.get("class") or "").split()],
        tooltips=[a.get(TITLE, "") for a in root.iter(f"{SVG}a")],
        words=["".join(words.itertext()) for words in root.iter(f"{SVG}text")],
        tags={element.tag.removeprefix(SVG) for element in root.iter()},
    )


def net(kind: type, steps: int, seed: int = 0) -> mg.Graph:
    """The graph of the last loss of a small net, 2 inputs, 2 hidden units, 2 classes."""
    return net_of(kind(2, 2), steps, seed)


def net_of(cell: Any, steps: int, seed: int = 0) -> mg.Graph:
    """The graph of the last loss of a cell or net of cells with 2 inputs."""
    rng = np.random.default_rng(seed)
    readout = Readout(cell.hidden_size, 2)
    params = {"cell": cell.init(rng), "readout": readout.init(rng)}

    def loss(params, xs):
        last = unroll(cell, params["cell"], xs).outputs[-1]
        return mg.named("E", mg.cross_entropy(readout.logits(params["readout"], last), np.array(1)))

    return mg.trace(loss, params, rng.normal(size=(steps, 2)))


def routes(shown: Any, layout: Any) -> list[tuple[Any, list[tuple[float, float]]]]:
    """Each edge of a picture in time with the points of its route."""
    return [(edge, list(route.forward)) for edge, route in zip(shown.edges, layout.routes, strict=True)]


def assert_no_edge_crosses_a_node(shown: Any, layout: Any) -> None:
    """No edge runs over a node that is not one of its ends; along its border, 2.5 points inside, it may."""
    labels = {node.key: node.label for node in shown.nodes}
    for edge, points in routes(shown, layout):
        for key, box in layout.boxes.items():
            size = (box.width - 5, box.height - 5)
            crossed = any(crosses(p, q, (box.x, box.y), size) for p, q in pairwise(points))
            assert key in (edge.tail, edge.head) or not crossed, f"{edge.tooltip} over {labels[key]}"


__all__ = ["LSTM", "RNN", "Drawn", "assert_no_edge_crosses_a_node", "net", "net_of", "read", "routes"]
