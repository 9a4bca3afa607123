"""From the norm of a gradient to the colour and width of its edge: log10, light and thin to dark and wide."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, isfinite, log10

from . import style

__all__ = ["Scale", "colour", "width"]

#: Powers of ten below which a gradient is drawn as vanished.
VANISHED = -6
#: What the last bits of a sum may change in a logarithm.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Scale:
    """The powers of ten at the light and at the dark end.

    Examples
    --------
    >>> Scale.over([0.2, 1e-9])
    Scale(low=-6, high=0)
    >>> Scale.over([250.0])
    Scale(low=-6, high=3)
    """

    low: int = VANISHED
    high: int = 0

    @classmethod
    def over(cls, shares: Iterable[float]) -> "Scale":
        """From 10⁻⁶ to 1, or to the power of ten above the largest share: pictures stay comparable."""
        largest = max((share for share in shares if isfinite(share)), default=0.0)
        return cls(high=max(0, ceil(log10(largest) - _ROUNDING)) if largest > 0 else 0)

    def position(self, share: float) -> float:
        """0 at the light end, 1 at the dark end, linear in log10 in between; for a finite share above 0.

        Rounded to hundredths, so that the last bits of a floating-point sum cannot change a drawing.
        """
        place = (log10(share) - self.low) / (self.high - self.low)
        return round(min(1.0, max(0.0, place)), 2)

    def line(self, share: float) -> dict[str, str]:
        """The attributes of a gradient's line: dotted for zero, unmissable for inf and nan."""
        if not isfinite(share):
            return style.NON_FINITE
        if share == 0:
            return style.ZERO
        u = self.position(share)
        return {"color": colour(u), "penwidth": f"{width(u):.2f}", "arrowsize": f"{0.5 + 0.25 * u:.2f}"}


def colour(u: float) -> str:
    """A colour of viridis, u from 0 (light) to 1 (dark).

    Examples
    --------
    >>> colour(0), colour(1)
    ('#B5DE2B', '#440154')
    """
    place = u * (len(style.VIRIDIS) - 1)
    i = min(int(place), len(style.VIRIDIS) - 2)
    below, above = (_channels(style.VIRIDIS[k]) for k in (i, i + 1))
    mixed = [round(a + (b - a) * (place - i)) for a, b in zip(below, above, strict=True)]
    return "#" + "".join(f"{channel:02X}" for channel in mixed)


def _channels(colour: str) -> list[int]:
    return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]


def width(u: float) -> float:
    """The width of a line in points, u from 0 to 1."""
    return 0.8 + 3.2 * u
