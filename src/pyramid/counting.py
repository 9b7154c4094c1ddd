"""Counting: which of a palette's entries are on the map already, and how often.

A palette has a few colours for a few pixels: the white of the eyes, a gem. Without counts the pixels, each for itself,
forget some of them (docs/experiments.md).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from src.pyramid.layers import zeroed
from src.pyramid.turns import TURNS


class Counting(nn.Module):
    """Counts to a vector an entry, which is added to the entry's own. At the start all are zero.

    Args:
        width: D of the entries' vectors.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        last = zeroed(nn.Linear(width, width))
        self.counts = nn.Sequential(nn.Linear(5, width), nn.SiLU(), last)

    def forward(self, entries: Tensor, parent: Tensor, pixels: Tensor, known: Tensor, turns: Tensor) -> Tensor:
        """Vectors [N, K + 1, D] with the counts.

        Args:
            entries: the same without.
            parent: int64 [N, S / 2, S / 2].
            pixels: int64 [N, S, S].
            known: bool [N, S, S], which of them are written; the others are not counted.
            turns: int64 [N], 0 to 15, the turn to be written.
        """
        count = entries.shape[1]
        everywhere = torch.ones_like(parent, dtype=torch.bool)
        found = [counted(parent, everywhere, count), counted(pixels, known, count)]
        features = [each.log1p() / 4 for each in found] + [(each == 0).float() for each in found]
        features.append((turns / TURNS)[:, None].expand(-1, count))
        return entries + self.counts(torch.stack(features, dim=2))


def counted(pixels: Tensor, known: Tensor, count: int) -> Tensor:
    """How many known pixels have each of so many entries: int64 [N, S, S], bool [N, S, S] -> float32 [N, count]."""
    zeros = torch.zeros(len(pixels), count, device=pixels.device)
    return zeros.scatter_add(1, pixels.flatten(1), known.flatten(1).float())
