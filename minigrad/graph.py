"""Graph: what a function computed, in order, with names; the thing that is drawn, proved and compiled."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .context import recording
from .errors import NonScalarOutputError, TreeError, UnknownNodeError
from .nans import first_nan, first_nonfinite
from .pytree import Structure, flatten
from .sweep import Adjoints, Edge, ancestors, reverse_sweep
from .tensor import Tensor, constant, describe, leaf
from .transforms import argument_names, call, unit_cotangent

__all__ = ["Graph", "trace"]


class Graph:
    """The nodes behind some outputs, parents first.

    Attributes
    ----------
    inputs : dict of str to Tensor
        By the caller's own names, such as ``params["W"]`` and ``xs``.
    outputs : dict of str to Tensor
        By path in what the function returned; a single output is called ``out``.
    nodes : tuple of Tensor
        Every input, and every node behind an output, in the order in which they were made.
    structure : Structure or None
        Of the tree that the function returned.
    """

    def __init__(
        self, inputs: dict[str, Tensor], outputs: dict[str, Tensor], structure: Structure | None = None
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.structure = structure
        reached = {node.serial: node for node in (*inputs.values(), *ancestors(outputs.values()))}
        self.nodes: tuple[Tensor, ...] = tuple(reached[serial] for serial in sorted(reached))

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.nodes)

    def __contains__(self, node: Tensor) -> bool:
        return any(node is own for own in self.nodes)

    def _repr_svg_(self) -> str | None:
        """For notebooks: the drawing, once `viz` has been imported; the engine itself imports no pictures."""
        viz = sys.modules.get("viz")
        return None if viz is None else str(viz.draw(self).svg)

    def __repr__(self) -> str:
        return f"<Graph of {len(self.nodes)} nodes: ({', '.join(self.inputs)}) -> ({', '.join(self.outputs)})>"

    @property
    def edges(self) -> list[Edge]:
        """Every use of a node by another, in order; ``y * y`` gives two."""
        return [
            Edge(arg, node, position)
            for node in self.nodes
            for position, arg in enumerate(node.args)
            if isinstance(arg, Tensor)
        ]

    @property
    def scopes(self) -> tuple[tuple[str, ...], ...]:
        """Every scope that a node stands in, in order of first appearance."""
        return tuple(dict.fromkeys(node.scope for node in self.nodes))

    def find(self, name: str, scope: str | tuple[str, ...] | None = None) -> Tensor:
        """The one node with a name, in a scope if given (its innermost part suffices).

        Parameters
        ----------
        name : str
            As given by `named`, or an input's.
        scope : str or tuple of str, optional
            Such as ``t=3``, or ``("layer 2", "t=3")``.

        Returns
        -------
        Tensor
            The node.

        Raises
        ------
        UnknownNodeError
            If there is no such node, or more than one.
        """
        places = (scope,) if isinstance(scope, str) else scope
        found = [
            node
            for node in dict.fromkeys((*self.inputs.values(), *self.nodes))
            if (node.name == name or self.inputs.get(name) is node)
            and (places is None or node.scope[len(node.scope) - len(places) :] == places)
        ]
        if len(found) == 1:
            return found[0]
        where = "" if places is None else f" at {'/'.join(places)}"
        if not found:
            known = ", ".join(dict.fromkeys(str(node.name) for node in self.nodes if node.name is not None))
            raise UnknownNodeError(f"no node is named {name!r}{where}; the names are: {known or '(none)'}")
        raise UnknownNodeError(
            f"{len(found)} nodes are named {name!r}{where}; name the scope: {[n.scope for n in found]}"
        )

    def node(self, which: "Tensor | str") -> Tensor:
        """A node of this graph, given itself or its name.

        Parameters
        ----------
        which : Tensor or str
            A node, or a name that only one node has.

        Returns
        -------
        Tensor
            The node.

        Raises
        ------
        UnknownNodeError
            If the graph does not hold it.
        """
        if isinstance(which, str):
            return self.find(which)
        if which not in self:
            raise UnknownNodeError(
                f"{describe(which)} is not part of {self!r}; take nodes from .nodes, .inputs or .find()"
            )
        return which

    def adjoints(self, seed: Any = None, output: "Tensor | str | None" = None) -> Adjoints:
        """The adjoint ∂output/∂node of every node and the contribution of every edge, by one reverse sweep.

        The nodes are not touched, so asking twice gives the same answer twice.

        Parameters
        ----------
        seed : array_like, optional
            The cotangent of the output; 1 for a scalar.
        output : Tensor or str, optional
            Which node to start from; the only output if there is one.

        Returns
        -------
        Adjoints
            ``nodes``: a mapping of node to adjoint, of the node's shape. ``edges``: a mapping of `Edge` to the term
            that it added to the adjoint of its source; a `SparseCotangent` where only some entries are touched.

        Raises
        ------
        NonScalarOutputError
            If the output is no scalar and no seed is given, or there are several outputs and none is named.
        ShapeError
            If the seed does not have the output's shape.
        DtypeError
            If the output is not floating point.
        """
        start = self._output(output)
        return reverse_sweep([(start, unit_cotangent(start, seed))], keep_all=True)

    def _output(self, which: "Tensor | str | None") -> Tensor:
        if which is None:
            if len(self.outputs) != 1:
                raise NonScalarOutputError(
                    f"this graph has {len(self.outputs)} outputs; name one: {', '.join(self.outputs)}"
                )
            return next(iter(self.outputs.values()))
        if isinstance(which, str) and which in self.outputs:
            return self.outputs[which]
        return self.node(which)

    def routes(self, source: "Tensor | str", target: "Tensor | str") -> Iterator[tuple[Edge, ...]]:
        """Every path from one node to another, as the edges along it, in a fixed order.

        There can be exponentially many, so they come one at a time; see `count_routes`.

        Parameters
        ----------
        source, target : Tensor or str
            Nodes of this graph, or their names.

        Returns
        -------
        iterator of tuples of Edge
            From the source on; none if there is no way.

        Raises
        ------
        UnknownNodeError
            If the graph does not hold one of the nodes.
        """
        start, end = self.node(source), self.node(target)
        behind = {node.serial for node in ancestors([end], start.serial)}
        uses: dict[int, list[Edge]] = {}
        for edge in self.edges:
            if edge.target.serial in behind:
                uses.setdefault(edge.source.serial, []).append(edge)
        return _walk(start, end, uses)

    def count_routes(self, source: "Tensor | str", target: "Tensor | str") -> int:
        """The number of paths from one node to another, without listing them.

        Parameters
        ----------
        source, target : Tensor or str
            Nodes of this graph, or their names.

        Returns
        -------
        int
            Exact, however large.

        Raises
        ------
        UnknownNodeError
            If the graph does not hold one of the nodes.
        """
        start, end = self.node(source), self.node(target)
        ways = {start.serial: 1}
        for node in ancestors([end], start.serial):
            if node is not start:
                ways[node.serial] = sum(ways.get(arg.serial, 0) for arg in node.args if isinstance(arg, Tensor))
        return ways.get(end.serial, 0)

    def first_nan(self) -> Tensor | None:
        """The first node with a NaN that none of its arguments has, or None.

        Returns
        -------
        Tensor or None
            In the order of computation.
        """
        return first_nan(self.nodes)

    def first_nonfinite(self) -> Tensor | None:
        """The first node in which a NaN or an infinity arose, or None; `minigrad.nans.cause_of` says why.

        Returns
        -------
        Tensor or None
            In the order of computation. Infinities among the inputs and constants count as meant.
        """
        return first_nonfinite(self.nodes)


def _walk(start: Tensor, end: Tensor, uses: dict[int, list[Edge]]) -> Iterator[tuple[Edge, ...]]:
    """Depth-first over the uses, with a stack of its own instead of recursion."""
    path: list[Edge] = []
    choices = [iter(uses.get(start.serial, []))]
    if start is end:
        yield ()
        return
    while choices:
        edge = next(choices[-1], None)
        if edge is None:
            choices.pop()
            if path:
                path.pop()
        elif edge.target is end:
            yield (*path, edge)
        else:
            path.append(edge)
            choices.append(iter(uses.get(edge.target.serial, [])))


def _is_input(value: Any) -> bool:
    """Arrays and floats become inputs of a traced graph; everything else is passed as it is."""
    return isinstance(value, np.ndarray | np.generic | float | Tensor) or hasattr(type(value), "evaluate_primitive")


def trace(f: Callable[..., Any], *args: Any) -> Graph:
    """Run a function and keep the graph of what it computed.

    Parameters
    ----------
    f : callable
        Takes trees of arrays and returns a tree of Tensors.
    *args : trees
        Arrays, floats and Tensors in them become inputs; integers, strings and other objects are
        passed on as they are.

    Returns
    -------
    Graph
        Every input, and every node behind what the function returned.

    Raises
    ------
    TreeError
        If the function returned nothing.

    Examples
    --------
    >>> import minigrad as mg, numpy as np
    >>> def loss(params, x):
    ...     return mg.tanh(mg.linear(params["W"], x)).named("h").sum()
    >>> graph = mg.trace(loss, {"W": np.eye(2)}, np.ones(2))
    >>> graph
    <Graph of 5 nodes: (params["W"], x) -> (out)>
    >>> [node.primitive.name for node in graph.nodes]
    ['input', 'input', 'linear', 'tanh', 'sum']
    """
    inputs: dict[str, Tensor] = {}
    lifted = []
    for arg, name in zip(args, argument_names(f, len(args)), strict=True):
        leaves, structure = flatten(arg)
        for i, (value, path) in enumerate(zip(leaves, structure.paths(name), strict=True)):
            if _is_input(value):
                leaves[i] = inputs[path] = value if isinstance(value, Tensor) else leaf(value, path)
        lifted.append(structure.unflatten(leaves))
    with recording():
        result = call(f, lifted)
    leaves, structure = flatten(result)
    if not leaves:
        raise TreeError("the traced function returned nothing; return a Tensor or a tree of Tensors")
    nodes = [value if isinstance(value, Tensor) else constant(value) for value in leaves]
    paths = [path.lstrip(".") for path in structure.paths()]
    outputs = {path or "out": node for path, node in zip(paths, nodes, strict=True)}
    return Graph(inputs, outputs, structure)
