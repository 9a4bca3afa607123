"""Plots as SVG: matplotlib without a display, a date or a random id, so the bytes are always the same."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from ..colour_scale import Scale
from ..errors import DrawingFormatError
from ..output import load, write_whole
from ..scene.labels import printable
from ..style import NON_FINITE, VIRIDIS, ZERO

__all__ = [
    "COLOURS",
    "FEW",
    "Curve",
    "Heat",
    "Plot",
    "colour_bar",
    "curves_on",
    "heat_on",
    "lag_plot",
    "letters",
    "plain",
    "plot_suffix",
    "plotted",
    "scale_of",
]

#: The colours of curves side by side: Okabe and Ito's blue, vermillion, green, purple, orange, sky, black.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: The file formats of plots.
PLOT_SUFFIXES = (".svg", ".png", ".pdf")
_SYMBOL = re.compile(r"([A-Za-z]+)_([A-Za-z0-9]+)")
#: Labels that fit on an axis in letters of the usual size.
FEW = 14
#: A proved bound may leave a plot, this many times above the largest norm that was measured.
HEADROOM = 1e4
#: Figures are made without pyplot, so nothing is kept and no window system is asked.
_SETTINGS = {"svg.hashsalt": "minigrad", "svg.fonttype": "path", "font.size": 10, "path.simplify": False}
#: matplotlib's settings are one for all threads.
_ONE_AT_A_TIME = Lock()


def plot_suffix(path: str | os.PathLike[str]) -> str:
    """The file's format by its suffix, in lower case.

    Raises
    ------
    DrawingFormatError
        If it cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in PLOT_SUFFIXES:
        raise DrawingFormatError(
            f"cannot plot {suffix or 'a file without suffix'}; use one of {', '.join(PLOT_SUFFIXES)}"
        )
    return suffix


