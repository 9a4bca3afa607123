"""Pictures, reports and the command line."""

from cells.unroll import DISPLAYS as RUN_DISPLAYS
from minigrad.graph import DISPLAYS

from . import errors
from .dependencies import dependency
from .drawing import Drawing
from .flows import flow
from .graphs import draw
from .plans import draw_plan
from .plots import Plot
from .reports import report
from .runs import run_html
from .splits import routes
from .triangles import lags

__all__ = ["Drawing", "Plot", "dependency", "draw", "draw_plan", "errors", "flow", "lags", "report", "routes"]

DISPLAYS["svg"] = lambda graph: draw(graph).svg
RUN_DISPLAYS["html"] = run_html
