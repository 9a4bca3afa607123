"""Build the sdist and the wheel, install the wheel in a fresh environment, and try it there.

``python tools/check_wheel.py`` takes this interpreter; ``python tools/check_wheel.py python3.12 python3.13``
those named. Needs ``build`` (extra ``dev``). What is built stays in ``dist/``.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: What a user does first; run where the source tree cannot be imported.
SMOKE = """
import sys
import numpy as np
import minigrad as mg, cells, viz
from minigrad.symbolic import check_derivation, derive

assert sys.prefix in mg.__file__ and sys.prefix in cells.__file__ and sys.prefix in viz.__file__, mg.__file__
cell = cells.LSTM(2, 3)
params, xs = cell.init(np.random.default_rng(0)), np.ones((4, 2))

def loss(params, xs):
    return (cells.unroll(cell, params, xs).final.h ** 2).sum()

gradient = mg.grad(loss)(params, xs)["W_f"]
assert gradient.shape == (3, 3)
assert np.allclose(mg.compile(mg.grad(loss))(params, xs)["W_f"], gradient)
assert viz.draw(mg.trace(loss, params, xs)).svg.startswith("<?xml")
assert str(derive(cell).jacobian("c", "c_prev")) == "diag(f_t)"
assert [verdict.status for verdict in check_derivation(cell, "dc/dc_prev = diag(f)")] == ["proved"]
print(f"minigrad {mg.__version__} on Python {sys.version.split()[0]}, NumPy {np.__version__}: fine")
"""

#: The weights of a net in a file, and a line to check.
SAVE = """
from pathlib import Path
import numpy as np
import cells
from safetensors.numpy import save_file

cell = cells.GRU(2, 3, reset="after")
state = cells.to_torch(cell, cell.init(np.random.default_rng(0), np.float32))
save_file({key: np.ascontiguousarray(value) for key, value in state.items()}, "net.safetensors")
Path("lines.txt").write_text("dc/dc_prev = diag(f)", encoding="utf-8")
"""


def run(*command: str | Path, cwd: Path, quiet: bool = True) -> None:
    """Run a command; its output is shown if it fails."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode or not quiet:
        sys.stdout.write(done.stdout)
    if done.returncode:
        sys.exit(f"this failed: {' '.join(map(str, command))}")


def build(directory: Path) -> Path:
    """The wheel, made from the sdist, so that the sdist is known to be whole."""
    run(sys.executable, "-m", "build", "--outdir", directory, cwd=ROOT)
    wheels = sorted(directory.glob("minigrad-*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    return wheels[-1]


def smoke(python: str, wheel: Path) -> None:
    """Install the wheel with what the report needs, and use it from Python and from the command line."""
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        run(python, "-m", "venv", "environment", cwd=here)
        programs = here / "environment" / ("Scripts" if os.name == "nt" else "bin")
        run(programs / "python", "-m", "pip", "install", "-q", f"{wheel}[report]", cwd=here)
        run(programs / "python", "-I", "-c", SMOKE, cwd=here, quiet=False)
        run(programs / "minigrad", "draw", "--steps", "5", "--out", "graph.svg", cwd=here)
        run(programs / "minigrad", "report", "--out", "report", cwd=here)
        run(programs / "python", "-I", "-c", SAVE, cwd=here)
        run(programs / "minigrad", "report", "--weights", "net.safetensors", "--steps", "4", "--out", "saved", cwd=here)
        run(programs / "python", "-m", "minigrad", "check", "lstm", "lines.txt", cwd=here)
        assert (here / "graph.svg").stat().st_size > 1000
        assert all((here / name / "report.html").stat().st_size > 10_000 for name in ("report", "saved"))


if __name__ == "__main__":
    built = build(ROOT / "dist")
    for interpreter in sys.argv[1:] or [sys.executable]:
        smoke(interpreter, built)
