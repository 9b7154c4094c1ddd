"""A map at twice the side of its parent, in sixteen turns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.pyramid.copying import Copying
from src.pyramid.counting import Counting
from src.pyramid.layers import ResidualBlock, TransformerLayer
from src.pyramid.palette_encoder import Pointer, looked_up
from src.pyramid.turns import TURNS, turns_of_pixels


class FinerMap(nn.Module):
    """A U-Net (Ronneberger et al., 2015) on patches of 2x2 pixels: parent and pixels so far in, a query a pixel out.

    Args:
        side: S of the map; the parent has S / 2.
        palette_width: D of the entries' vectors and of the label embedding.
        widths: channels from half the side down to the coarsest map's side.
        blocks: residual blocks before and after, at each of these sides.
        entry_dim: length of an entry's vector at a pixel.
        key_dim: of the pointer.
        dropout: of blocks and attention.
        sees_entries: whether the pointer sees which entries stand around a pixel (`Copying`) and how often each
            occurs (`Counting`).
    """

    def __init__(
        self,
        side: int,
        palette_width: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        entry_dim: int,
        key_dim: int,
        dropout: float,
        sees_entries: bool,
    ) -> None:
        super().__init__()
        self.side = side
        self.entry = nn.Linear(palette_width, entry_dim)
        self.unknown = nn.Parameter(0.1 * torch.randn(entry_dim))
        self.turn = nn.Embedding(TURNS, palette_width)
        self.stem = nn.Conv2d(5 * entry_dim + 4, widths[0], 1)

        def stage(width: int, count: int) -> nn.ModuleList:
            return nn.ModuleList([ResidualBlock(width, palette_width, dropout) for _ in range(count)])

        self.before = nn.ModuleList(map(stage, widths, blocks))
        self.down = nn.ModuleList(nn.Conv2d(*pair, 2, stride=2) for pair in pairwise(widths))
        bottom = side // 2 ** len(widths)
        self.position = nn.Parameter(0.02 * torch.randn(widths[-1], bottom, bottom))
        # Both eyes alike, gear in both hands: every place sees every other one.
        self.attention = TransformerLayer(widths[-1], max(1, widths[-1] // 32), dropout)
        self.up = nn.ModuleList(nn.Conv2d(*pair, 1) for pair in zip(widths[1:], widths[:-1], strict=True))
        self.after = nn.ModuleList(map(stage, widths[:-1], blocks[:-1]))
        self.normalise = nn.GroupNorm(1, widths[0])
        self.query = nn.Conv2d(widths[0], 4 * key_dim, 1)
        self.pointer = Pointer(palette_width, key_dim)
        self.copying = Copying(widths[0]) if sees_entries else None
        self.counting = Counting(palette_width) if sees_entries else None

    def forward(
        self, entries: Tensor, used: Tensor, labels: Tensor, parent: Tensor, pixels: Tensor, turns: Tensor
    ) -> Tensor:
        """Logits [N, S * S, K + 1] of all pixels, given those of earlier turns.

        Args:
            entries: vectors of the palette [N, K + 1, D].
            used: bool [N, K].
            labels: their embedding [N, D].
            parent: int64 [N, S / 2, S / 2].
            pixels: int64 [N, S, S]; those of the turns to come are not looked at.
            turns: int64 [N], 0 to 15, the turn to be written.
        """
        known = turns_of_pixels(self.side, pixels.device) < turns[:, None, None]
        features = self.stem(self._patches(entries, parent, pixels, known))
        condition = functional.silu(labels + self.turn(turns))
        skipped = []
        for level, blocks in enumerate(self.before):
            if level:
                skipped.append(features)
                features = self.down[level - 1](features)
            if level == len(self.before) - 1:
                features = self._attended(features + self.position)
            for block in blocks:
                features = block(features, condition)
        for level in reversed(range(len(self.up))):
            features = skipped[level] + functional.interpolate(self.up[level](features), scale_factor=2)
            for block in self.after[level]:
                features = block(features, condition)
        features = functional.silu(self.normalise(features))
        if self.counting is not None:
            entries = self.counting(entries, parent, pixels, known, turns)
        queries = functional.pixel_shuffle(self.query(features), 2)
        logits = self.pointer(queries.flatten(2).transpose(1, 2), entries, used)
        return logits if self.copying is None else self.copying(logits, features, parent, pixels, known)

    def _patches(self, entries: Tensor, parent: Tensor, pixels: Tensor, known: Tensor) -> Tensor:
        """What is known at the start, as patches [N, 5 E + 4, S / 2, S / 2]: pixels, parent, which pixels are known."""
        vectors = self.entry(entries)
        written = looked_up(vectors, pixels.flatten(1)).unflatten(1, (self.side, self.side))
        written = torch.where(known[..., None], written, self.unknown.to(written))
        coarse = looked_up(vectors, parent.flatten(1)).unflatten(1, (self.side // 2, self.side // 2))
        patches = functional.pixel_unshuffle(written.permute(0, 3, 1, 2), 2)
        where = functional.pixel_unshuffle(known[:, None].to(patches), 2)
        return torch.cat([patches, coarse.permute(0, 3, 1, 2), where], dim=1).contiguous()

    def _attended(self, features: Tensor) -> Tensor:
        tokens = self.attention(features.flatten(2).transpose(1, 2))
        return tokens.transpose(1, 2).unflatten(2, features.shape[2:]).contiguous()
