"""What all tests share: Hypothesis profiles, NumPy's floating-point policy, and skips for missing tools.

Profiles are chosen by the environment variable ``HYPOTHESIS_PROFILE``; without it, ``ci`` where the variable
``CI`` is set and ``dev`` elsewhere. ``dev`` draws new examples in each run, ``ci`` the same ones in each run, and
``nightly`` more than twice as many.
"""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Building an expression graph draws many values, and runs beside other work: neither is a fault.
_UNHURRIED = (HealthCheck.too_slow, HealthCheck.data_too_large)

settings.register_profile("dev", max_examples=25, deadline=None, suppress_health_check=_UNHURRIED)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.register_profile("nightly", settings.get_profile("ci"), max_examples=60)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

#: Names under which Chromium is installed.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def _missing_tools() -> dict[str, str]:
    """For each marker whose tool is not here: why its tests are skipped."""
    missing = {}
    if shutil.which("dot") is None:
        missing["dot"] = "needs a system `dot` on the PATH"
    if not any(map(shutil.which, BROWSERS)):
        missing["browser"] = "needs headless Chromium on the PATH"
    if find_spec("torch") is None:
        missing["parity"] = 'needs PyTorch: pip install "torch==2.13.0"'
    return missing


def pytest_configure(config: pytest.Config) -> None:
    """Overflow, division by zero and invalid operations warn, and a warning is an error; underflow is silent."""
    np.seterr(divide="warn", over="warn", invalid="warn", under="ignore")


#: Folders whose tests are all nightly: heavy loads, faults of the system, arbitrary bytes.
NIGHTLY = tuple(Path(__file__).parent / folder for folder in ("robustness", "fuzzing"))


def _is_nightly(item: pytest.Item) -> bool:
    """Tell whether a test is nightly by its folder, or as a case that ``@pytest.mark.quick`` does not name."""
    quick = item.get_closest_marker("quick")
    case = item.callspec.id if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ""
    return any(folder in item.path.parents for folder in NIGHTLY) or (quick is not None and case not in quick.args)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark nightly cases, and skip tests whose tool is missing, with the reason."""
    missing = _missing_tools()
    for item in items:
        if _is_nightly(item):
            item.add_marker(pytest.mark.nightly)
        for name, reason in missing.items():
            if item.get_closest_marker(name) is not None:
                item.add_marker(pytest.mark.skip(reason=reason))
