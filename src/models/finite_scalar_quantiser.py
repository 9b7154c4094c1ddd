"""Finite scalar quantisation: a code is a handful of rounded numbers (Mentzer et al., 2023).

No codebook is learned, so none can die: every number of a vector is squeezed into an interval and rounded to one of a
few levels, and the code is the number that those digits spell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

# The logistic curve that is nearest to the normal distribution's (Johnson, Kotz and Balakrishnan, 1995).
NORMAL = 1.702


class FiniteScalarQuantiser(nn.Module):
    """Vectors to codes and back.

    Args:
        levels: how many values each of the D numbers of a vector can take, at least 2 each. There are K = product of
            the levels codes.

    Raises:
        ValueError: fewer than two levels.
    """

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        if not levels or min(levels) < 2:
            raise ValueError(f"every number needs at least two levels, not {tuple(levels)}")
        self.dim = len(levels)
        self.code_count = math.prod(levels)
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        # What a digit counts in a code: 1, levels[0], levels[0] * levels[1], ...
        self.register_buffer("places", torch.tensor([math.prod(levels[:i]) for i in range(self.dim)]), persistent=False)

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Free vectors [..., D] -> quantised vectors [..., D] in [-1, 1] and codes int64 [...].

        Standard normal vectors fall evenly on the levels, half as often on the two outermost. Backwards the gradient
        passes the rounding as if it were not there, but not the squeezing: what lies far outside moves no more, so
        let vectors be normalised.
        """
        top = (self.levels - 1).to(vectors)
        squeezed = top * torch.sigmoid(NORMAL * vectors)
        digits = squeezed + (squeezed.round() - squeezed).detach()
        codes = (digits.detach().round().long() * self.places).sum(dim=-1)
        return 2 * digits / top - 1, codes

    def lookup(self, codes: Tensor) -> Tensor:
        """Codes int64 [...] -> their vectors [..., D] in [-1, 1]."""
        digits = codes[..., None] // self.places % self.levels
        return 2 * digits / (self.levels - 1) - 1
