"""Measures every primitive's rounding in units in the last place, and writes docs/accuracy.md.

    python tests/oracles/accuracy.py

A unit in the last place (ulp) is the distance between the exact number's nearest float and the next one; 0.5 is
the best that rounding can do. Sums are measured in ulps of the sum of their terms' sizes, because a sum that
cancels cannot be better than its terms.
"""

import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
import numpy as np

import minigrad as mg
from minigrad.primitive import PRIMITIVES
from minigrad.sweep import forward_sweep, reverse_sweep
from minigrad.tensor import bind

__all__ = ["BOUNDS", "Row", "measure", "table", "vanishing"]

DIGITS = 50
#: Sizes of arguments, of either sign where that is allowed.
RANGES = {
    "ordinary": "1/64 to 3",
    "large": "3 to 700 (float32: 87)",
    "tiny": "the smallest normal number to 1/1024",
    "subnormal": "below the smallest normal number",
}
#: Points for each primitive, range and dtype.
POINTS = 5000


class Row(NamedTuple):
    """Rounding of one primitive in one range: largest and median error in ulps."""

    name: str
    range: str
    dtype: str
    value_max: float
    value_median: float
    slope_max: float
    slope_median: float


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def _sigmoid_slope(x: Any) -> Any:
    return 1 / (2 + mpmath.exp(x) + mpmath.exp(-x))


#: By name: the value, the slope, and whether arguments must be positive.
UNARY: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], bool]] = {
    "exp": (mpmath.exp, mpmath.exp, False),
    "log": (mpmath.log, lambda x: 1 / x, True),
    "sqrt": (mpmath.sqrt, lambda x: 1 / (2 * mpmath.sqrt(x)), True),
    "tanh": (mpmath.tanh, lambda x: mpmath.sech(x) ** 2, False),
    "sigmoid": (_sigmoid, _sigmoid_slope, False),
    "relu": (lambda x: max(x, mpmath.mpf(0)), lambda x: mpmath.mpf(x > 0), False),
    "absolute": (abs, lambda x: mpmath.sign(x), False),
    "negative": (lambda x: -x, lambda x: mpmath.mpf(-1), False),
}

#: By name: the value, and the two slopes.
BINARY: dict[str, tuple[Callable[[Any, Any], Any], ...]] = {
    "add": (lambda a, b: a + b, lambda a, b: mpmath.mpf(1), lambda a, b: mpmath.mpf(1)),
    "subtract": (lambda a, b: a - b, lambda a, b: mpmath.mpf(1), lambda a, b: mpmath.mpf(-1)),
    "multiply": (lambda a, b: a * b, lambda a, b: b, lambda a, b: a),
    "divide": (lambda a, b: a / b, lambda a, b: 1 / b, lambda a, b: -a / b**2),
    "power": (
        lambda x, n: x**n,
        lambda x, n: n * x ** (n - 1),
        lambda x, n: x**n * mpmath.log(x),
    ),
    "minimum": (min, lambda a, b: mpmath.mpf(a < b), lambda a, b: mpmath.mpf(b < a)),
    "maximum": (max, lambda a, b: mpmath.mpf(a > b), lambda a, b: mpmath.mpf(b > a)),
}

#: What slopes are measured against, where it is not the slope itself: from the slope, the value and the arguments.
SCALES: dict[str, Callable[..., Any]] = {
    "tanh": lambda truth, value, x: mpmath.mpf(1),
    "sigmoid": lambda truth, value, x: value,
}

#: Entries in the vectors that sums, means, products and softmax are measured on.
LENGTH = 10


def _softmax(x: list[Any]) -> list[Any]:
    weights = [mpmath.exp(entry) for entry in x]
    return [weight / sum(weights) for weight in weights]


def entries(rng: np.random.Generator, which: str, size: Any, dtype: Any, positive: bool) -> np.ndarray:
    """Random numbers of a range: uniform in size where that is bounded, else in the exponent."""
    kind = np.finfo(dtype)
    if which == "ordinary":
        x = rng.uniform(2**-6, 3, size)
    elif which == "large":
        x = rng.uniform(3, 700 if dtype == np.float64 else 87, size)
    elif which == "tiny":
        x = 2 ** rng.uniform(kind.minexp + 1, -10, size)
    else:
        x = float(kind.smallest_normal) * rng.uniform(0, 1, size)
    x = np.maximum(x, float(kind.smallest_subnormal)).astype(dtype)
    return x if positive else np.where(rng.random(size) < 0.5, -x, x)


