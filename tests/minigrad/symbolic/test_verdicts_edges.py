"""Lines at the edges: the state before, the step after, names that look like targets, and equal sizes."""

import pytest

from cells import GRU, LSTM, RNN, Attention, Bidirectional, Readout, Stacked
from minigrad.symbolic import FormulaError, answered, check_derivation, derive
from minigrad.testing import assert_derivation


def statuses(cell, *lines):
    """The verdicts of some lines, in one word each."""
    return [verdict.status for verdict in check_derivation(cell, lines)]


@pytest.mark.parametrize("cell", [RNN(2, 3), LSTM(2, 3), GRU(2, 3)], ids=["RNN", "LSTM", "GRU"])
def test_as_many_classes_as_hidden_units(cell):
    """A readout with K = H gives the formulas that it gives with other sizes."""
    square, other = derive(cell, Readout(3, 3)), derive(cell, Readout(3, 5))

    assert square.text() == other.text()


def test_the_adjoint_of_the_state_before_is_whole():
    """d_h_prev is ∂E/∂h at t−1 with that step's loss; what step t alone sends back is refuted, and named."""
    cell = RNN(2, 3)

    right, share = check_derivation(cell, ["d_h_prev = V.T @ (yhat_prev - y_prev) + W.T @ d_a", "d_h_prev = W.T @ d_a"])

    assert right.status == "proved"
    assert share.status == "refuted"
    assert "what step t sends back" in share.hint


def test_a_list_of_verdicts_is_short():
    """In a notebook, a list of verdicts shows each line and what became of it."""
    found = check_derivation(RNN(2, 3), ["h = tanh(a)", "h = a"])

    assert repr(found) == "[<proved: h = tanh(a)>, <refuted: h = a>]"


def test_a_value_by_itself():
    """∂h/∂h is the identity."""
    assert str(derive(RNN(2, 3)).jacobian("h", "h")) == "I"
    assert statuses(RNN(2, 3), "dh/dh = eye(H)", "da/da = eye(H)") == ["proved", "proved"]


@pytest.mark.quick("d_f = d_f", "c = c", "h = h + (c - f*c_prev - i*g)")
@pytest.mark.parametrize(
    "lines",
    [
        "d_f = d_f",
        "q = d_f\nd_f = q",
        "q = d_c\nr = 2*q\nd_c = r/2",
        "q = d_c_next\nd_c = q_prev",
        "c = c",
        "x = x",
        "h = h*1",
        "d_c = d_c + d_h - d_h",
        "h = h + (c - f*c_prev - i*g)",
        "d_logits = d_logits",
        "q = yhat - y - 2*d_logits\nd_yhat = d_yhat + d_logits + q",
    ],
)
def test_a_line_that_says_nothing_is_not_proved(lines):
    """A line that is true whatever its left side is does not answer what the left side is."""
    *_, verdict = check_derivation(LSTM(2, 3), lines)

    assert verdict.status == "undecided"
    assert "stands on both sides, and the line is true whatever it is" in verdict.reason
    assert answered([verdict]) == answered([verdict], allow_undecided=True) == set()
    for allow_undecided in (False, True):
        with pytest.raises(AssertionError):
            assert_derivation(LSTM(2, 3), lines, allow_undecided=allow_undecided)


@pytest.mark.parametrize(
    ("net", "lines", "target"),
    [
        (LSTM(2, 3), ["d_f = 0", "∂E/∂f_t = 0", "δf_t = 0", "dE/df = 0"], "d_f"),
        (LSTM(2, 3), ["dc/dc_prev = 0", "∂c_t/∂c_{t-1} = 0"], "dc/dc_prev"),
        (LSTM(2, 3), ["c = 0", "c_t = 0"], "c"),
        (
            Stacked([RNN(2, 3), RNN(3, 3)]),
            ["dh1/da1 = 0", "dlayer1.h/da1 = 0", "∂h^(1)_t/∂a^(1)_t = 0"],
            "dh1/da1",
        ),
        (Attention(2), ["dcontext/dm_s = 0", "∂context/∂m_s = 0"], "dcontext/dm_s"),
    ],
)
def test_a_target_is_called_the_same_however_it_is_written(net, lines, target):
    """Whoever grades asks for d_f and finds it under any of its spellings."""
    assert [verdict.target for verdict in check_derivation(net, lines)] == [target] * len(lines)


