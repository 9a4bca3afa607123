"""The gallery: a picture for each cell and each function. Run ``python -m tools.docs.gallery docs/gallery``."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

import minigrad as mg
from cells import GRU, LSTM, RNN, AttentionCell, Bidirectional, Cell, Conv1d, FeedForward, Readout, Stacked, unroll
from cells.analysis.bounds import explain
from minigrad import Graph
from viz.draw import draw
from viz.output import write_all
from viz.plots.dependency import dependency
from viz.plots.flow import flow
from viz.plots.lags import lags
from viz.plots.routes import routes
from viz.plots.svg import Plot

__all__ = ["MADE_WITH", "PICTURES", "last_loss", "made_with", "main"]

D, H, K = 3, 4, 3


def _setting(cell: Any, steps: int) -> tuple[Readout, dict[str, Any], np.ndarray]:
    """A readout, parameters and inputs; the same for the same cell."""
    rng = np.random.default_rng(7)
    readout = Readout(cell.hidden_size, K)
    return readout, {"cell": cell.init(rng), "readout": readout.init(rng)}, rng.normal(size=(steps, D))


def last_loss(cell: Any, steps: int) -> Graph:
    """The graph of the loss of the last prediction."""
    readout, params, xs = _setting(cell, steps)

    def loss(params: Any, xs: Any) -> Any:
        final = unroll(cell, params["cell"], xs).final
        return mg.named("E", mg.cross_entropy(readout.logits(params["readout"], final.h), np.array(0)))

    return mg.trace(loss, params, xs)


def _every_loss(cell: Any, steps: int) -> Graph:
    readout, params, xs = _setting(cell, steps)

    def losses(params: Any, xs: Any) -> Any:
        run = unroll(cell, params["cell"], xs)
        return mg.cross_entropy(readout.logits(params["readout"], run.outputs), np.arange(steps) % K)

    return mg.trace(losses, params, xs)


def _routes() -> str:
    graph = last_loss(LSTM(D, 8), 16)
    return routes(graph, {f"c_{t}": graph.find("c", f"t={t}") for t in range(0, 16, 2)}).svg


def _dependency() -> str:
    cells = {
        "feed-forward": FeedForward(D, H),
        "convolution": Conv1d(D, H, 3),
        "RNN": RNN(D, H),
        "deep RNN": Stacked((RNN(D, H), RNN(H, H))),
        "bidirectional": Bidirectional(RNN(D, H), RNN(D, H)),
        "attention": AttentionCell(RNN(D, H)),
    }
    return dependency({title: _runner(cell) for title, cell in cells.items()}, _setting(RNN(D, H), 10)[2]).svg


def _runner(cell: Any) -> Callable[[Any], Any]:
    params = _setting(cell, 1)[1]["cell"]
    return lambda xs: unroll(cell, params, xs).outputs


def _flow() -> Plot:
    """Three cells side by side with their proved bounds."""
    cells: dict[str, Cell] = {"RNN": RNN(D, 8), "LSTM": LSTM(D, 8), "GRU": GRU(D, 8)}
    proved = {name: explain(cell, None, _setting(cell, 1)[1]["cell"], 30).bound for name, cell in cells.items()}
    bounds = {name: bound for name, bound in proved.items() if bound is not None}
    return flow({name: last_loss(cell, 30) for name, cell in cells.items()}, bounds=bounds)


MADE_WITH = "made-with.txt"
#: How each picture is made, by file name.
PICTURES: dict[str, Callable[[], str]] = {
    "product.svg": lambda: draw(mg.trace(lambda x: mg.named("y", x * x).sum(), np.array([1.0, 2.0]))).svg,
    "rnn.svg": lambda: draw(last_loss(RNN(D, H), 4)).svg,
    "lstm.svg": lambda: draw(last_loss(LSTM(D, H), 3)).svg,
    "lstm-operations.svg": lambda: draw(last_loss(LSTM(D, H), 2), detail="op").svg,
    "lstm-steps.svg": lambda: draw(last_loss(LSTM(D, H), 8), detail="cell").svg,
    "lstm-folded.svg": lambda: draw(last_loss(LSTM(D, H), 40)).svg,
    "peephole.svg": lambda: draw(last_loss(LSTM(D, H, peephole=True), 2)).svg,
    "gru.svg": lambda: draw(last_loss(GRU(D, H), 3)).svg,
    "stacked.svg": lambda: draw(last_loss(Stacked((LSTM(D, H), RNN(H, H))), 3)).svg,
    "bidirectional.svg": lambda: draw(last_loss(Bidirectional(RNN(D, H), RNN(D, H)), 3)).svg,
    "attention.svg": lambda: draw(last_loss(AttentionCell(RNN(D, H)), 3)).svg,
    "flow.svg": lambda: _flow().svg,
    "lags.svg": lambda: lags(_every_loss(RNN(D, 8), 16), 'params["cell"]["W"]').svg,
    "routes.svg": _routes,
    "dependency.svg": _dependency,
}


def made_with() -> str:
    """The versions of what draws: other versions may place things a little differently."""
    return "".join(f"{library} {version(library)}\n" for library in ("graphviz-pure", "matplotlib"))


def main(directory: str) -> None:
    """Write all pictures into a directory, and what they were made with."""
    pictures = {name: make().encode() for name, make in PICTURES.items()}
    write_all(directory, {**pictures, MADE_WITH: made_with().encode()})


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "docs/gallery")
