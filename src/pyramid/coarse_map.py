"""The coarsest map, pixel after pixel: where head, hair, cloth and gear are."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.pyramid.layers import Cache, TransformerLayer
from src.pyramid.palette_encoder import Pointer, looked_up


class CoarseMap(nn.Module):
    """A transformer over the pixels in rows from the top, each of which sees the palette and the pixels before it.

    Args:
        side: s of the map.
        colours: K, the most colours of a palette.
        palette_width: D of the entries' vectors and of the label embedding.
        width, layers, heads: of the transformer.
        key_dim: of the pointer.
        dropout: of the layers.
    """

    def __init__(
        self,
        side: int,
        colours: int,
        palette_width: int,
        width: int,
        layers: int,
        heads: int,
        key_dim: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.side, self.prefix = side, colours + 2
        self.labels, self.entry = nn.Linear(palette_width, width), nn.Linear(palette_width, width)
        self.before, self.above = nn.Linear(palette_width, width), nn.Linear(palette_width, width)
        self.position = nn.Parameter(0.02 * torch.randn(side * side, width))
        self.layers = nn.ModuleList([TransformerLayer(width, heads, dropout) for _ in range(layers)])
        self.normalise, self.query = nn.LayerNorm(width), nn.Linear(width, key_dim)
        self.pointer = Pointer(palette_width, key_dim)

    def forward(self, entries: Tensor, used: Tensor, labels: Tensor, pixels: Tensor) -> Tensor:
        """Logits [N, s * s, K + 1] of every pixel, given those before it.

        Args:
            entries: vectors of the palette [N, K + 1, D].
            used: bool [N, K].
            labels: their embedding [N, D].
            pixels: the map int64 [N, s * s].
        """
        tokens, mask = self.tokens(entries, used, labels, pixels)
        for layer in self.layers:
            tokens = layer(tokens, mask)
        return self.logits(tokens[:, self.prefix :], entries, used)

    def tokens(self, entries: Tensor, used: Tensor, labels: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The transformer's tokens [N, T, width], prefix and pixels, and which one sees which, bool [N, 1, T, T].
        Arguments as for `forward`."""
        tokens = torch.cat([self._prefix(entries, labels), self._pixels(entries, pixels)], dim=1)
        count = tokens.shape[1]
        places = torch.arange(count, device=tokens.device)
        # The prefix sees all of itself, a pixel all before it.
        sees = places <= places.clamp(min=self.prefix - 1)[:, None]
        return tokens, (sees & functional.pad(self._known(used), (0, count - self.prefix), value=True)[:, None])[
            :, None
        ]

    def logits(self, tokens: Tensor, entries: Tensor, used: Tensor) -> Tensor:
        """What the last layer gives for some pixels [N, P, width] -> [N, P, K + 1]."""
        return self.pointer(self.query(self.normalise(tokens)), entries, used)

    def begin(self, entries: Tensor, used: Tensor, labels: Tensor) -> list[Cache]:
        """What `step` needs of palette and labels."""
        caches = [Cache(self.prefix + self.side**2) for _ in self.layers]
        tokens, mask = self._prefix(entries, labels), self._known(used)[:, None, None]
        for layer, cache in zip(self.layers, caches, strict=True):
            tokens = layer(tokens, mask, cache)
        return caches

    def step(self, entries: Tensor, used: Tensor, pixels: Tensor, place: int, caches: list[Cache]) -> Tensor:
        """Logits [N, K + 1] of the pixel at `place`; of `pixels` those before it are looked at."""
        tokens = self._pixels(entries, pixels)[:, place : place + 1]
        seen = functional.pad(self._known(used), (0, place + 1), value=True)[:, None, None]
        for layer, cache in zip(self.layers, caches, strict=True):
            tokens = layer(tokens, seen, cache)
        return self.logits(tokens, entries, used).squeeze(1)

    def _known(self, used: Tensor) -> Tensor:
        """Which tokens of the prefix there are: labels, "nothing here", the colours used; bool [N, K + 2]."""
        return functional.pad(used, (2, 0), value=True)

    def _prefix(self, entries: Tensor, labels: Tensor) -> Tensor:
        return torch.cat([self.labels(labels)[:, None], self.entry(entries)], dim=1)

    def _pixels(self, entries: Tensor, pixels: Tensor) -> Tensor:
        """A pixel's token tells its place, the entry before it and the one above it; nothing of its own."""
        vectors = looked_up(entries, pixels)
        before = functional.pad(vectors, (0, 0, 1, 0))[:, :-1]
        above = functional.pad(vectors, (0, 0, self.side, 0))[:, : self.side**2]
        return self.before(before) + self.above(above) + self.position