HALVES = Bidirectional(LSTM(2, 3), LSTM(2, 3))

#: Lines that are true and do not say what their letters are; with the targets that the lines answer all the same.
CIRCLES = [
    (LSTM(2, 3), ["d_f = d_a_f / (f*(1 - f))"], set()),
    (LSTM(2, 3), ["d_f = d_a_f / (f*(1 - f))", "d_a_f = d_f * f*(1 - f)"], {"d_a_f"}),
    (LSTM(2, 3), ["d_f = d_a_f / (f*(1 - f))", "d_a_f = d_c*c_prev * f*(1 - f)"], {"d_f", "d_a_f"}),
    (LSTM(2, 3), ["d_c = d_f/2/c_prev + d_i/2/g", "d_i = d_c * g"], {"d_i"}),
    (LSTM(2, 3), ["d_f = d_i*c_prev/g", "d_i = d_g*g/i", "d_g = d_f*i/c_prev"], {"d_f", "d_i"}),
    (LSTM(2, 3), ["d_f = (d_f + d_i*c_prev/g)/2"], set()),
    (LSTM(2, 3), ["d_i = d_f*g/c_prev", "d_f = d_i*c_prev/g", "d_f = d_c*c_prev"], {"d_i", "d_f"}),
    (LSTM(2, 3), ["d_c = (d_c_prev - d_h_prev*o_prev*(1 - s_prev**2)) / f"], set()),
    (LSTM(2, 3), ["z = d_f_next/c", "d_c = z_prev"], set()),
    (LSTM(2, 3), ["o = h/s"], set()),
    (LSTM(2, 3), ["f = (c - i*g)/c_prev", "c = f*c_prev + i*g"], {"c"}),
    (LSTM(2, 3), ["s = d_o/d_h", "d_o = d_h*s"], {"d_o"}),
    (GRU(2, 3), ["d_n = d_z*(1 - z)/(h_prev - n)", "d_z = d_n*(h_prev - n)/(1 - z)"], {"d_z"}),
    (RNN(2, 3), ["d_h = d_a / (1 - h**2)"], set()),
    (RNN(2, 3), ["d_yhat = d_yhat + ones(K)*(1 + yhat@d_yhat)"], set()),
    (RNN(2, 3), ["yhat = yhat*sum(yhat)"], set()),
    (Attention(2), ["d_e = d_e - ones(3)*sum(d_e)"], set()),
    (Attention(2), ["alpha = alpha/sum(alpha)"], set()),
    (RNN(2, 3, activation="identity"), ["d_a = V.T@(yhat - y) + W.T@d_a_next", "d_h = d_a"], {"d_a", "d_h"}),
    (RNN(2, 3), ["d_h_prev = epsilon_prev + W.T@d_a", "d_a = d_h*(1 - h**2)"], {"d_h", "d_a"}),
    (RNN(2, 3), ["dh_next/dh = diag(1 - h_next**2)@W", "h = tanh(a)"], {"dh/dh_prev", "h"}),
    (LSTM(2, 3), ["dc/df = diag(d_f/d_c)"], set()),
    (LSTM(2, 3), ["q = d_o/d_h", "dh/do = diag(q)", "dc/df = diag(c_prev)"], {"dc/df"}),
    (GRU(2, 3), ["dh/dz = diag(d_z/d_h)", "dh/dn = diag(1 - z)"], {"dh/dn"}),
    (HALVES, ["c_forward = (c_forward_next - i_forward_next*g_forward_next)/f_forward_next"], set()),
    (HALVES, ["c_backward = (c_backward_prev - i_backward_prev*g_backward_prev)/f_backward_prev"], set()),
    (HALVES, ["c_backward = f_backward*c_backward_next + i_backward*g_backward"], {"c_backward"}),
    (HALVES, ["d_c_forward = (d_c_forward_prev - d_s_forward_prev*(1 - s_forward_prev**2))/f_forward"], set()),
    (HALVES, ["d_f_backward = d_c_backward*c_backward_next"], {"d_f_backward"}),
]


