"""A plugin of pytest for the runs under mutation: few examples, the same ones each time, the quickest test first.

It is copied beside the mutated code and imported before the project's conftest.py.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

#: What was called while modules were imported; the tests that reach it are all tests.
IMPORTED = Path("called-on-import.json")
#: Seconds that each test took without a mutant.
DURATIONS = Path("durations.json")

# A failing example is all that is asked for, so nothing is shrunk or explained.
settings.register_profile(
    "mutation",
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

_seconds: dict[str, float] = json.loads(DURATIONS.read_text("utf-8")) if DURATIONS.exists() else {}


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Tests that cannot even be made notice the mutant; without this, pytest calls its own arguments wrong."""
    if report.failed and "__mutmut_" in os.environ.get("MUTANT_UNDER_TEST", ""):
        os._exit(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first: most mutants fall to one of them."""
    if _seconds:
        items.sort(key=lambda item: _seconds.get(item.nodeid, 0.0))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: Any) -> Iterator[None]:
    """Keep apart what was reached by importing: mutmut would count it for the first test alone."""
    result = yield
    try:
        from mutmut.state import state  # noqa: PLC0415  # this file is also imported where mutmut is not at work
    except ImportError:
        return result
    if state()._stats:
        IMPORTED.write_text(json.dumps(sorted(state()._stats)), "utf-8")
        state()._stats.clear()
    return result
