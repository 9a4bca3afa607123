"""Pictures, reports and the command line."""

from . import errors
from .draw import draw
from .plots.dependency import dependency
from .plots.flow import flow
from .plots.lags import lags
from .plots.plan import draw_plan
from .plots.routes import routes
from .plots.run import run_html as run_html  # shows a run in a notebook
from .plots.svg import Plot
from .render.drawing import Drawing
from .report.report import report

__all__ = ["Drawing", "Plot", "dependency", "draw", "draw_plan", "errors", "flow", "lags", "report", "routes"]