def ulps(got: Any, exact: Any, dtype: Any, scale: Any = None) -> float:
    """|got − exact| in ulps of `scale`, which is the exact number by default; NaN where a result may overflow."""
    with np.errstate(over="ignore", under="ignore"):
        nearest = np.abs(np.float64(float(exact if scale is None else scale))).astype(dtype)
    if not nearest < np.finfo(dtype).max / 1000 or not abs(exact) < np.finfo(dtype).max / 1000:
        return np.nan
    return float(abs(mpmath.mpf(float(got)) - exact) / mpmath.mpf(float(np.spacing(nearest))))


def _derivatives(name: str, args: tuple[np.ndarray, ...], params: Any = None) -> tuple[Any, list[Any], list[Any]]:
    """The value, and what a cotangent and a tangent of ones become, argument by argument."""
    leaves = [mg.tensor(x) for x in args]
    with np.errstate(all="ignore"):
        output = bind(PRIMITIVES[name], tuple(leaves), params or {})
        pulled = reverse_sweep([(output, np.ones_like(output.value))], targets=leaves).nodes
        pushed = [forward_sweep([output], {leaf: np.ones_like(leaf.value)})[output] for leaf in leaves]
    return output.value, [pulled[leaf] for leaf in leaves], pushed


def _elementwise(
    name: str, args: tuple[np.ndarray, ...], value: Any, slopes: Any, dtype: Any
) -> tuple[list[float], list[float]]:
    y, back, forth = _derivatives(name, args)
    scale = SCALES.get(name, lambda truth, value, *exact: truth)
    values, derivatives = [], []
    for i, point in enumerate(zip(*args, strict=True)):
        exact = [mpmath.mpf(float(x)) for x in point]
        values.append(ulps(y[i], value(*exact), dtype))
        for slope, reverse, forward in zip(slopes, back, forth, strict=True):
            truth = slope(*exact)
            size = scale(truth, value(*exact), *exact)
            unit = 1 + abs(float(mpmath.log(exact[0]))) if name == "power" else 1.0
            derivatives += [ulps(found, truth, dtype, size) / unit for found in (reverse[i], forward[i])]
    return values, derivatives


def _along(name: str, x: np.ndarray, w: np.ndarray, dtype: Any) -> tuple[list[float], list[float]]:
    """Primitives that add up: errors in ulps of the sum of the terms' sizes; slopes with a cotangent w."""
    leaf, params = mg.tensor(x), {"sum": {"axis": (0,), "keepdims": False}, "mean": {"axis": (0,), "keepdims": False}}
    args = {"linear": (mg.tensor(w[None, :]), leaf)}.get(name, (leaf,))
    settings = params.get(name, {} if name == "linear" else {"axis": 0})
    with np.errstate(all="ignore"):
        output = bind(PRIMITIVES[name], args, settings)
        g = w if output.shape == x.shape else np.ones(output.shape, dtype)
        pulled = reverse_sweep([(output, g)], targets=[leaf]).nodes[leaf]
    xs, ws = [mpmath.mpf(float(e)) for e in x], [mpmath.mpf(float(e)) for e in w]
    y = np.ravel(output.value)
    if name in ("sum", "mean", "linear"):
        factors = {"sum": [1] * LENGTH, "mean": [mpmath.mpf(1) / LENGTH] * LENGTH, "linear": ws}[name]
        terms = [a * b for a, b in zip(xs, factors, strict=True)]
        slopes = [ulps(p, mpmath.mpf(f), dtype) for p, f in zip(pulled, factors, strict=True)]
        return [ulps(y[0], sum(terms), dtype, sum(map(abs, terms)))], slopes
    p, spread = _softmax(xs), float(max(xs) - min(xs))
    if name == "softmax":
        inner = sum(a * b for a, b in zip(p, ws, strict=True))
        sizes = [a * (abs(b) + sum(c * abs(d) for c, d in zip(p, ws, strict=True))) for a, b in zip(p, ws, strict=True)]
        truths = [a * (b - inner) for a, b in zip(p, ws, strict=True)]
        values = [ulps(got, truth, dtype) / (1 + spread) for got, truth in zip(y, p, strict=True)]
        sizes = [size * (1 + spread) for size in sizes]
    else:
        truths = [b - a * sum(ws) for a, b in zip(p, ws, strict=True)]
        sizes = [abs(b) + a * sum(map(abs, ws)) for a, b in zip(p, ws, strict=True)]
        values = [ulps(got, mpmath.log(q), dtype, max(spread, -mpmath.log(q))) for got, q in zip(y, p, strict=True)]
        sizes = [size * (1 + spread) for size in sizes]
    return values, [ulps(*three[:2], dtype, three[2]) for three in zip(pulled, truths, sizes, strict=True)]


#: Primitives that add up, on vectors of `LENGTH` entries.
SUMS = ("sum", "mean", "linear", "softmax", "log_softmax")

