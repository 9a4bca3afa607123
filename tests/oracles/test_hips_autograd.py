"""The test files of HIPS autograd, run on minigrad where their source distribution can be downloaded."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).parent / "hips_autograd.py"


@pytest.mark.nightly
def test_no_number_is_wrong_by_the_tests_of_autograd(tmp_path: Path) -> None:
    """None of autograd's tests gets a wrong number from minigrad, and more than a hundred pass."""
    download = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-binary",
        "autograd",
        "autograd==1.8.0",
    ]
    if subprocess.run([*download, "-d", str(tmp_path)], capture_output=True, timeout=300, check=False).returncode:
        pytest.skip("autograd's source distribution could not be downloaded")
    (archive,) = tmp_path.glob("autograd-*.tar.gz")

    done = subprocess.run([sys.executable, str(RUNNER), str(archive)], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout[done.stdout.index("{\n") :])

    assert found["wrong"] == {}
    assert found["counts"]["passed"] > 100
