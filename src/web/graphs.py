"""What the page runs of a model: functions of tensors alone, for one portrait each, without loops or choices.

Numbers come in as int32, which JavaScript has arrays of, and what a cache holds goes in and out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.errors import InputError
from src.family import Family
from src.gan.adversarial import AdversarialFamily
from src.pyramid.coarse_map import CoarseMap
from src.pyramid.family import PalettePyramidFamily
from src.pyramid.finer_map import FinerMap
from src.pyramid.layers import Cache, TransformerLayer
from src.pyramid.palette_writer import PaletteWriter, Source
from src.pyramid.pyramid import PalettePyramid


@dataclass(frozen=True)
class Graph:
    """A network to export.

    Args:
        network: tensors to tensors.
        inputs: name -> an example, in the order of the arguments.
        outputs: their names.
        growing: input -> its axis whose length is any.
    """

    network: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    growing: Mapping[str, int] = field(default_factory=dict)


def graphs(family: Family, sampler: nn.Module) -> dict[str, Graph]:
    """Name -> graph, of all that the page needs to sample.

    Args:
        family: an adversarial one, or the palette pyramid.
        sampler: its sampler, in evaluation mode.

    Raises:
        InputError: another family.
    """
    if isinstance(family, AdversarialFamily):
        return {"generator": _generator(family, sampler)}
    if isinstance(family, PalettePyramidFamily):
        return _pyramid(sampler, len(family.conditioned(family.null_label[None])[0]))
    raise InputError("the page samples with adversarial families and with palette_pyramid; name a checkpoint of those")


class Generator(nn.Module):
    """Latents [1, Z] and, where there are attributes, labels [1, A] -> a portrait [1, C, H, W] in [-1, 1]."""

    def __init__(self, family: AdversarialFamily, generator: nn.Module) -> None:
        super().__init__()
        self.family, self.generator = family, generator

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        labels = torch.zeros(len(latents), 0) if labels is None else labels
        return self.family.generate(self.generator, latents, labels.long())


class JoinedCache(Cache):
    """A cache that is an input: keys and values so far [2, 1, heads, P, C], with which those of new tokens are joined.

    Args:
        past: keys and values.
    """

    def __init__(self, past: Tensor) -> None:
        self.past = past

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        self.past = torch.cat([self.past, torch.stack([keys, values])], dim=3)
        return self.past.unbind()


def through(layers: nn.ModuleList, tokens: Tensor, mask: Tensor | None, past: Tensor) -> tuple[Tensor, Tensor]:
    """New tokens [1, T, width] through transformer layers; their outputs, and the cache with them in it.

    Args:
        mask: as for `TransformerLayer`.
        past: the tokens before, [layers, 2, 1, heads, P, C].
    """
    caches = [JoinedCache(each) for each in past.unbind()]
    for layer, cache in zip(layers, caches, strict=True):
        tokens = layer(tokens, mask, cache)
    return tokens, torch.stack([cache.past for cache in caches])


def no_past(layers: nn.ModuleList, tokens: int = 0) -> Tensor:
    """A cache of so many tokens, all of them zero."""
    layer: TransformerLayer = layers[0]
    return torch.zeros(len(layers), 2, 1, layer.heads, tokens, layer.from_heads.in_features // layer.heads)


class PaletteStep(nn.Module):
    """Logits of one colour, given those before it: [257] of red, of which the last is the end, [256] of green given
    red, [256] of blue given both.

    Args:
        writer: that writes palettes, or the recolourer.
    """

    def __init__(self, writer: PaletteWriter) -> None:
        super().__init__()
        self.writer = writer

    def forward(
        self,
        labels: Tensor,
        colours: Tensor,
        place: Tensor,
        past: Tensor,
        replaced: Tensor | None = None,
        used: Tensor | None = None,
        places: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Labels [1, A], colours [1, K, 3], place [1]; its own colour must be there as far as it is looked at. For the
        recolourer a `Source` follows: colours [1, K, 3], used [1, K], places [1, K, 3]."""
        writer, colours = self.writer, colours.long()
        source = None if replaced is None else Source(replaced.long(), used, places)
        tokens = functional.pad(writer.embedded(colours), (0, 0, 1, 0)) + writer.given(labels.long(), source)
        token, past = through(writer.layers, tokens.index_select(1, place), None, past)
        hidden, (red, green, _) = writer.normalise(token[:, 0]), colours.index_select(1, place)[:, 0].unbind(dim=1)
        with_red = hidden + writer.channels[0](red)
        with_both = with_red + writer.channels[1](green)
        return writer.to_red(hidden)[0], writer.to_green(with_red)[0], writer.to_blue(with_both)[0], past