#: What is promised, in the units that `NOTES` names: of the value, of the slope, and why. Half an ulp is correct
#: rounding; NumPy's own exp, log, tanh and power are made for at most 4 ulps; a relative error of half an ulp is up
#: to one ulp of a result; roundings add up.
BOUNDS: dict[str, tuple[float, float, str]] = {
    "add": (0.5, 0, "IEEE 754; the slope is 1"),
    "subtract": (0.5, 0, "IEEE 754; the slopes are 1 and −1"),
    "multiply": (0.5, 0, "IEEE 754; the slope is the other factor"),
    "divide": (0.5, 1.5, "IEEE 754; −y/b rounds y, up to 1 ulp of the result, and once more"),
    "negative": (0, 0, "exact"),
    "maximum": (0, 0, "exact"),
    "minimum": (0, 0, "exact"),
    "absolute": (0, 0, "exact"),
    "relu": (0, 0, "exact"),
    "sqrt": (0.5, 1.5, "IEEE 754; 0.5/y rounds y, up to 1 ulp of the result, and once more"),
    "exp": (4, 4, "NumPy's; the slope is the value"),
    "log": (4, 0.5, "NumPy's; the slope 1/x is one division"),
    "power": (4, 17, "NumPy's; y log x has two functions, 8 ulps of the result each, and a product"),
    "tanh": (4, 5, "NumPy's; 1 − y² has twice the error of y, 4 ulps of 1, and two roundings"),
    "sigmoid": (10, 12, "4 for exp and 1 for two roundings, doubled; y (1 − y) adds two roundings"),
    "sum": (4.5, 0, "nine additions; the slope is 1"),
    "mean": (9.5, 0.5, "nine additions, doubled, and a division; the slope is one division"),
    "linear": (9.5, 0, "ten products and nine additions; the slope is the weight"),
    "softmax": (28, 70, "the exponentials twice (8 + 1 each), ten additions, a division; the slope has y three times"),
    "log_softmax": (40, 64, "the sum of exponentials (18) and the logarithm (8), doubled; the slope exp(y) Σ g"),
}

#: What one unit is, where it is not an ulp of the number itself.
NOTES = {
    "tanh": "slope: ulps of 1, because 1 − y² is a difference of numbers up to 1",
    "sigmoid": "slope: ulps of y, because y (1 − y) contains a difference of numbers up to 1",
    "power": "slope: ulps times 1 + abs(log x), because the rounding of n − 1 is enlarged by log x",
    "sum": "ulps of the sum of the terms' sizes",
    "mean": "ulps of the mean of the terms' sizes",
    "linear": "ulps of the sum of the products' sizes",
    "softmax": "ulps times 1 + max x − min x, because the rounding of x is enlarged by so much; "
    "slope: of the sum of the terms' sizes",
    "log_softmax": "ulps of the larger of max x − min x and abs(y); slope: of the sum of the terms' sizes, "
    "times 1 + max x − min x",
}


def _row(name: str, which: str, dtype: Any, found: tuple[list[float], list[float]]) -> Row:
    values, slopes = (np.array(errors)[~np.isnan(errors)] for errors in found)
    numbers = [f(errors) if errors.size else np.nan for errors in (values, slopes) for f in (np.max, np.median)]
    return Row(name, which, np.dtype(dtype).name, *map(float, numbers))


