"""What an entry of a palette is to the networks: its colour, seen among the palette's other colours.

Entries are known by their colour, not by their number, so any palette can be used, also one that no training portrait
had.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.pyramid.layers import TransformerLayer
from src.pyramid.maps import oklab

CENTRE, SCALE = (0.5, 0.0, 0.0), (4.0, 10.0, 10.0)
"""OKLab is brought to about unit variance."""


def scaled_oklab(colours: Tensor) -> Tensor:
    """sRGB int64 [..., 3], 0 to 255 -> float [..., 3] of about unit variance."""
    # By numbers, not by tensors of them: a card would have to wait for their copy.
    channels = oklab(colours).unbind(-1)
    return torch.stack([(each - CENTRE[at]) * SCALE[at] for at, each in enumerate(channels)], dim=-1)


class PaletteEncoder(nn.Module):
    """Colours and labels to one vector an entry, by attention among the entries.

    Args:
        width: D of the vectors, and of the label embedding.
        layers: transformer layers.
        dropout: of theirs.
        jitter: in training, deviation of a shift of all colours of a portrait in scaled OKLab, and twice that of the
            single colours: 28 exact colours are a fingerprint by which a portrait can be memorised.
    """

    def __init__(self, width: int, layers: int, dropout: float, jitter: float) -> None:
        super().__init__()
        self.jitter = jitter
        self.colour = nn.Sequential(nn.Linear(3, width), nn.SiLU(), nn.Linear(width, width))
        self.nothing = nn.Parameter(0.1 * torch.randn(width))
        self.layers = nn.ModuleList([TransformerLayer(width, 4, dropout) for _ in range(layers)])
        self.normalise = nn.LayerNorm(width)

    def forward(self, colours: Tensor, used: Tensor, labels: Tensor) -> Tensor:
        """One vector an entry, [N, K + 1, D], the first one of "nothing here".

        Args:
            colours: sRGB int64 [N, K, 3].
            used: bool [N, K].
            labels: their embedding [N, D].
        """
        features = scaled_oklab(colours)
        if self.training and self.jitter:
            shift = torch.randn(len(colours), 1, 3, device=colours.device)
            single = torch.randn(features.shape, device=colours.device)
            features = features + self.jitter * (shift + 0.5 * single)
        entries = self.colour(features)
        nothing = self.nothing.to(entries).expand(len(entries), 1, -1)
        entries = torch.cat([nothing, entries], dim=1) + labels[:, None]
        mask = functional.pad(used, (1, 0), value=True)[:, None, None]
        for layer in self.layers:
            entries = layer(entries, mask)
        return self.normalise(entries)


class Pointer(nn.Module):
    """A pixel's features to logits of the entries: its query times the entries' keys (Vinyals et al., 2015).

    Args:
        width: D of the entries' vectors.
        key_dim: length of queries and keys.
    """

    def __init__(self, width: int, key_dim: int) -> None:
        super().__init__()
        self.key, self.bias = nn.Linear(width, key_dim), nn.Linear(width, 1)

    def forward(self, queries: Tensor, entries: Tensor, used: Tensor) -> Tensor:
        """Queries [N, P, key_dim] and entries [N, K + 1, D] -> logits float32 [N, P, K + 1]; those of entries that are
        not used (bool [N, K]) have no probability."""
        keys = self.key(entries) * self.key.out_features**-0.5
        logits = torch.baddbmm(self.bias(entries).transpose(1, 2), queries, keys.transpose(1, 2))
        possible = functional.pad(used, (1, 0), value=True)[:, None]
        return logits.float().masked_fill(~possible, -1e4)


def looked_up(vectors: Tensor, entries: Tensor) -> Tensor:
    """Vectors [N, K + 1, D] of the entries int64 [N, P] -> [N, P, D]."""
    # Not `gather`: its derivative adds thousands of pixels to each entry one by one on a card.
    first = torch.arange(len(vectors), device=vectors.device)[:, None] * vectors.shape[1]
    return functional.embedding(first + entries, vectors.flatten(0, 1))