@dataclass(frozen=True)
class Plot:
    """A figure as SVG, and the numbers in it.

    Attributes
    ----------
    svg : str
        The same for the same numbers in every run.
    data : dict of str to numpy.ndarray
        What is plotted, by name.
    render : callable
        From the name of a format to the figure in it.
    """

    svg: str = field(repr=False)
    data: Mapping[str, np.ndarray]
    render: Callable[[str], bytes] = field(repr=False, compare=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the figure; the suffix says how: .svg, .png or .pdf.

        Parameters
        ----------
        path : str or path
            The file; an old one is replaced at once or not at all.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        DrawingFormatError
            If the suffix is another.
        OutputError
            If the file cannot be written; an old file is left as it was.
        """
        suffix = plot_suffix(path)
        return write_whole(path, self.svg.encode() if suffix == ".svg" else self.render(suffix[1:]))

    def _repr_svg_(self) -> str:
        return self.svg


@dataclass(frozen=True)
class Curve:
    """Numbers over 0, 1, 2, … and how their line looks: a colour and "-", "--" or ":"."""

    label: str
    values: np.ndarray
    colour: str
    line: str = "-"


@dataclass(frozen=True)
class Heat:
    """Norms in rows and columns, and the words beside them; what is masked stays blank."""

    values: np.ndarray
    rows: Sequence[str]
    columns: Sequence[str]
    xlabel: str
    ylabel: str
    title: str = ""


def plotted(
    draw: Callable[[Any], None], size: tuple[float, float], data: Mapping[str, np.ndarray], path: Any = None
) -> Plot:
    """A figure that `draw` fills, as a Plot; saved if a path is given."""

    def render(suffix: str) -> bytes:
        with _settings():
            figure = load("matplotlib.figure").Figure(figsize=size, layout="constrained")
            draw(figure)
            content = BytesIO()
            metadata = {"png": {}, "svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None}}[suffix]
            figure.savefig(content, format=suffix, metadata=metadata)
        return content.getvalue()

    plot = Plot(render("svg").decode(), dict(data), render)
    if path is not None:
        plot.save(path)
    return plot


@contextmanager
def _settings() -> Iterator[None]:
    """The library's own settings with ours: neither the user's nor, while one thread draws, those of another."""
    with _ONE_AT_A_TIME, load("matplotlib.style").context(["default", _SETTINGS]):
        yield


def plain(words: str) -> str:
    r"""Words from outside as matplotlib shows them letter by letter: no formulas, nothing that XML cannot hold.

    Examples
    --------
    >>> print(plain("$x$ costs"))
    \$x\$ costs
    """
    return printable(words, 60).replace("$", r"\$")


def letters(name: str) -> str:
    r"""A name with its subscript as a formula has it, ``a_f``; anything else letter by letter.

    Examples
    --------
    >>> print(letters("a_f"), letters("h"))
    $\mathrm{a}_\mathrm{f}$ h
    """
    found = _SYMBOL.fullmatch(name)
    return rf"$\mathrm{{{found[1]}}}_\mathrm{{{found[2]}}}$" if found else plain(name)


def curves_on(axes: Any, curves: Sequence[Curve], xlabel: str, ylabel: str) -> None:
    """Curves on a logarithmic axis; zeros, which have no logarithm, leave a gap, inf and nan a cross at the top."""
    for curve in curves:
        values = np.where(np.isfinite(curve.values) & (curve.values > 0), curve.values, np.nan)
        marker = "o" if curve.line == "-" else None
        axes.semilogy(values, curve.line, color=curve.colour, label=plain(curve.label), marker=marker, markersize=3)
    lost = sorted({int(i) for c in curves if c.line == "-" for i in np.flatnonzero(~np.isfinite(c.values))})
    if lost:
        top = axes.get_xaxis_transform()
        orange = NON_FINITE["color"]
        axes.plot(lost, [1.0] * len(lost), "X", transform=top, color=orange, clip_on=False, label="inf or nan")
    measured = [v for c in curves if c.line == "-" for v in np.ravel(c.values) if 0 < v < np.inf]
    if measured:
        low, high = axes.get_ylim()
        axes.set_ylim(low, min(high, HEADROOM * max(measured)))
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")


def heat_on(axes: Any, heat: Heat, scale: Scale) -> Any:
    """Norms as colours of log10, on the scale of the drawings; zero is grey, inf and nan orange."""
    colors = load("matplotlib.colors")
    ramp = colors.LinearSegmentedColormap.from_list("gradient", VIRIDIS)
    colours = ramp.with_extremes(under=ZERO["color"], over=NON_FINITE["color"], bad="white")
    norms = np.ma.getdata(heat.values)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.clip(np.log10(norms), scale.low, scale.high)
    finite = np.where(norms > 0, logs, scale.low - 1.0)
    shown = np.ma.array(np.where(np.isfinite(norms), finite, scale.high + 1.0), mask=np.ma.getmaskarray(heat.values))
    image = axes.imshow(shown, cmap=colours, vmin=scale.low, vmax=scale.high, aspect="auto", interpolation="nearest")
    _ticks(axes.set_xticks, heat.columns)
    _ticks(axes.set_yticks, [letters(row) for row in heat.rows])
    axes.set_xlabel(heat.xlabel)
    axes.set_ylabel(heat.ylabel)
    axes.set_title(plain(heat.title), fontsize=10)
    return image


def _ticks(put: Callable[..., Any], words: Sequence[str]) -> None:
    """Every name, in small letters where there are many; of numbers at most a dozen."""
    counted = all(word.isdigit() for word in words)
    stride = -(-len(words) // 12) if counted and len(words) > FEW else 1
    size = 10 if counted or len(words) <= FEW else 6.5
    put(range(0, len(words), stride), labels=list(words)[::stride], fontsize=size)


def colour_bar(figure: Any, image: Any, axes: Any, white: str = "no such value") -> None:
    """The scale beside heat maps, and what the colours outside of it mean; `white` is the meaning of blank cells."""
    drawn = [one for panel in np.ravel(axes) for one in panel.images]
    lost = any(np.ma.max(one.get_array()) > one.norm.vmax for one in drawn)
    blank = any(np.ma.getmaskarray(one.get_array()).any() for one in drawn)
    zero = any(np.ma.min(one.get_array()) < one.norm.vmin for one in drawn)
    meanings = {"grey: exactly 0": zero, f"white: {white}": blank, "orange: inf or nan": lost}
    words = ", ".join(meaning for meaning, there in meanings.items() if there)
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get((zero, lost), "neither")
    figure.colorbar(
        image, ax=axes, label=f"log10 of the norm{f' ({words})' if words else ''}", extend=extend, shrink=0.9
    )


def lag_plot(curves: Sequence[Curve], ylabel: str, path: Any = None) -> Plot:
    """Norms of the Jacobian over the lag T − k; the title tells them from the loss's gradient."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        curves_on(axes, curves, "lag T − k", ylabel)
        axes.set_title("Jacobian, in its worst direction: a loss at T has ‖∂E/∂s_k‖ ≤ this · ‖∂E/∂s_T‖", fontsize=9)

    return plotted(draw, (7.2, 3.6), {curve.label: curve.values for curve in curves}, path)


def scale_of(*values: np.ndarray) -> Scale:
    """The scale of the drawings for these norms."""
    return Scale.over(float(v) for array in values for v in np.ma.compressed(array))