@pytest.mark.quick(
    "net4-lines4-targets4",
    "net6-lines6-targets6",
    "net8-lines8-targets8",
    "net13-lines13-targets13",
    "net15-lines15-targets15",
    "net16-lines16-targets16",
    "net17-lines17-targets17",
    "net19-lines19-targets19",
    "net20-lines20-targets20",
)
@pytest.mark.parametrize(("net", "lines", "targets"), CIRCLES)
def test_circles_answer_nothing(net, lines, targets):
    """A letter taken from what is made of it, itself among that, is answered only if another line says what that is."""
    verdicts = check_derivation(net, lines)

    assert all(verdict.status == "proved" or verdict.held for verdict in verdicts)
    assert answered(verdicts) == targets
    for verdict in verdicts:
        if verdict.target not in targets and not verdict.defines:
            with pytest.raises(
                AssertionError, match=r"no line says what .* takes it from|stands on both sides|no proof"
            ):
                assert_derivation(net, lines, targets=[verdict.target])
    if all(verdict.status == "proved" for verdict in verdicts):
        assert_derivation(net, lines, targets=targets)


@pytest.mark.parametrize(
    "line", ["d_f = log(-f)", "dc/dc_prev = diag(log(-f))", "d_f = sqrt(d_f**2)*(positive(d_f)-positive(-d_f))"]
)
def test_undecided_lines_that_answer_nothing(line):
    """Lines without a value do not pass where undecided ones do, and circles that hold answer nothing."""
    (verdict,) = check_derivation(LSTM(2, 3), line)

    assert verdict.status == "undecided"
    assert answered([verdict], allow_undecided=True) == set()
    with pytest.raises(AssertionError):
        assert_derivation(LSTM(2, 3), line, targets=[verdict.target], allow_undecided=True)


def test_targets_that_must_be_there():
    """A target that no line names is missed; a definition is no answer; what is no target is the caller's error."""
    lines = ["δf_t = δc_t ⊙ c_{t-1}", "q = d_c"]
    assert_derivation(LSTM(2, 3), lines, targets=["∂E/∂f_t"])
    with pytest.raises(AssertionError, match=r"no line says what dc/dc_prev is; .*\nno line says what d_c is"):
        assert_derivation(LSTM(2, 3), lines, targets=["d_f", "dc/dc_prev", "d_c"])
    for target in ("q", "d_zz", "d_f + d_c", "d_f = 0", ""):
        with pytest.raises(FormulaError, match="is no target"):
            assert_derivation(LSTM(2, 3), "d_f = 0", targets=[target])
    assert_derivation(LSTM(2, 3), lines, targets="d_f")


def test_a_wrong_line_that_needs_itself_is_refuted():
    """A left side on the right does not save a line that is wrong, nor does it spoil one that says what it is."""
    assert statuses(LSTM(2, 3), "d_f = 2*d_f", "c = c*f") == ["refuted", "refuted"]
    assert statuses(LSTM(2, 3), "d_c = d_h*o*(1 - s**2) + d_c_next*f_next", "f = sigmoid(a_f)") == ["proved"] * 2
    assert statuses(RNN(2, 3), "d_a = d_a/2 + d_h*(1 - h**2)/2") == ["proved"]
    assert statuses(LSTM(2, 3), "d_logits = 2*d_logits - yhat + y") == ["proved"]


def test_values_of_the_next_step():
    """The state before step t+1 is the state of step t."""
    assert (
        statuses(
            RNN(2, 3),
            "a_next = U @ x_next + W @ h + b",
            "h_next = tanh(U @ x_next + W @ h + b)",
            "d_h = W.T @ (d_h_next * (1 - tanh(U @ x_next + W @ h + b)**2)) + V.T @ (yhat - y)",
        )
        == ["proved"] * 3
    )
    assert statuses(LSTM(2, 3), "c_next = f_next * c + i_next * g_next") == ["proved"]
    assert statuses(RNN(2, 3), "a_next = U @ x_next + W @ h_prev + b") == ["refuted"]


@pytest.mark.parametrize("line", ["dW = 17*W", "da = d_h*h", "dW = sum_t(outer(d_a, h))", "E = h"])
def test_names_that_look_like_targets_are_refused(line):
    """A definition that a reader would take for a claim is an error that says how to write the claim."""
    with pytest.raises(FormulaError, match=r"not a statement; write d_|is the loss; choose another name"):
        check_derivation(RNN(2, 3), line)


@pytest.mark.parametrize("lines", ["", "# nothing", [], "foo = h"])
def test_an_assertion_without_a_claim_fails(lines):
    """A derivation that claims nothing does not pass as proved."""
    with pytest.raises(AssertionError, match="no line of the derivation makes a claim"):
        assert_derivation(RNN(2, 3), lines)


