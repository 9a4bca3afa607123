"""The page with the mathematics."""

from pathlib import Path

import pytest

from cells import claims
from tools.docs.mathematics import main, page

PAGE = Path(__file__).parents[2] / "docs" / "mathematics.md"


def test_the_page_is_fresh(tmp_path: Path) -> None:
    """The page is what its command makes now; ``python -m tools.docs.mathematics docs/mathematics.md`` makes it."""
    main([tmp_path / "page.md"])

    assert (tmp_path / "page.md").read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


@pytest.mark.nightly
@pytest.mark.nightly
def test_every_claim_is_on_the_page() -> None:
    """Each claim stands there with its verdict, and with its counterexample where it has one."""
    text = page()

    for claim in claims.examine():
        heading = f"### Claim: {claim.name.replace('_', ' ')} – {claim.verdict}"
        assert heading in text
        entry = text.split(heading)[1].split("### ")[0]
        assert claim.statement.latex in entry
        assert ("Counterexample:" in entry) == (claim.counterexample is not None)
