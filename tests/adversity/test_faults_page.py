"""The table of faults in the documentation."""

from faults_page import PAGE, page


def test_the_page_is_that_of_the_tests() -> None:
    """docs/faults.md says what the tests say; if not, run `python tests/adversity/faults_page.py`."""
    assert PAGE.read_text("utf-8") == page()