def test_rounding_at_a_jump_refutes_nothing():
    """A true line whose jump is decided by rounding is not called wrong."""
    assert statuses(RNN(2, 3), "h = tanh(a) + positive((h + 0.1) - h - 0.1)") == ["undecided"]


def test_lines_beyond_every_run_are_undecided():
    """A line that no run is long enough to try is not called wrong."""
    steps = ["q1 = d_a_next", "q2 = q1_next", "q3 = q2_next", "q4 = q3_next"]

    assert statuses(RNN(2, 3), *steps, "h = tanh(a) + q4_next - q4_next")[-1] in ("proved", "undecided")


@pytest.mark.parametrize(
    "line", ["h = tanh(a)*exp(-750)*exp(700)*exp(50)", f"h = tanh(a){'*0.000001' * 60}{'*1000000' * 60}"]
)
def test_a_right_line_is_not_refuted_where_numbers_underflow(line: str) -> None:
    """Numbers below the smallest floating-point number become 0, and what they are made of is still the line's."""
    right, wrong = check_derivation(RNN(2, 3), [line, "h = 2*h*exp(-300)*exp(250)*exp(50)"])

    assert (right.status, wrong.status) == ("proved", "refuted")


def test_numbers_are_read_as_they_are_written() -> None:
    """A number that a float would round to 1 is not 1, and what is wrong with it is not proved."""
    nearly, whole = check_derivation(
        RNN(2, 3), ["h = 1.00000000000000000000001 * tanh(a)", "h = 0x10/16 * .5e1/5 * tanh(a)"]
    )

    assert (nearly.status, whole.status) == ("refuted", "proved")


def test_names_that_reach_back_one_after_the_other_are_refused() -> None:
    """Each line looks one step further back than the one before; no run is so long, and terms would not end."""
    chain = [f"q{i} = softmax(q{i - 1} + q{i - 1}_prev)" for i in range(1, 200)]
    *_, early, last, other = check_derivation(
        RNN(2, 3), ["q0 = h", *chain[:6], chain[-1], "h = tanh(a) + q6_next - q6_next", "h = tanh(a)"]
    )

    assert (early.status, last.status, other.status) == ("unread", "unread", "proved")
    assert "reach over 7 steps" in last.reason


def test_a_matrix_times_equal_columns_scales_its_rows() -> None:
    """(v 1ᵀ) ⊙ W is diag(v) W, as NumPy users write it."""
    right, wrong = check_derivation(
        RNN(2, 3), [f"dh/dh_prev = outer({sides}) * W" for sides in ("1 - h**2, ones(H)", "ones(H), 1 - h**2")]
    )

    assert (right.status, wrong.status) == ("proved", "refuted")


def test_epsilon_can_be_forbidden() -> None:
    """With allow_epsilon=False a line may not pass over the loss by ε, unless it says what ε is."""
    line = "d_h = epsilon + W.T @ d_a_next"
    forbidden, _ = check_derivation(RNN(2, 3), [line, "h = tanh(a)"], Readout(3, 4), allow_epsilon=False)
    defined = check_derivation(RNN(2, 3), ["epsilon = V.T @ (yhat - y)", line], Readout(3, 4), allow_epsilon=False)

    assert (forbidden.status, "ε is not allowed" in forbidden.reason) == ("unread", True)
    assert defined[-1].status == "proved"
    with pytest.raises(AssertionError, match="not allowed"):
        assert_derivation(RNN(2, 3), [line, "h = tanh(a)"], Readout(3, 4), allow_epsilon=False)


ZEROS = "*".join(f"(b_f - {q}*ones(H))" for q in (-1.25, -1, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1, 1.25))


@pytest.mark.parametrize(
    "line",
    [
        "dc/df = 1.0000000001*diag(c_prev)",
        "d_W_f = 1.0000000001*sum_t(outer(d_a_f, h_prev))",
        f"f = sigmoid(a_f) + {ZEROS}",
        "dc/dc_prev = diag(f + positive(c - 20))",
        "dc/dc_prev = diag(f + positive(c - 50))",
        "d_b_f = sum_t(d_a_f) + positive(b_i - 5)",
    ],
)
def test_lines_that_are_wrong_by_little_or_seldom_are_refuted(line: str) -> None:
    """A factor of 1 + 1e-10, a polynomial that is 0 for every short number, and a jump at large values do not pass."""
    assert statuses(LSTM(2, 3), line) == ["refuted"]
