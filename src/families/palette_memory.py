"""Palettes of the last portraits, to learn from many at a time where a batch holds few.

Small batches suit the drawing, whose pixels are many. A palette is a handful of numbers: learned from four at a time it
stayed a third further from the portraits' than from 32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PaletteMemory(nn.Module):
    """The last M palettes and the shares of their entries. It learns nothing; a checkpoint holds it.

    Args:
        capacity: M.
        colours: K, of a palette.
    """

    def __init__(self, capacity: int, colours: int) -> None:
        super().__init__()
        self.register_buffer("palettes", torch.zeros(capacity, colours, 3))
        self.register_buffer("shares", torch.zeros(capacity, colours))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def add(self, palettes: Tensor, shares: Tensor) -> None:
        """Palettes [N, K, 3] in [-1, 1] and shares [N, K] in [0, 1] take the places of the oldest; N at most M."""
        places = (self.seen + torch.arange(len(palettes), device=palettes.device)) % len(self.palettes)
        self.palettes[places], self.shares[places] = palettes, shares
        self.seen += len(palettes)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """So many at random, with repeats: palettes [count, K, 3] and shares [count, K]."""
        held = self.seen.clamp(max=len(self.palettes))
        places = (torch.rand(count, device=self.palettes.device) * held).long().clamp(max=held - 1)
        return self.palettes[places], self.shares[places]
