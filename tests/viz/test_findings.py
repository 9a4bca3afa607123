import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from cells import GRU, LSTM, RNN, Readout, unroll
from cells.analysis.bounds import explain, over_lags
from cells.analysis.findings import CELLS, Settings, findings
from cells.analysis.jacobians import lag_norms, step_jacobians
from cells.analysis.training import MOST_CHARACTERS, Corpus, new_model, read_corpus, sequence_loss, window
from minigrad.symbolic import derive

QUICK = {"steps": 5, "hidden": 4, "updates": 12, "batch": 4}


@pytest.fixture(scope="module", params=[RNN, LSTM, GRU])
def proved(request):
    """A cell and its bound, which does not depend on parameters."""
    cell = request.param(2, 3)
    return cell, derive(cell).bound()


@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 5))
def test_the_proved_bound_is_never_exceeded(proved, seed, scale):
    """At every lag the measured norm is at most the bound, whatever the weights and inputs are."""
    rng = np.random.default_rng(seed)
    cell, bound = proved
    params = {name: value * scale for name, value in cell.init(rng).items()}
    xs = rng.normal(size=(5, 2)) * scale

    most = over_lags(bound, params, 5)

    measured = lag_norms(step_jacobians(cell, params, xs)).measured
    assert most.shape == measured.shape
    assert (measured <= most * (1 + 1e-9)).all()


def test_the_bound_is_tight_for_an_orthogonal_linear_net():
    """With an orthogonal W and the identity, nothing is lost, and the bound says 1 as well."""
    rng = np.random.default_rng(0)
    cell = RNN(2, 3, activation="identity")
    params = cell.init(rng)

    explained = explain(cell, Readout(3, 2), params, 4)

    np.testing.assert_allclose(explained.bound, 1.0)
    np.testing.assert_allclose(lag_norms(step_jacobians(cell, params, rng.normal(size=(4, 2)))).measured, 1.0)


@pytest.mark.parametrize("cell", CELLS)
def test_training_lowers_the_loss(cell):
    """After some updates the text is less surprising than before."""
    found = findings(read_corpus(), Settings(cell=cell, steps=6, hidden=8, updates=60))

    assert found.losses[-10:].mean() < 0.8 * found.losses[0]
    assert np.log(len(found.corpus.alphabet)) == pytest.approx(found.losses[0], rel=0.2)


def test_the_graph_is_that_of_the_last_loss():
    """What is drawn computes −log ŷ of the last character, and its last state is the run's."""
    found = findings(read_corpus(), Settings(**QUICK))
    final = unroll(found.model.cell, found.model.params["cell"], found.sample.xs).final
    logits = found.model.readout.logits(found.model.params["readout"], final.h)

    expected = np.log(np.exp(logits).sum()) - logits[found.sample.targets[-1]]

    assert found.graph.outputs["out"].value == pytest.approx(expected)


def test_the_derivation_names_the_cell():
    """The text shows the textbook's Jacobian, and the proof ends in the bound."""
    explained = explain(RNN(2, 3), Readout(3, 2), RNN(2, 3).init(np.random.default_rng(0)), 3)

    assert "∂h_t/∂h_{t-1} = diag(1 − h_t²) W" in explained.text
    assert "‖∂h_T/∂h_k‖ ≤ ‖W‖^(T-k)" in explained.text
    assert r"\operatorname{diag}" in explained.latex


def test_as_many_classes_as_hidden_units():
    """Sizes that happen to be equal do not confuse the derivation."""
    rng = np.random.default_rng(0)

    assert explain(RNN(3, 3), Readout(3, 3), RNN(3, 3).init(rng), 2).bound is not None


def test_gathered_columns_are_one_hot_products():
    """The loss of codes and its gradient are those of the cell on one-hot inputs, however large the alphabet is."""
    corpus = Corpus("", "".join(chr(0x4E00 + i) for i in range(40)))
    model = new_model(GRU(40, 3), 40, np.random.default_rng(0))
    batch = window(corpus, 5, np.array([0, 20]))

    def dense(params):
        run = unroll(model.cell, params["cell"], batch.xs)
        return mg.cross_entropy(model.readout.logits(params["readout"], run.outputs), batch.targets).mean()

    loss, gradient = mg.value_and_grad(lambda p: sequence_loss(model, p, batch))(model.params)
    expected, whole = mg.value_and_grad(dense)(model.params)

    assert loss == pytest.approx(expected, rel=1e-14)
    for name, value in whole["cell"].items():
        np.testing.assert_allclose(gradient["cell"][name], value, rtol=1e-12, atol=1e-16)


def test_too_many_characters_are_refused(tmp_path):
    """A text with more different characters than the limit is one clear error, not a run without an end."""
    path = tmp_path / "characters.txt"
    path.write_text("".join(chr(0x4E00 + i) for i in range(MOST_CHARACTERS + 1)), encoding="utf-8")

    with pytest.raises(ValueError, match=f"more than {MOST_CHARACTERS:,}"):
        read_corpus(path)
