"""Palettes as exact 8-bit colours, one number after another: by label, or as another portrait's colours in new ones."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.pyramid.choosing import inverse_cdf
from src.pyramid.layers import Cache, LabelEmbedding, TransformerLayer
from src.pyramid.maps import index_portraits
from src.pyramid.palette_encoder import scaled_oklab

VALUES = 256
END = VALUES
"""In place of a colour's red: the palette has no more colours."""


class Source(NamedTuple):
    """The palette to be replaced, and what its entries are on the map.

    Args:
        colours: int64 [N, K, 3].
        used: bool [N, K].
        places: float [N, K, 3], of every entry: the share of the map it fills, mean row and mean column, 0 to 1.
    """

    colours: Tensor
    used: Tensor
    places: Tensor


def entry_places(entries: Tensor, most: int) -> Tensor:
    """Entries int64 [N, S, S] -> float [N, K, 3]: share of the map, mean row and mean column of every colour."""
    side = entries.shape[1]
    here = functional.one_hot(entries.flatten(1), most + 1)[..., 1:].float()
    share = here.mean(dim=1)
    grid = (torch.arange(side, device=entries.device) + 0.5) / side
    rows, columns = grid.repeat_interleave(side), grid.repeat(side)
    mean_row, mean_column = ((here * each[:, None]).mean(dim=1) / share.clamp(min=1e-6) for each in (rows, columns))
    return torch.stack([share, mean_row, mean_column], dim=2)


class PaletteWriter(nn.Module):
    """A transformer over a palette's colours by rising lightness; of each colour red comes first, then green given
    red, then blue given both.

    Args:
        class_counts: the number of classes of each attribute.
        colours: K, the most colours of a palette.
        width, layers, heads, dropout: of the transformer.
        replaces: whether it writes colours for another palette's entries (`Source`) in place of a palette of its own.
    """

    def __init__(
        self, class_counts: list[int], colours: int, width: int, layers: int, heads: int, dropout: float, replaces: bool
    ) -> None:
        super().__init__()
        self.colours, self.width = colours, width
        self.labels = LabelEmbedding(class_counts, width)
        self.position = nn.Parameter(0.02 * torch.randn(colours + 1, width))
        self.channels = nn.ModuleList([nn.Embedding(VALUES + 1, width) for _ in range(3)])
        for table in self.channels:
            nn.init.normal_(table.weight, std=0.3)
        self.layers = nn.ModuleList([TransformerLayer(width, heads, dropout) for _ in range(layers)])
        self.normalise = nn.LayerNorm(width)
        self.to_red = nn.Linear(width, VALUES + 1)
        self.to_green, self.to_blue = (
            nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, VALUES)) for _ in range(2)
        )
        self.source, self.source_layers = None, nn.ModuleList()
        if replaces:
            self.source = nn.Linear(3 + 3, width)
            self.source_layers.extend(TransformerLayer(width, heads, dropout) for _ in range(2))

    def nats(self, colours: Tensor, used: Tensor, labels: Tensor, source: Source | None = None) -> Tensor:
        """The negative log-likelihood [N] of palettes.

        Args:
            colours: int64 [N, K, 3].
            used: bool [N, K], true for the first few.
            labels: int64 [N, A].
            source: what they replace; then their number is known, and which of `used` count.
        """
        written = self.embedded(colours)
        tokens = functional.pad(written, (0, 0, 1, 0)) + self.given(labels, source)
        count = tokens.shape[1]
        sees = torch.ones(count, count, dtype=torch.bool, device=tokens.device).tril()
        for layer in self.layers:
            tokens = layer(tokens, sees)
        hidden = self.normalise(tokens)
        # One more place than colours: there the end is written, where the palette is full.
        red = functional.pad(torch.where(used, colours[..., 0], END), (0, 1), value=END)
        logits = self.to_red(hidden).float()
        if source is not None:
            logits = logits[..., :END]
            red = red.clamp(max=END - 1)
        nats = functional.cross_entropy(logits.transpose(1, 2), red, reduction="none")
        if source is None:
            # Up to the first end.
            nats = nats * functional.pad(used, (1, 0), value=True)
        else:
            nats = nats * functional.pad(used, (0, 1), value=False)
        total = nats.sum(dim=1)
        so_far = hidden[:, :-1] + self.channels[0](colours[..., 0])
        for channel, head in ((1, self.to_green), (2, self.to_blue)):
            nats = functional.cross_entropy(
                head(so_far).float().transpose(1, 2), colours[..., channel], reduction="none"
            )
            total = total + (nats * used).sum(dim=1)
            so_far = so_far + self.channels[channel](colours[..., channel])
        return total

    def write(self, labels: Tensor, uniforms: Tensor, source: Source | None = None) -> tuple[Tensor, Tensor]:
        """Palettes int64 [N, K, 3] and which colours are used, bool [N, K].

        Args:
            labels: int64 [N, A].
            uniforms: [N, K, 3] in [0, 1], which choose (`inverse_cdf`).
            source: what they replace.
        """
        given = self.given(labels, source)
        caches = [Cache(self.colours) for _ in self.layers]
        colours = torch.zeros(uniforms.shape, dtype=torch.int64, device=labels.device)
        going = torch.ones(len(labels), dtype=torch.bool, device=labels.device)
        used = torch.zeros(uniforms.shape[:2], dtype=torch.bool, device=labels.device)
        token = given[:, :1]
        for place in range(self.colours):
            for layer, cache in zip(self.layers, caches, strict=True):
                token = layer(token, None, cache)
            so_far = self.normalise(token[:, 0])
            logits = self.to_red(so_far).float()
            if source is not None or place == 0:
                logits = logits[:, :END]
            for channel in range(3):
                value = inverse_cdf(logits, uniforms[:, place, channel])
                if channel == 0:
                    going = going & (value != END)
                    value = value.clamp(max=VALUES - 1)
                colours[:, place, channel] = value
                so_far = so_far + self.channels[channel](value)
                if channel < 2:
                    logits = (self.to_green, self.to_blue)[channel](so_far).float()
            used[:, place] = going if source is None else source.used[:, place]
            token = self.embedded(colours[:, place : place + 1]) + given[:, place + 1 : place + 2]
        return colours * used[..., None], used

    def embedded(self, colours: Tensor) -> Tensor:
        """Colours [N, T, 3] -> [N, T, width]."""
        return sum(table(colours[..., channel]) for channel, table in enumerate(self.channels))

    def given(self, labels: Tensor, source: Source | None) -> Tensor:
        """What is known at every place beside the colours before: its number, the labels, what is replaced."""
        given = self.position + self.labels(labels)[:, None]
        if source is not None:
            replaced = self.source(torch.cat([scaled_oklab(source.colours), source.places], dim=2)) + given[:, :-1]
            mask = functional.pad(source.used[:, 1:], (1, 0), value=True)[:, None, None]
            for layer in self.source_layers:
                replaced = layer(replaced, mask)
            given = given + functional.pad(replaced, (0, 0, 0, 1))
        return given


def by_lightness(colours: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
    """Palettes int64 [N, K, 3] in the order of lightness that the networks know, each colour once.

    Returns:
        Palettes and which colours are used, bool [N, K].
    """
    most = colours.shape[1]
    alpha = torch.where(used, 255, 0)
    pixels = torch.cat([colours, alpha[..., None]], dim=2).transpose(1, 2)[:, :, None].float() / 127.5 - 1
    # A palette is a portrait of one row of pixels.
    indexed = index_portraits(pixels, most)
    return indexed.colours, indexed.used
