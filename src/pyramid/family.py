"""`palette_pyramid`: a palette, then maps of its entries from coarse to fine, every pixel a choice.

The networks are in `src/pyramid`. There is no adversary: training minimises an estimate of the portraits' negative
log-likelihood, whose exact value on validation portraits says at any time how good the model is, and when it overfits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from pydantic import ValidationInfo, field_validator
from torch import Tensor, nn
from torch.nn import functional

from src.device import in_float64
from src.errors import InputError
from src.family import DataSpecification, Family, set_learning_rate
from src.palettes.reduction import reduce_colours, reduce_palette
from src.pyramid.augmentation_labels import change_counts, mirrored_and_moved, no_change
from src.pyramid.choosing import Choices, only_the_likeliest
from src.pyramid.maps import index_portraits, majority_maps, paint
from src.pyramid.palette_writer import Source, by_lightness, entry_places
from src.pyramid.pyramid import PalettePyramid, SamplingOptions, Widths, Written, bits
from src.pyramid.recolours import Recolours, find_recolours
from src.pyramid.turns import TURNS, together
from src.schema import Count, CountOrZero, NonNegative, Positive, Share, TrainingConfig

CANDIDATES = 8
"""Coarsest maps that are tried where a part of a portrait is kept."""


class PalettePyramidConfig(TrainingConfig):
    """Networks, optimizer and sampling. Some fields are numbers joined by commas, one a map."""

    colours: Count
    palette_width: Count
    coarse_width: Count
    coarse_layers: Count
    writer_width: Count
    writer_layers: Count
    finer_widths: str
    finer_blocks: str
    finer_maps: str
    pointer_sees_entries: bool
    dropout: Share
    colour_jitter: NonNegative
    label_dropout: Share
    attribute_dropout: Share
    learning_rate: NonNegative
    warmup_kimg: NonNegative
    constant_kimg: NonNegative
    fall_kimg: NonNegative
    weight_decay: NonNegative
    gradient_limit: Positive
    recolours_per_step: Count
    guidance_weight: NonNegative
    guided_side: CountOrZero
    temperature: str
    palette_top_p: Share
    top_p: str
    passes: str
    keep: NonNegative

    @field_validator("finer_widths", "finer_blocks", "finer_maps", "passes")
    @classmethod
    def _counts(cls, text: str, info: ValidationInfo) -> str:
        if info.field_name == "finer_maps" and not text:  # all of them
            return text
        if not all(number >= 1 and number.is_integer() for number in numbers(text)):
            raise ValueError(f"must be whole numbers from 1 on, not {text}")
        return text

    @field_validator("temperature", "top_p")
    @classmethod
    def _positive(cls, text: str, info: ValidationInfo) -> str:
        if min(numbers(text)) <= 0:
            raise ValueError(f"must be above 0, not {text}")
        if info.field_name == "top_p" and max(numbers(text)) > 1:
            raise ValueError(f"must be at most 1, not {text}")
        return text

    @field_validator("passes")
    @classmethod
    def _possible_passes(cls, text: str) -> str:
        for number in numbers(text):
            together(int(number))  # refuses a number that cannot be
        return text


def numbers(text: str) -> list[float]:
    """`"1,0.5"` -> `[1.0, 0.5]`.

    Raises:
        ValueError: what is no finite number.
    """
    try:
        found = [float(number) for number in text.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise ValueError(f"must be numbers joined by commas, not {text!r}")
    return found


def as_long_as(text: str, count: int) -> list[float]:
    """`count` numbers; the last one that the text gives goes on."""
    given = numbers(text)
    return (given + [given[-1]] * count)[:count]


class PalettePyramidFamily(Family):
    """The model, its optimizer and a training step."""

    config_class = PalettePyramidConfig

    def __init__(self, config: PalettePyramidConfig, data: DataSpecification, device: torch.device) -> None:
        super().__init__(config, data, device)
        finer = [[int(number) for number in numbers(text)] for text in (config.finer_widths, config.finer_blocks)]
        if len(finer[0]) != len(finer[1]):
            raise ValueError("finer_widths and finer_blocks must be as many numbers, one a side")
        widths = Widths(
            config.palette_width,
            config.coarse_width,
            config.coarse_layers,
            *finer,
            config.writer_width,
            config.writer_layers,
            sees_entries=config.pointer_sees_entries,
        )
        class_counts = [*data.labels.sizes, *change_counts(data.size)]
        parameters = class_counts, data.size, config.colours, widths, config.dropout, config.colour_jitter
        self.model = PalettePyramid(*parameters).to(device)
        levels = len(self.model.sides)
        self.finer_maps = [int(side) for side in numbers(config.finer_maps)] if config.finer_maps else []
        if not {*self.finer_maps} <= {*self.model.sides[1:]}:
            raise ValueError(f"finer_maps: maps of {data.size} pixels are {self.model.sides[1:]}")
        self.options = SamplingOptions(
            config.guidance_weight,
            config.guided_side,
            as_long_as(config.temperature, levels),
            config.palette_top_p,
            as_long_as(config.top_p, levels),
            [int(number) for number in as_long_as(config.passes, max(1, levels - 1))],
        )
        self.null_label = torch.tensor(data.labels.sizes, dtype=torch.int64, device=device)
        self.recolours: tuple[Tensor, ...] = ()

    def build_optimizers(self) -> None:
        config = self.config
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            config.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=config.weight_decay,
            fused=True,
        )

    @property
    def sampler(self) -> nn.Module:
        return self.model

    @property
    def latent_dim(self) -> int:
        """A number a choice: red, green and blue of the colours, then every pixel of every map."""
        return sum(self.model.uniforms_by_part)

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"model": self.model}

    def prepare_images(self, images: np.ndarray) -> tuple[np.ndarray, str]:
        reduced, count = reduce_colours(images, self.config.colours)
        note = f"{count:,} of {len(images):,} portraits had more than {self.config.colours} colours and were reduced"
        return reduced, note if count else ""

    def inspect_training_set(self, images: Tensor, labels: Tensor) -> None:
        """Find the recolours of one silhouette among the training portraits."""
        entries, colours, used = [], [], []
        for part in images.cpu().split(256):
            indexed = index_portraits((part.float() / 127.5 - 1).permute(0, 3, 1, 2), self.config.colours)
            entries.append(indexed.entries.to(torch.int16))
            colours.append(indexed.colours)
            used.append(indexed.used)
        entries = torch.cat(entries)
        found: Recolours = find_recolours(images.cpu().numpy(), entries.numpy(), self.config.colours)
        if not len(found.first):
            return
        first, second = torch.from_numpy(found.first), torch.from_numpy(found.second)
        places = torch.cat([entry_places(part.long(), self.config.colours) for part in entries.split(256)])
        kept = torch.cat(colours)[first], torch.cat(used)[first], places[first], torch.from_numpy(found.colours).long()
        self.recolours = tuple(each.to(self.device) for each in (*kept, labels.cpu()[second]))
        self.model.recolours_seen.fill_(len(found.first))

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        config = self.config
        set_learning_rate(self.optimizer, self.learning_rate(images_seen))
        # Mirrored and moved portraits, with augmentation labels: more to see of a small set, and nothing leaks.
        changed, augmentation = mirrored_and_moved(reals)
        portraits = index_portraits(changed, config.colours)
        condition = torch.cat([self.with_label_dropout(labels), augmentation], dim=1)
        turns = torch.randint(TURNS, (len(reals), len(self.model.finer)), device=reals.device)
        with self.precision.autocast():
            losses = self.model.losses(portraits, condition, turns, self.finer_maps)
            objective = sum(loss.objective.mean() for loss in losses.values())
            scalars = {f"bits_{part}": bits(loss.nats.mean()) for part, loss in losses.items()}
            if self.recolours and not self.finer_maps:
                recolouring = self.recolouring_nats()
                objective = objective + recolouring.mean()
                scalars["loss_recolouring"] = recolouring.mean()
        self.minimise(objective, self.optimizer, config.gradient_limit)
        self.precision.scaler.update()
        scalars["loss_pyramid"] = objective
        if not self.finer_maps:
            scalars["bits"] = all_maps(scalars)
        return scalars

    def learning_rate(self, images_seen: int) -> float:
        """The rate after so many images."""
        config = self.config
        warmup = min(1.0, (images_seen + 1) / (1000 * config.warmup_kimg)) if config.warmup_kimg else 1.0
        decay = max(1.0, images_seen / (1000 * config.constant_kimg)) ** -0.5 if config.constant_kimg else 1.0
        left = max(0.0, config.kimg - images_seen / 1000)
        fall = min(1.0, left / config.fall_kimg) if config.fall_kimg else 1.0
        return config.learning_rate * warmup * decay * fall

    def with_label_dropout(self, labels: Tensor) -> Tensor:
        """Labels int64 [N, A], some of them replaced by the null label."""
        config = self.config
        all_of_them = torch.rand(len(labels), 1, device=labels.device) < config.label_dropout
        single = torch.rand(labels.shape, device=labels.device) < config.attribute_dropout
        return torch.where(all_of_them | single, self.null_labels(labels), labels)

    def null_labels(self, labels: Tensor) -> Tensor:
        """The null label of every attribute, int64 [N, A]."""
        return self.null_label.expand_as(labels)

    def recolouring_nats(self) -> Tensor:
        """The recolourer's loss on some pairs [n], in nats a number of 8 bits."""
        colours, used, places, target, labels = self.recolours
        chosen = torch.randint(len(colours), (self.config.recolours_per_step,), device=colours.device)
        source = Source(colours[chosen], used[chosen], places[chosen])
        condition = self.conditioned(self.with_label_dropout(labels[chosen]))
        nats = self.model.recolouring_nats(source, target[chosen], condition)
        return nats / (3 * source.used.sum(dim=1)).clamp(min=1)

    def conditioned(self, labels: Tensor) -> Tensor:
        """Labels [N, A] with the augmentation labels of portraits that are neither mirrored nor moved."""
        return torch.cat([labels, no_change(len(labels), self.data.size, labels.device)], dim=1)

    def truncated(self, latents: Tensor, truncation: float) -> Tensor:
        """Only the likeliest colours and entries, which have the share `truncation` together."""
        return only_the_likeliest(latents, truncation)

    @torch.no_grad()
    def sample(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        """A palette and maps, chosen by the latents: each becomes a uniform number through the normal's CDF."""
        return self.painted(self.write(sampler, latents, labels))

    @torch.no_grad()
    def sample_in_palette(self, sampler: nn.Module, latents: Tensor, labels: Tensor, palette: Tensor) -> Tensor:
        palette = torch.from_numpy(reduce_palette(palette.numpy(), self.config.colours))
        # What category the colours are of is for them to say.
        open_labels = torch.where(self.of_palette(labels), self.null_labels(labels), labels)
        colours = torch.zeros(1, self.config.colours, 3, dtype=torch.int64)
        colours[0, : len(palette)] = palette
        used = torch.arange(self.config.colours)[None] < len(palette)
        colours, used = (each.expand(len(labels), *each.shape[1:]) for each in by_lightness(colours, used))
        return self.painted(self.write(sampler, latents, open_labels, palette=(colours, used)))

    @torch.no_grad()
    def vary(self, sampler: nn.Module, latents: Tensor, labels: Tensor, changed: Tensor) -> Tensor:
        """Pixels stay that are nearly as likely under the other labels. For another palette, other colours are written
        for the same entries; where the set had no recolours to learn that from, the hero is sampled anew."""
        before = self.write(sampler, latents, labels)
        other_palette = (self.of_palette(labels) & (changed != labels)).any(dim=1)
        # While a hero is recoloured, its map is that of its own palette.
        requested = torch.where(self.of_palette(labels), labels, changed)
        hero = before
        if not torch.equal(requested, labels):
            hero = self.write(sampler, latents, requested, palette=(before.colours, before.used), before=before)
        if sampler.recolours_seen > 0:
            recoloured = sampler.recolour(hero, self.conditioned(changed), self.uniforms(latents))
            colours = torch.where(other_palette[:, None, None], recoloured, hero.colours)
            return self.painted(hero._replace(colours=colours))
        anew = self.sample(sampler, latents, changed)
        return torch.where(other_palette[:, None, None, None], anew, self.painted(hero))

    @property
    def kept_sides(self) -> tuple[int, ...]:
        return tuple(self.model.sides)

    @torch.no_grad()
    def rewrite(
        self, sampler: nn.Module, latents: Tensor, labels: Tensor, portraits: Tensor, kept: Tensor, side: int = 0
    ) -> Tensor:
        """The coarsest map first (`fitting_coarsest`), then what is not kept of the others."""
        indexed = index_portraits(portraits, self.config.colours)
        palette = indexed.colours, indexed.used
        maps = majority_maps(indexed.entries, self.config.colours, sampler.sides)
        keep = [torch.where(where, math.inf, -math.inf) for where in kept_by_map(kept, sampler.sides, side)]
        maps[0] = self.fitting_coarsest(sampler, latents, labels, palette, maps[0], keep[0])
        keep[0] = torch.full_like(keep[0], math.inf)
        return self.painted(self.write(sampler, latents, labels, palette, as_written(palette, maps), keep))

    def fitting_coarsest(
        self,
        sampler: nn.Module,
        latents: Tensor,
        labels: Tensor,
        palette: tuple[Tensor, Tensor],
        coarse: Tensor,
        keep: Tensor,
    ) -> Tensor:
        """Of several coarsest maps the one under which the kept pixels are likeliest: it is written in rows from the
        top, and what stands above a kept face would not know of it otherwise.

        Args:
            coarse: int64 [N, s, s].
            keep: [N, s, s], as for `PalettePyramid.write`.
        """

        def many(tensor: Tensor) -> Tensor:
            return torch.cat([tensor] * CANDIDATES)

        # A candidate's uniform numbers are others of its portrait's.
        turned = torch.cat([latents.roll(-number * coarse[0].numel(), dims=1) for number in range(CANDIDATES)])
        palettes = many(palette[0]), many(palette[1])
        before = as_written(palettes, [many(coarse)])
        tried = self.write(sampler, turned, many(labels), palettes, before, [many(keep)], levels=1).maps[0]
        fits = (tried.log_probabilities * (many(keep) > 0)).flatten(1).sum(dim=1).unflatten(0, (CANDIDATES, -1))
        return tried.classes.unflatten(0, (CANDIDATES, -1))[fits.argmax(dim=0), torch.arange(len(labels))]

    @torch.no_grad()
    def recolour(self, sampler: nn.Module, latents: Tensor, labels: Tensor, portraits: Tensor) -> Tensor:
        if not sampler.recolours_seen:
            raise InputError("this model's training set had no recolours, so it cannot recolour")
        indexed = index_portraits(portraits, self.config.colours)
        whole = as_written((indexed.colours, indexed.used), [indexed.entries])
        colours = sampler.recolour(whole, self.conditioned(labels), self.uniforms(latents))
        return paint(indexed.entries, colours, self.data.size)

    def of_palette(self, labels: Tensor) -> Tensor:
        """Which labels [N, A] are of the palette, whose colours say it already."""
        names = [name == "palette" for name in self.data.labels.names]
        return torch.tensor(names, dtype=torch.bool, device=labels.device).expand_as(labels)

    def write(
        self,
        sampler: nn.Module,
        latents: Tensor,
        labels: Tensor,
        palette: tuple[Tensor, Tensor] | None = None,
        before: Written | None = None,
        keep: Sequence[Tensor] | None = None,
        levels: int | None = None,
    ) -> Written:
        """`PalettePyramid.write` for latents [N, latent_dim] and labels [N, A]; `keep` None: as configured."""
        condition, null = self.conditioned(labels), self.conditioned(self.null_labels(labels))
        keep = self.config.keep if keep is None else keep
        with self.precision.autocast():
            return sampler.write(condition, null, self.uniforms(latents), self.options, palette, before, keep, levels)

    def uniforms(self, latents: Tensor) -> Tensor:
        """Normal numbers to uniform ones."""
        return torch.special.ndtr(in_float64(latents))

    def painted(self, written: Written) -> Tensor:
        return paint(written.maps[-1].classes, written.colours, self.data.size)

    @torch.no_grad()
    def likelihood(self, sampler: nn.Module, reals: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Bits a portrait [N], by part and (`bits`) all maps together, given the palette."""
        portraits = index_portraits(reals, self.config.colours)
        with self.precision.autocast():
            nats = sampler.nats(portraits, self.conditioned(labels))
        found = {f"bits_{part}": bits(each) for part, each in nats.items()}
        return {**found, "bits": all_maps(found)}


def as_written(palette: tuple[Tensor, Tensor], maps: list[Tensor]) -> Written:
    """Given maps as if they had been written, each choice a sure one."""
    return Written(*palette, [Choices(each, torch.zeros(each.shape, device=each.device)) for each in maps])


def kept_by_map(kept: Tensor, sides: Sequence[int], side: int) -> list[Tensor]:
    """Which pixels of every map are kept, bool [N, s, s]: all up to `side`, then those most of whose block is kept.

    Args:
        kept: bool [N, S, S].
        sides: of the maps from coarse to fine; the last one may be more than S.
    """
    beyond = sides[-1] - kept.shape[-1]
    shares = functional.pad(kept.float(), (0, beyond, 0, beyond), value=1.0)[:, None]
    blocks = [functional.avg_pool2d(shares, sides[-1] // each)[:, 0] for each in sides]
    return [(share >= 0.5) | (each <= side) for share, each in zip(blocks, sides, strict=True)]


def all_maps(found: dict[str, Tensor]) -> Tensor:
    """All maps together: bits of the portrait, given its palette."""
    return sum(value for name, value in found.items() if name.startswith("bits_") and name != "bits_palette")
