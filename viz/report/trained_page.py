"""The page on a net that was trained on a text for a few updates."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict

from cells.analysis import diagnose_numbers
from cells.analysis.findings import CELLS, Findings, Settings
from cells.analysis.training import POEM_CREDIT, Corpus
from cells.claims import examine

from ..draw import draw
from ..plots.flow import flow
from ..plots.svg import lag_plot
from .page import OF_STATE, Page, curves_of, heading_of, routes_svg

__all__ = ["trained_page"]


def trained_page(nets: Mapping[str, Findings], asked: Settings) -> tuple[Page, str]:
    """The page on a net that was trained on a text for a few updates, and its diagnosis as JSON."""
    found = nets[asked.cell]
    title = asked.cell.upper()
    diagnosis = diagnose_numbers(found.lags, found.graph, found.explained.bound, found.explained.refusal)
    curves = curves_of({"": (found.lags.measured, found.explained.bound)}, found.lags.stepwise)
    shown = {name.upper(): nets[name] for name in CELLS}
    states = found.model.cell.initial_state()._fields  # h, and then c if there is one
    pictures = {
        "graph.svg": draw(found.graph).svg,
        "lags.svg": lag_plot(curves, "‖∂s_T/∂s_k‖₂").svg,
        "flow.svg": flow(
            {name: net.graph for name, net in shown.items()},
            bounds={name: net.explained.bound for name, net in shown.items() if net.explained.bound is not None},
        ).svg,
        "routes.svg": routes_svg(found.graph, states[-1], asked.steps),
    }
    page = Page(
        heading=heading_of(title),
        subtitle=found.corpus.title,
        facts=_facts(found, title),
        sentences=diagnosis.sentences(),
        pictures=pictures,
        flow_caption="The same text, sizes, seed and number of updates for each.",
        loss="the loss of the last prediction",
        state=OF_STATE[len(states)],
        lags={curve.label: curve.values for curve in curves},
        explained=found.explained,
        claims=examine(),
        command=_command(asked, found.corpus),
    )
    return page, diagnosis.json()


def _facts(found: Findings, title: str) -> dict[str, str]:
    asked, text = found.settings, found.corpus.text
    training = "none: these are the initial weights"
    if len(found.losses):
        first, last = found.losses[0], found.losses[-1]
        training = f"{asked.updates} updates of Adam; mean loss {first:.3g} → {last:.3g} nats per character"
    return {
        "Task": f"predict the next of {len(found.corpus.alphabet)} different characters, {asked.steps} steps at a time",
        "Net": f"{title} with {asked.hidden} hidden units, softmax readout",
        "Training": training,
        "Shown for": f"“{text[: asked.steps]}”, then “{text[asked.steps]}”",
    }


def _command(asked: Settings, corpus: Corpus) -> str:
    """The command that makes this page again, with the name of the text unless it is the poem."""
    words = ["minigrad", "report", *([corpus.title] if corpus.title != POEM_CREDIT else [])]
    words += ["--encoding", corpus.encoding] if corpus.encoding is not None else []
    for name, value in asdict(asked).items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)