def measure(count: int, seed: int) -> Iterator[Row]:
    """Every primitive that rounds, in every range, on `count` random points."""
    rng = np.random.default_rng(seed)
    with mpmath.workdps(DIGITS):
        for dtype in (np.float64, np.float32):
            for which in RANGES:
                for name, (value, slope, positive) in UNARY.items():
                    x = entries(rng, which, count, dtype, positive)
                    yield _row(name, which, dtype, _elementwise(name, (x,), value, [slope], dtype))
                for name, (value, *slopes) in BINARY.items():
                    a = entries(rng, which, count, dtype, positive=name == "power")
                    b = entries(rng, "ordinary" if name == "power" else which, count, dtype, positive=False)
                    yield _row(name, which, dtype, _elementwise(name, (a, b), value, slopes, dtype))
                for name in SUMS:
                    found: tuple[list[float], list[float]] = ([], [])
                    for _ in range(max(1, count // LENGTH)):
                        x = entries(rng, which, LENGTH, dtype, positive=False)
                        w = entries(rng, "ordinary", LENGTH, dtype, positive=False)
                        for errors, more in zip(found, _along(name, x, w, dtype), strict=True):
                            errors += more
                    yield _row(name, which, dtype, found)


def vanishing(name: str, dtype: Any) -> float:
    """The smallest x from which on the slope of tanh or sigmoid is computed as exactly 0, to two digits."""
    xs = np.arange(1, 10_000) / 100
    _, (pulled,), _ = _derivatives(name, (xs.astype(dtype),))
    return float(xs[np.flatnonzero(pulled)[-1] + 1])


def _cell(rows: dict[tuple[str, str, str], Row], key: tuple[str, str, str], what: str) -> str:
    row = rows[key]
    largest, median = getattr(row, f"{what}_max"), getattr(row, f"{what}_median")
    if np.isnan(largest):
        return "–"
    return f"{largest:.2f} ({median:.2f})"


def _tables(rows: dict[tuple[str, str, str], Row]) -> Iterator[str]:
    for dtype in ("float64", "float32"):
        for what in ("value", "slope"):
            yield f"## {dtype}: the {what}\n"
            yield f"| primitive | {' | '.join(RANGES)} | bound |"
            yield "|---|" + "---|" * (len(RANGES) + 1)
            for name, (value, slope, _) in BOUNDS.items():
                cells = [_cell(rows, (name, which, dtype), what) for which in RANGES]
                yield f"| `{name}` | {' | '.join(cells)} | {value if what == 'value' else slope:g} |"
            yield ""


def table(count: int = POINTS, seed: int = 0) -> str:
    """The whole page."""
    rows = {(row.name, row.range, row.dtype): row for row in measure(count, seed)}
    features = np._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    kernels = next((name for name in ("AVX512_SKX", "AVX2", "ASIMD") if features.get(name)), "baseline")
    zero = {(name, kind): vanishing(name, np.dtype(kind)) for name in ("tanh", "sigmoid") for kind in RANGES_OF_ZERO}
    return "\n".join(
        [
            *PREFACE.format(
                count=count,
                length=LENGTH,
                digits=DIGITS,
                python=platform.python_version(),
                numpy=np.__version__,
                libc=" ".join(platform.libc_ver()) or platform.platform(),
                machine=platform.machine(),
                kernels=kernels,
                mpmath=mpmath.__version__,
            ).splitlines(),
            "",
            *(f"- *{which}*: {span}" for which, span in RANGES.items()),
            "",
            *_tables(rows),
            "## Why the bounds hold\n",
            *(f"- `{name}`: {reason}." for name, (_, _, reason) in BOUNDS.items()),
            "",
            "Units other than an ulp of the number itself:\n",
            *(f"- `{name}`: {note}." for name, note in NOTES.items()),
            "",
            *LOSSES.format(
                t64=zero["tanh", "float64"],
                t32=zero["tanh", "float32"],
                s64=zero["sigmoid", "float64"],
                s32=zero["sigmoid", "float32"],
            ).splitlines(),
            "",
        ]
    )


RANGES_OF_ZERO = ("float64", "float32")

PREFACE = """\
# How accurate each primitive is

Made by `python tests/oracles/accuracy.py`. Errors are in units in the last place (ulps) of the exact number,
which mpmath {mpmath} gives to {digits} digits: the largest of {count} random points, and in parentheses the median.
0.5 is the best that rounding can do. Slopes are measured through both the reverse and the forward rule. Sums,
products with a matrix, and softmax are measured on vectors of {length} entries.

Measured with Python {python}, NumPy {numpy} ({kernels} kernels), {libc}, on {machine}. NumPy brings kernels of its own
for exp, log and tanh on some processors and uses the C library's elsewhere, so another machine may differ in the
second digit; the bounds hold everywhere, and `tests/oracles/test_accuracy.py` checks them.
"""

LOSSES = """\
## What is lost, and why it is left so

- *The slopes of tanh and sigmoid are computed from the output*, as the textbook writes them, so that they have
  closed forms. Against 1 (or against y) they are right to the bounds above; against themselves they lose digits
  where they are small. In steps of 0.01 the slope of tanh is exactly 0 from |x| = {t64:g} on in float64 and from
  {t32:g} in float32, that of sigmoid from x = {s64:g} and {s32:g}. For negative x the slope of sigmoid keeps its
  digits.
- *sigmoid is 0 where e⁻ˣ overflows*, below x = −709.8 in float64 and −88.8 in float32. The true value is
  subnormal there.
- *n xⁿ⁻¹ is computed as a product*, so xⁿ⁻¹ may overflow where n is so small that the product would not: for
  0 < |n| < 1 and x within a factor of 1/n of the largest float's root. It takes subnormal x or n close to 0.
- *Where results are subnormal, what was rounded stays rounded*: −y/b with a subnormal y has the digits of y.
- *Sums that cancel* are as good as their largest terms.
- *The complex step*, used as an oracle in the tests, has no digits below 1e-250 for functions with a pole at 0, so
  subnormal arguments are left to mpmath.
"""


def main() -> None:
    """Write the page."""
    page = Path(__file__).parents[2] / "docs" / "accuracy.md"
    page.write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
