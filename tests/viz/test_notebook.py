import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells import RNN
from cells.analysis import Diagnosis, diagnose
from cells.analysis.bounds import Explained, Formula, explain
from cells.analysis.jacobians import LagNorms

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b", "</div>", "javascript:alert(1)"]


def parsed(html):
    """The elements of a fragment; fails if it is not well-formed."""
    return ET.fromstring(f"<div>{html}</div>")


def test_a_derivation_in_a_notebook():
    """Every formula of the derivation is a piece of MathML under its heading."""
    explained = explain(RNN(2, 2), None, RNN(2, 2).init(np.random.default_rng(0)), 3)

    shown = parsed(explained._repr_html_())

    count = sum(len(lines) for lines in explained.sections.values())
    assert len([e for e in shown.iter() if e.tag.endswith("}math") or e.tag == "math"]) == count
    assert [e.text for e in shown.iter("h4")] == list(explained.sections)


@given(name=st.sampled_from(HOSTILE), other=st.sampled_from(HOSTILE))
def test_hostile_words_stay_words(name, other):
    """Names of gates and routes, headings, reasons and refusals reach a notebook as text, never as markup."""
    numbers = {"steps": 2, "final_norm": 0.5, "rate_per_step": 0.7, "half_life": 2.0, "lost_at": None}
    diagnosis = Diagnosis(
        **numbers, largest_at=0, largest_norm=1.0, bound=None, saturated={name: 0.5}, routes={name: 0.9, "direct": 0.1}
    )
    explained = Explained({name: [Formula("x", "x", other)]}, "", "", refusal=other)

    said, derived = parsed(diagnosis._repr_html_()), parsed(explained._repr_html_())

    assert {e.tag for e in said.iter()} == {"div", "ul", "li"}
    assert name in "".join(said.itertext())
    assert not {e.tag for e in derived.iter()} & {"script", "img"}
    assert derived.find("h4").text == name
    assert derived.find("p").text == other


@pytest.mark.parametrize("norms", [[1.0, 0.0], [1.0, np.inf], [1.0, 0.5, 0.25]])
def test_a_notebook_says_what_the_sentences_say(norms):
    """Each sentence is one item of the list."""
    diagnosis = diagnose(LagNorms(np.array(norms), np.array(norms)))

    assert [item.text for item in parsed(diagnosis._repr_html_()).iter("li")] == diagnosis.sentences()
