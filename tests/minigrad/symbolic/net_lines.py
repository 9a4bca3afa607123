"""Right derivations of attention and of nets of several cells, written by hand, and the oracle's nets for them."""

from collections.abc import Callable
from typing import Any

from net_oracle import Attending, NetWorld, OverItsPast, TwoRNNs, TwoWays

from cells import GRU, RNN, Attention, AttentionCell, Bidirectional, Stacked

_HEARD = ["d_logits = yhat - y", "d_c = sum_t(yhat - y)", "dyhat/dlogits = diag(yhat) - outer(yhat, yhat)"]

TWO_RNNS = [
    "dh1/dh1_prev = diag(1 - h1**2) @ W1",
    "dh2/dh2_prev = diag(1 - h2**2) @ W2",
    "dh2/dh1 = diag(1 - h2**2) @ U2",
    "dh2/dh1_prev = diag(1 - h2**2) @ U2 @ diag(1 - h1**2) @ W1",
    "dh1/dx = diag(1 - h1**2) @ U1",
    "dh2/dx = diag(1 - h2**2) @ U2 @ diag(1 - h1**2) @ U1",
    "d_h2 = V.T @ (yhat - y) + W2.T @ d_a2_next",
    "d_a2 = d_h2 * (1 - h2**2)",
    "d_h1 = W1.T @ d_a1_next + U2.T @ d_a2",
    "d_a1 = d_h1 * (1 - h1**2)",
    "d_a1 = (W1.T @ d_a1_next + U2.T @ d_a2) * (1 - h1**2)",
    "d_x = U1.T @ d_a1",
    "d_U1 = sum_t(outer(d_a1, x))",
    "d_W1 = sum_t(outer(d_a1, h1_prev))",
    "d_b1 = sum_t(d_a1)",
    "d_U2 = sum_t(outer(d_a2, h1))",
    "d_W2 = sum_t(outer(d_a2, h2_prev))",
    "d_b2 = sum_t(d_a2)",
    "d_V = sum_t(outer(yhat - y, h2))",
    "a2 = U2 @ h1 + W2 @ h2_prev + b2",
    *_HEARD,
]

RNN_AND_GRU = [
    "dh1/dh1_prev = diag(1 - h1**2) @ W1",
    "dh2/dh1 = diag((h2_prev - n2)*z2*(1 - z2)) @ U2_z"
    " + diag((1 - z2)*(1 - n2**2)) @ (U2_n + W2_n @ diag(h2_prev*r2*(1 - r2)) @ U2_r)",
    "dr2/dh1 = diag(r2*(1 - r2)) @ U2_r",
    "dh2/dz2 = diag(h2_prev - n2)",
    "d_h1 = W1.T @ d_a1_next + U2_r.T @ d_a2_r + U2_z.T @ d_a2_z + U2_n.T @ d_a2_n",
    "d_h2 = V.T @ (yhat - y) + z2_next*d_h2_next + W2_z.T @ d_a2_z_next + W2_r.T @ d_a2_r_next"
    " + r2_next*(W2_n.T @ d_a2_n_next)",
    "d_a1 = d_h1 * (1 - h1**2)",
    "d_n2 = d_h2 * (1 - z2)",
    "d_a2_n = d_n2 * (1 - n2**2)",
    "d_z2 = d_h2 * (h2_prev - n2)",
    "d_a2_z = d_z2 * z2 * (1 - z2)",
    "d_r2 = h2_prev * (W2_n.T @ d_a2_n)",
    "d_W2_n = sum_t(outer(d_a2_n, r2*h2_prev))",
    "d_U2_z = sum_t(outer(d_a2_z, h1))",
    "d_W1 = sum_t(outer(d_a1, h1_prev))",
    "h2 = z2*h2_prev + (1 - z2)*n2",
    *_HEARD,
]

TWO_WAYS = [
    "dh_forward/dh_forward_prev = diag(1 - h_forward**2) @ W_forward",
    "dh_backward/dh_backward_next = diag(1 - h_backward**2) @ W_backward",
    "dh_backward/dx = diag(1 - h_backward**2) @ U_backward",
    "d_h = V.T @ (yhat - y)",
    "d_a_forward = d_h_forward * (1 - h_forward**2)",
    "d_a_backward = d_h_backward * (1 - h_backward**2)",
    "d_x = U_forward.T @ d_a_forward + U_backward.T @ d_a_backward",
    "d_W_forward = sum_t(outer(d_a_forward, h_forward_prev))",
    "d_U_forward = sum_t(outer(d_a_forward, x))",
    "d_V = sum_t(outer(yhat - y, h))",
    "a_backward = U_backward @ x + W_backward @ h_backward_next + b_backward",
    *_HEARD,
]


