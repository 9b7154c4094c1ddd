"""The whole pyramid: the likelihood of a portrait, part by part, and a portrait from uniform numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.pyramid.choosing import Choices, choose
from src.pyramid.coarse_map import CoarseMap
from src.pyramid.finer_map import FinerMap
from src.pyramid.layers import LabelEmbedding
from src.pyramid.maps import Indexed, majority_maps, map_sides
from src.pyramid.palette_encoder import PaletteEncoder
from src.pyramid.palette_writer import PaletteWriter, Source, by_lightness, entry_places
from src.pyramid.turns import TURNS, together, turns_of_pixels


@dataclass(frozen=True)
class Widths:
    """How large the networks are.

    Args:
        palette: D of the entries' vectors and of the label embedding.
        coarse, coarse_layers: of the transformer that writes the coarsest map.
        finer: channels of the U-Nets, from the coarsest map's side to the finest one's half.
        blocks: their residual blocks at the same sides, before and after (the first: in all).
        writer, writer_layers: of the transformers that write palettes.
        entry, key: length of an entry's vector at a pixel; of queries and keys.
        sees_entries: whether the pointers of finer maps see which entries are on the map.
    """

    palette: int
    coarse: int
    coarse_layers: int
    finer: Sequence[int]
    blocks: Sequence[int]
    writer: int
    writer_layers: int
    entry: int = 32
    key: int = 32
    sees_entries: bool = True


@dataclass(frozen=True)
class SamplingOptions:
    """How portraits are chosen from what the networks say.

    Args:
        guidance: classifier-free guidance; 1: none.
        guided_side: maps up to this side are guided; class and gender are settled there, and each guided map costs
            twice as much.
        temperature: of every map from coarse to fine.
        palette_top_p: the numbers of a palette's colours are drawn from the likeliest, which have this probability
            together.
        top_p: of every map: the same for the entries of its pixels.
        passes: of the network over each finer map: 16 as learned, 8 or 5 for speed (`turns.together`).
    """

    guidance: float
    guided_side: int
    temperature: Sequence[float]
    palette_top_p: float
    top_p: Sequence[float]
    passes: Sequence[int]


class PartLoss(NamedTuple):
    """Of one part of portraits (the palette, or a map), [N] each.

    Args:
        objective: what training minimises: nats a colour or a pixel.
        nats: an unbiased estimate of the part's negative log-likelihood, from the turn that was drawn.
    """

    objective: Tensor
    nats: Tensor


class Context(NamedTuple):
    """What a finer map is given.

    Args:
        entries: vectors of the palette [N, K + 1, D].
        used: bool [N, K].
        labels: their embedding [N, D].
        maps: the portraits' own, int64 [N, s, s] from coarse to fine.
    """

    entries: Tensor
    used: Tensor
    labels: Tensor
    maps: list[Tensor]


class Written(NamedTuple):
    """Portraits that were written.

    Args:
        colours: int64 [N, K, 3].
        used: bool [N, K].
        maps: from coarse to fine, choices [N, s, s].
    """

    colours: Tensor
    used: Tensor
    maps: list[Choices]


class PalettePyramid(nn.Module):
    """Palette writer, recolourer, palette encoder, and a network for each map.

    Args:
        class_counts: the number of classes of each attribute, those of the augmentation labels last.
        size: side of the portraits.
        colours: K, the most colours of a portrait.
        widths: of the networks.
        dropout: of all of them but the finer maps after the first.
        colour_jitter: of the palette encoder.
    """

    def __init__(
        self, class_counts: list[int], size: int, colours: int, widths: Widths, dropout: float, colour_jitter: float
    ) -> None:
        super().__init__()
        self.colours, self.sides = colours, map_sides(size)
        writer = widths.writer, widths.writer_layers, max(1, widths.writer // 32), dropout
        self.palette_writer = PaletteWriter(class_counts, colours, *writer, replaces=False)
        self.recolourer = PaletteWriter(class_counts, colours, *writer, replaces=True)
        # Whether the recolourer had recolours to learn from.
        self.register_buffer("recolours_seen", torch.zeros((), dtype=torch.int64))
        self.labels = LabelEmbedding(class_counts, widths.palette)
        self.palette_encoder = PaletteEncoder(widths.palette, 2, dropout, colour_jitter)
        coarse = widths.coarse, widths.coarse_layers, max(1, widths.coarse // 32), widths.key, dropout
        self.coarse = CoarseMap(self.sides[0], colours, widths.palette, *coarse)
        self.finer = nn.ModuleList()
        for level, side in enumerate(self.sides[1:], start=1):
            channels, blocks = (list(reversed(each[:level])) for each in (widths.finer, widths.blocks))
            self.finer.append(
                FinerMap(
                    side,
                    widths.palette,
                    channels,
                    blocks,
                    widths.entry,
                    widths.key,
                    dropout if level == 1 else 0,
                    widths.sees_entries,
                )
            )

    def losses(
        self, portraits: Indexed, labels: Tensor, turns: Tensor, finer_maps: Sequence[int] = ()
    ) -> dict[str, PartLoss]:
        """Part -> loss of portraits.

        Args:
            portraits: palettes and maps.
            labels: int64 [N, A], null labels where they are dropped.
            turns: int64 [N, levels], for every portrait and finer map the turn that is asked for.
            finer_maps: sides of the finer maps that alone are asked for, given what the rest computes as it is;
                empty: everything.
        """
        if finer_maps:
            with torch.no_grad():
                context = self._context(portraits, labels)
            return self._in_turns(context, turns, finer_maps)
        context = self._context(portraits, labels)
        return {**self._whole(portraits, labels, context), **self._in_turns(context, turns)}

    @torch.no_grad()
    def nats(self, portraits: Indexed, labels: Tensor) -> dict[str, Tensor]:
        """Part -> the exact negative log-likelihood [N]: the sum over all turns."""
        context = self._context(portraits, labels)
        total = {part: loss.nats for part, loss in self._whole(portraits, labels, context).items()}
        turns = torch.zeros(len(labels), len(self.finer), dtype=torch.int64, device=labels.device)
        for turn in range(TURNS):
            for part, loss in self._in_turns(context, turns + turn).items():
                # Each turn's estimate is sixteen times that turn.
                total[part] = total.get(part, 0) + loss.nats / TURNS
        return total

    def _context(self, portraits: Indexed, labels: Tensor) -> Context:
        """What all maps are given."""
        embedded = self.labels(labels)
        entries = self.palette_encoder(portraits.colours, portraits.used, embedded)
        return Context(entries, portraits.used, embedded, majority_maps(portraits.entries, self.colours, self.sides))

    def _whole(self, portraits: Indexed, labels: Tensor, context: Context) -> dict[str, PartLoss]:
        """The losses of palette and coarsest map, which are asked for as a whole."""
        entries, used, embedded, maps = context
        nats = self.palette_writer.nats(portraits.colours, used, labels)
        found = {"palette": PartLoss(nats / (3 * used.sum(dim=1) + 1), nats)}
        logits = self.coarse(entries, used, embedded, maps[0].flatten(1))
        nats = functional.cross_entropy(logits.transpose(1, 2), maps[0].flatten(1), reduction="none")
        found[str(self.sides[0])] = PartLoss(nats.mean(dim=1), nats.sum(dim=1))
        return found

    def _in_turns(self, context: Context, turns: Tensor, sides: Sequence[int] = ()) -> dict[str, PartLoss]:
        """The losses of the finer maps at turns int64 [N, levels]: of those of some sides, or of all."""
        entries, used, embedded, maps = context
        found = {}
        for level, network in enumerate(self.finer):
            if sides and network.side not in sides:
                continue
            parent, pixels, turn = maps[level], maps[level + 1], turns[:, level]
            logits = network(entries, used, embedded, parent, pixels, turn)
            found[str(network.side)] = turn_loss(logits, pixels, turn)
        return found

    def recolouring_nats(self, source: Source, colours: Tensor, labels: Tensor) -> Tensor:
        """The negative log-likelihood [N] of another recolour's colours int64 [N, K, 3] for the same entries."""
        return self.recolourer.nats(colours, source.used, labels, source)

    @torch.no_grad()
    def write(
        self,
        labels: Tensor,
        null_labels: Tensor,
        uniforms: Tensor,
        options: SamplingOptions,
        palette: tuple[Tensor, Tensor] | None = None,
        before: Written | None = None,
        keep: float | Sequence[Tensor] = 0.0,
        levels: int | None = None,
    ) -> Written:
        """Portraits for labels.

        Args:
            labels: int64 [N, A].
            null_labels: the same with null labels where guidance shall point away from.
            uniforms: [N, `uniforms_count`] in [0, 1], which choose.
            options: how.
            palette: colours int64 [N, K, 3] and bool [N, K] to paint with; None: written too.
            before: portraits of other labels in this palette, whose entries stay where they fit (`choose`).
            keep: how readily they stay, in nats: one number, or for every map a tensor [N, s, s]; where it is infinite
                they stay whatever comes, where it is -infinite all is written anew.
            levels: how many maps to write, from the coarsest on; None: all.
        """
        of_palette, *of_maps = uniforms.split(self.uniforms_by_part, dim=1)
        if palette is None:
            chance = options.palette_top_p * of_palette.unflatten(1, (self.colours, 3))
            palette = by_lightness(*self.palette_writer.write(labels, chance))
        colours, used = palette
        maps: list[Choices] = []
        for level, side in enumerate(self.sides[:levels]):
            guided = options.guidance != 1 and side <= options.guided_side
            both = torch.cat([labels, null_labels]) if guided else labels
            many = (lambda tensor: torch.cat([tensor, tensor])) if guided else (lambda tensor: tensor)
            embedded = self.labels(both)
            entries = self.palette_encoder(many(colours), many(used), embedded)

            def probabilities(logits: Tensor, level: int = level, guided: bool = guided) -> Tensor:
                if guided:
                    conditional, unconditional = logits.chunk(2)
                    logits = unconditional + options.guidance * (conditional - unconditional)
                return logits / options.temperature[level]

            chance = options.top_p[level] * of_maps[level].unflatten(1, (side, side))
            earlier = before.maps[level] if before else None
            writer = _Map(chance, earlier, keep if isinstance(keep, float) else keep[level], labels.device)
            if level == 0:
                caches = self.coarse.begin(entries, many(used), embedded)
                for place in range(side * side):
                    logits = self.coarse.step(entries, many(used), many(writer.pixels), place, caches)
                    writer.put(divmod(place, side), probabilities(logits))
            else:
                order = turns_of_pixels(side, chance.device)
                for first, last in together(options.passes[level - 1]):
                    now = (order >= first) & (order <= last)
                    turn = torch.full((len(both),), first, device=labels.device)
                    parent, pixels = many(maps[-1].classes), many(writer.pixels.unflatten(1, (side, side)))
                    logits = self.finer[level - 1](entries, many(used), embedded, parent, pixels, turn)
                    writer.put(now, probabilities(logits[:, now.flatten()]))
            maps.append(writer.choices())
        return Written(colours, used, maps)

    def recolour(self, written: Written, labels: Tensor, uniforms: Tensor) -> Tensor:
        """Colours int64 [N, K, 3] for the same entries under other labels."""
        source = Source(written.colours, written.used, entry_places(written.maps[-1].classes, self.colours))
        of_palette = uniforms.split(self.uniforms_by_part, dim=1)[0].unflatten(1, (self.colours, 3))
        return self.recolourer.write(labels, of_palette, source)[0]

    @property
    def uniforms_by_part(self) -> list[int]:
        """How many uniform numbers the palette and each map take."""
        return [3 * self.colours, *(side * side for side in self.sides)]


