"""Install the oldest versions that pyproject.toml allows, and run a quick part of the tests with them.

``python tools/check_lowest.py`` makes an environment of its own in a temporary directory; it takes about two minutes.
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: The extras whose bounds are tried, besides what is always installed.
EXTRAS = ("report", "safetensors", "test", "fast")
#: A quick part of the tests that uses every dependency.
TESTS = (
    "tests/minigrad/test_tensor.py",
    "tests/minigrad/test_check_backward.py",
    "tests/cells/test_state_dicts.py",
    "tests/viz/test_cli.py",
    "tests/viz/test_commands_formulas.py",
)


def lowest() -> list[str]:
    """The requirements with each lower bound as the version itself: ``numpy==2.0`` for ``numpy>=2.0``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in EXTRAS for one in project["optional-dependencies"][extra])]
    bounded = [one for one in asked if not one.startswith("minigrad[")]
    unbounded = [one for one in bounded if ">=" not in one]
    if unbounded:
        sys.exit(f"these requirements have no lower bound: {', '.join(unbounded)}")
    return [re.sub(r">=([\w.]+).*", r"==\1", one) for one in bounded]


def main() -> int:
    """Run the tests; exit code 0 if they pass with the oldest versions."""
    with tempfile.TemporaryDirectory() as name:
        environment = Path(name)
        python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *lowest()], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "-e", ROOT], check=True)
        run = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", *TESTS]
        run += ["-W", "ignore::DeprecationWarning"]  # old libraries beside newer ones of their own dependencies
        return subprocess.run(run, cwd=ROOT, env={**os.environ, "HYPOTHESIS_PROFILE": "dev"}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
