"""The order in which the pixels of a map are written: sixteen turns, spread as evenly as can be.

p(map | parent) = product over turns t of the product over pixels i of turn t of p(pixel i | pixels of earlier turns,
parent): the pixels of one turn stand four apart and are taken to be independent (Reed et al., 2017).
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

TURNS = 16
ORDER = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))
"""The turn of every pixel of a 4x4 block: the matrix of ordered dithering (Bayer, 1973)."""

FIRST_TURNS = {
    4: (0, 2, 6, 8),
    5: (0, 2, 4, 8, 12),
    6: (0, 2, 4, 6, 8, 12),
    8: (0, 1, 2, 3, 4, 6, 8, 12),
    16: tuple(range(16)),
}
"""Passes over a map -> the first turn that each of them writes."""


@cache
def turns_of_pixels(side: int, device: torch.device | None = None) -> Tensor:
    """The turn in which each pixel is written, int64 [side, side]; one tensor for all callers, to be read alone."""
    repeats = -(-side // 4)
    return torch.tensor(ORDER, device=device).repeat(repeats, repeats)[:side, :side]


def together(passes: int) -> list[tuple[int, int]]:
    """Turns (first, last) that one pass of the network writes at once, for faster sampling.

    A network that learned all sixteen turns can write several in one go. What that costs, in bits of validation
    portraits, is least for these groups: the first pixels decide what the others follow.

    Args:
        passes: 4, 5, 6, 8 or 16.

    Raises:
        ValueError: another number.
    """
    if passes not in FIRST_TURNS:
        raise ValueError(f"must be one of {', '.join(map(str, FIRST_TURNS))}, not {passes}")
    starts = FIRST_TURNS[passes]
    return list(zip(starts, (*(start - 1 for start in starts[1:]), TURNS - 1), strict=True))