class _Map:
    """A map [N, s, s] while it is being written, on the networks' device; the uniform numbers may lie on another one
    (`in_float64`)."""

    def __init__(self, uniforms: Tensor, before: Choices | None, keep: float | Tensor, device: torch.device) -> None:
        self.uniforms, self.before = uniforms, before
        self.shape = uniforms.shape
        self.keep = torch.as_tensor(keep, dtype=torch.float32, device=device).expand(self.shape)
        self.classes = torch.zeros(self.shape, dtype=torch.int64, device=device)
        self.log_probabilities = torch.zeros(self.shape, device=device)

    @property
    def pixels(self) -> Tensor:
        """Entries so far, int64 [N, s * s]."""
        return self.classes.flatten(1)

    def put(self, where: object, logits: Tensor) -> None:
        """Choose pixels [N, ...] at `where`, a row and a column or a bool [s, s], by logits [N, ..., K + 1]."""
        index = (slice(None), *where) if isinstance(where, tuple) else (slice(None), where)
        chance = self.uniforms[index]
        earlier = self.before and Choices(*(each[index].flatten() for each in self.before))
        keep = self.keep[index].flatten()
        chosen = choose(logits.reshape(-1, logits.shape[-1]), chance.flatten(), earlier, keep)
        self.classes[index] = chosen.classes.view_as(chance)
        self.log_probabilities[index] = chosen.log_probabilities.view_as(chance)

    def choices(self) -> Choices:
        return Choices(self.classes, self.log_probabilities)


def turn_loss(logits: Tensor, pixels: Tensor, turns: Tensor) -> PartLoss:
    """Cross-entropy of a map, given the pixels of turns before.

    Half of the objective is the turn that is next, an unbiased estimate of nats a pixel; the other half all pixels to
    come: many times the signal from the same work.

    Args:
        logits: [N, S * S, K + 1].
        pixels: int64 [N, S, S].
        turns: int64 [N].
    """
    nats = functional.cross_entropy(logits.transpose(1, 2), pixels.flatten(1), reduction="none")
    order = turns_of_pixels(pixels.shape[1], pixels.device).flatten()
    now, to_come = (order == turns[:, None]).float(), (order >= turns[:, None]).float()
    next_nats = (nats * now).sum(dim=1) * TURNS
    all_to_come = (nats * to_come).sum(dim=1) / to_come.sum(dim=1)
    return PartLoss((next_nats / nats.shape[1] + all_to_come) / 2, next_nats)


def bits(nats: Tensor) -> Tensor:
    """Nats -> bits."""
    return nats / math.log(2)