def attention(score: str) -> list[str]:
    """Attention with scores that are a product, e = m K with K = q, Wᵀ q or q / √Q."""
    key, back = {
        "dot": ("q", "{}"),
        "scaled_dot": ("(q / sqrt(2))", "({} / sqrt(2))"),
        "general": ("(W.T @ q)", "(W @ {})"),
    }[score]
    turned = {"dot": "m", "scaled_dot": "(m / sqrt(2))", "general": "(m @ W.T)"}[score]
    lines = [
        "context = m.T @ alpha",
        f"e = m @ {key}",
        "dalpha/de = diag(alpha) - outer(alpha, alpha)",
        "dcontext/dalpha = m.T",
        "dcontext/de = m.T @ (diag(alpha) - outer(alpha, alpha))",
        f"de/dq = {turned}",
        f"dcontext/dq = m.T @ (diag(alpha) - outer(alpha, alpha)) @ {turned}",
        "d_context = epsilon",
        "d_alpha = m @ d_context",
        "d_e = (diag(alpha) - outer(alpha, alpha)) @ d_alpha",
        "d_e = alpha * (d_alpha - sum(alpha * d_alpha))",
        f"d_q = {back.format('(m.T @ d_e)')}",
    ]
    for s in (1, 2, 3):
        lines += [
            f"dcontext/dm_{s} = alpha_{s}*eye(M) + outer(m.T @ (alpha_{s}*(unit({s}) - alpha)), {key})",
            f"dcontext/dm_{s} = alpha_{s}*eye(M) + alpha_{s}*outer(m_{s} - context, {key})",
            f"d_m_{s} = alpha_{s}*d_context + d_e_{s}*{key}",
        ]
    return [*lines, "d_W = outer(q, m.T @ d_e)"] if score == "general" else lines


def over_its_past(when: str, score: str) -> list[str]:
    """An RNN that attends over its past, from what one step alone reads."""
    inner = "(diag(alpha) - outer(alpha, alpha))"
    key = {"dot": "{}", "general": "(W_attention.T @ {})"}[score].format("h_prev" if when == "before" else "h")
    lines = [
        "context = m.T @ alpha",
        f"e = m @ {key}",
        "dalpha/de = " + inner.strip("()") + ")",
        f"dcontext/de = m.T @ {inner}",
        "d_alpha = m @ d_context",
        f"d_e = {inner} @ d_alpha",
        "d_logits = yhat - y",
        "d_a = d_h * (1 - h**2)",
        "d_W_inner = sum_t(outer(d_a, h_prev))",
        "d_b_inner = sum_t(d_a)",
        f"dcontext/dh_prev3 = alpha_1*eye(H) + alpha_1*outer(h_prev3 - context, {key})",
    ]
    if when == "before":
        return [
            *lines,
            f"dcontext/dh_prev2 = alpha_2*eye(H) + alpha_2*outer(h_prev2 - context, {key})",
            "dh/dcontext = diag(1 - h**2) @ U_inner @ C",
            "d_x_merged = U_inner.T @ d_a",
            "d_context = C.T @ d_x_merged",
            "d_C = sum_t(outer(d_x_merged, context))",
            "d_P = sum_t(outer(d_x_merged, x))",
            "d_x = P.T @ d_x_merged",
        ]
    return [
        *lines,
        "dh/dh_prev = diag(1 - h**2) @ W_inner",
        "dh_tilde/dcontext = diag(1 - h_tilde**2) @ C",
        "d_h_tilde = V.T @ (yhat - y)",
        "d_context = C.T @ (d_h_tilde * (1 - h_tilde**2))",
        "d_C = sum_t(outer(d_h_tilde * (1 - h_tilde**2), context))",
        "d_W = sum_t(outer(d_h_tilde * (1 - h_tilde**2), h))",
        "d_V = sum_t(outer(yhat - y, h_tilde))",
    ]


#: name -> (net, right lines, how the oracle builds the same net from a seed)
NETS: dict[str, tuple[Any, list[str], Callable[[int], NetWorld]]] = {
    "two RNNs": (Stacked([RNN(2, 3), RNN(3, 2)]), TWO_RNNS, TwoRNNs),
    "RNN and GRU": (Stacked([RNN(2, 3), GRU(3, 2)]), RNN_AND_GRU, lambda seed: TwoRNNs(seed, "GRU")),
    "two ways": (Bidirectional(RNN(2, 3), RNN(2, 2)), TWO_WAYS, TwoWays),
    **{
        f"attention {score}": (
            Attention(2, 2 if score != "general" else 4, score=score),
            attention(score),
            lambda seed, score=score: Attending(seed, score),  # type: ignore[misc]
        )
        for score in ("dot", "scaled_dot", "general")
    },
    **{
        f"past {when} {score}": (
            AttentionCell(RNN(2, 2), when=when, score=score),
            over_its_past(when, score),
            lambda seed, when=when, score=score: OverItsPast(seed, when, score),  # type: ignore[misc]
        )
        for when in ("before", "after")
        for score in ("dot", "general")
    },
}

_WORLDS: dict[tuple[str, int], NetWorld] = {}


def net_world(name: str, seed: int = 0) -> NetWorld:
    """The oracle's net for a derivation; each is run once."""
    if (name, seed) not in _WORLDS:
        _WORLDS[name, seed] = NETS[name][2](seed)
    return _WORLDS[name, seed]
