from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st

from viz import style
from viz.colour_scale import Scale, colour, width

shares = st.floats(1e-30, 1e30)
units = st.floats(0, 1)


def lightness(hexadecimal: str) -> float:
    """The relative luminance of WCAG 2.1."""
    parts = [int(hexadecimal[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@given(units, units)
def test_larger_is_darker_and_wider(a, b):
    """Colour gets no lighter and width no smaller as the share grows."""
    low, high = sorted((a, b))

    assert lightness(colour(low)) >= lightness(colour(high)) - 2e-3
    assert width(low) <= width(high)


@given(st.lists(shares, min_size=1), shares, shares)
def test_position_is_monotone_in_the_share(seen, a, b):
    """A larger share never lies nearer to the light end, and every share that was seen fits below the top."""
    scale = Scale.over(seen)
    low, high = sorted((a, b))

    assert scale.position(low) <= scale.position(high)
    assert max(seen) <= 10.0**scale.high * (1 + 1e-12)


def test_a_decade_moves_the_position():
    """Ten times the share is a visible step, so the picture cannot be flat where the numbers are not."""
    scale = Scale()

    positions = [scale.position(10.0**k) for k in range(-6, 1)]

    assert positions == sorted(set(positions))
    assert positions[0] == 0
    assert positions[-1] == 1


def test_zero_and_non_finite_look_like_nothing_else():
    """Zero is dotted, inf and nan have their own colour, and neither colour is on the scale."""
    scale = Scale()
    ordinary = {scale.line(10.0**k)["color"] for k in range(-8, 3)}

    assert scale.line(0.0)["style"] == "dotted"
    assert scale.line(inf) == scale.line(nan) == style.NON_FINITE
    assert not ordinary & {scale.line(0.0)["color"], scale.line(inf)["color"]}


@given(st.lists(st.sampled_from([0.0, inf, nan])))
def test_a_scale_needs_no_finite_share(seen):
    """If no finite gradient flows, the scale is the usual one."""
    assert Scale.over(seen) == Scale()