class Entries(nn.Module):
    """Labels [1, A], colours [1, K, 3] and which are used -> label embedding [1, D], vectors of the entries
    [1, K + 1, D]."""

    def __init__(self, pyramid: PalettePyramid) -> None:
        super().__init__()
        self.labels, self.encoder = pyramid.labels, pyramid.palette_encoder

    def forward(self, labels: Tensor, colours: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
        embedded = self.labels(labels.long())
        return embedded, self.encoder(colours.long(), used, embedded)


class CoarseStep(nn.Module):
    """Logits [K + 1] of the pixel that is the last of some tokens: first prefix and pixel, then pixel after pixel."""

    def __init__(self, coarse: CoarseMap) -> None:
        super().__init__()
        self.coarse = coarse

    def forward(
        self, embedded: Tensor, entries: Tensor, used: Tensor, pixels: Tensor, new: Tensor, past: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Pixels [1, s * s] so far; `new` [T]: the tokens' places behind those of the past."""
        tokens, mask = self.coarse.tokens(entries, used, embedded, pixels.long())
        mask = mask.index_select(2, new)[..., : past.shape[4] + new.shape[0]]
        tokens, past = through(self.coarse.layers, tokens.index_select(1, new), mask, past)
        return self.coarse.logits(tokens[:, -1:], entries, used)[0, 0], past


class FinerPass(nn.Module):
    """Logits [S * S, K + 1] of all pixels of a map, for the turns from `turn` [1] on."""

    def __init__(self, finer: FinerMap) -> None:
        super().__init__()
        self.finer = finer

    def forward(
        self, embedded: Tensor, entries: Tensor, used: Tensor, parent: Tensor, pixels: Tensor, turn: Tensor
    ) -> Tensor:
        return self.finer(entries, used, embedded, parent.long(), pixels.long(), turn.long())[0]


def _generator(family: AdversarialFamily, sampler: nn.Module) -> Graph:
    inputs = {"latents": torch.randn(1, family.latent_dim)}
    if family.data.labels.names:
        inputs["labels"] = _numbers(1, len(family.data.labels.names))
    return Graph(Generator(family, sampler), inputs, ("portrait",))


def _pyramid(pyramid: PalettePyramid, attributes: int) -> dict[str, Graph]:
    colours, sides = pyramid.colours, pyramid.sides
    labels, palette = {"labels": _numbers(1, attributes)}, {"colours": _numbers(1, colours, 3)}
    used = {"used": torch.arange(colours)[None] < 2}
    width = pyramid.palette_encoder.normalise.normalized_shape[0]
    embedded = {"embedded": torch.randn(1, width), "entries": torch.randn(1, colours + 1, width), **used}
    coarse, logits = pyramid.coarse, ("red", "green", "blue", "grown")
    known = {**labels, **palette, "place": _numbers(1) + 1, "past": no_past(pyramid.palette_writer.layers, 3)}
    source = {"replaced": _numbers(1, colours, 3), **used, "places": torch.rand(1, colours, 3)}
    pixels = {"pixels": _numbers(1, sides[0] ** 2), "new": _numbers(2) + 3, "past": no_past(coarse.layers, 3)}
    found = {
        "palette": Graph(PaletteStep(pyramid.palette_writer), known, logits, {"past": 4}),
        "entries": Graph(Entries(pyramid), {**labels, **palette, **used}, ("embedded", "entries")),
        "coarse": Graph(CoarseStep(coarse), {**embedded, **pixels}, ("logits", "grown"), {"new": 0, "past": 4}),
    }
    if pyramid.recolours_seen > 0:
        found["recolours"] = Graph(PaletteStep(pyramid.recolourer), {**known, **source}, logits, {"past": 4})
    for finer in pyramid.finer:
        maps = {"parent": _numbers(1, finer.side // 2, finer.side // 2), "pixels": _numbers(1, finer.side, finer.side)}
        found[f"finer_{finer.side}"] = Graph(FinerPass(finer), {**embedded, **maps, "turn": _numbers(1)}, ("logits",))
    return found


def _numbers(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.int32)
