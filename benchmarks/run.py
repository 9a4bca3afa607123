"""Run the benchmarks that take minutes, not hours, and write their sections of benchmarks/README.md.

``python benchmarks/run.py``. Libraries to compare with are optional: ``pip install torch autograd micrograd``.
"""

import subprocess
import sys
from pathlib import Path

SCRIPTS = ("tape.py",)


def main() -> None:
    """Run each script in an interpreter of its own, one thread each, so that none disturbs the next."""
    for script in SCRIPTS:
        subprocess.run([sys.executable, Path(__file__).with_name(script), "--write", *sys.argv[1:]], check=True)


if __name__ == "__main__":
    main()
