"""`palette_transformer`: a palette and a drawing in codes, and a transformer that writes both by label.

A portrait becomes a row of codes, its palette first and its drawing after it (`src/models/palette_autoencoder.py`).
The autoencoder learns first, without labels, and then stands still; the prior learns after it which codes follow which,
label by label, as in VQ-VAE and VQGAN (van den Oord et al., 2017; Esser et al., 2021). Nothing plays against anything:
the likelihood of held-out portraits says at any time how good the prior is, and when it learns by heart.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.configuration import TrainingConfig
from src.device import Precision
from src.families.interface import DataSpecification, Family, Stateful
from src.families.schedule import cosine, set_learning_rate
from src.families.told_augmentation import change_counts, mirrored_and_moved, no_change
from src.models.choosing import Choices, only_the_likeliest
from src.models.code_prior import CodePrior
from src.models.palette_autoencoder import PaletteAutoencoder, mixture_loss, paint
from src.models.pixel_refiner import TURNS, PixelRefiner, nearest_entries, refiner_loss


@dataclass(frozen=True)
class PaletteTransformerConfig(TrainingConfig):
    """Autoencoder, prior and refiner."""

    # How long the autoencoder learns, before all else. A run that is no longer draws noise.
    autoencoder_kimg: float = 30.0
    # The most colours of one portrait, and how many codes spell them.
    colours: int = 31
    palette_codes: int = 16
    # Levels of each of a code's numbers: 512 codes for palettes, 1000 for patches of 4x4 pixels.
    palette_levels: str = "8,8,8"
    drawing_levels: str = "8,5,5,5"
    width: int = 128
    blocks: int = 3
    learning_rate: float = 2e-3
    # How far a pixel may be from its palette's colour: wide at first, so that every colour of the palette learns.
    sigma_first: float = 0.5
    sigma_last: float = 0.05
    # Gradients of the autoencoder are at most so long: without normalisation a rare batch would throw it far.
    gradient_limit: float = 1.0
    prior_width: int = 192
    prior_layers: int = 6
    prior_heads: int = 6
    prior_dropout: float = 0.1
    # Share of portraits learned without their labels; guidance needs it.
    label_dropout: float = 0.1
    # Drawing only: 1 as learned, more exaggerates the labels.
    guidance_weight: float = 2.0
    # Varying a hero only: what it is made of stays under other labels if that is no more than e^keep times less likely
    # there. 0 changes most, infinity nothing.
    keep: float = 2.0
    # The prior learns after the autoencoder, for so many kimg: half a cosine from one rate to the other.
    learning_rate_prior_first: float = 1e-3
    learning_rate_prior_last: float = 1e-4
    prior_schedule_kimg: float = 200.0
    # The refiner learns after the autoencoder, for ever; half a cosine within so many kimg from then on. 0 blocks for
    # no refiner: the likeliest entry at every pixel.
    refiner_blocks: int = 0
    refiner_width: int = 64
    learning_rate_refiner_first: float = 2e-3
    learning_rate_refiner_last: float = 1e-4
    refiner_schedule_kimg: float = 170.0
    # Drawing only: the refiner draws from the likeliest entries of a pixel, which have this share together.
    refiner_share: float = 1.0
    ema_half_life_kimg: float = 2.0


class PaletteTransformerModel(nn.Module):
    """Autoencoder, prior and, where the configuration has one, refiner: all that drawing needs."""

    def __init__(self, config: PaletteTransformerConfig, data: DataSpecification) -> None:
        super().__init__()
        self.autoencoder = PaletteAutoencoder(
            data.channels,
            data.size,
            config.colours,
            config.palette_codes,
            as_levels(config.palette_levels),
            as_levels(config.drawing_levels),
            config.width,
            config.blocks,
        )
        class_counts = [*data.labels.sizes, *change_counts(data.size)]
        self.prior = CodePrior(
            self.autoencoder.code_count,
            self.autoencoder.positions,
            class_counts,
            config.prior_width,
            config.prior_layers,
            config.prior_heads,
            config.prior_dropout,
            guided=len(data.labels.sizes),
        )
        self.refiner = None
        if config.refiner_blocks:
            vector_dim = len(as_levels(config.drawing_levels))
            self.refiner = PixelRefiner(
                config.colours + 1, vector_dim, class_counts, config.refiner_width, config.refiner_blocks
            )


class Written(NamedTuple):
    """Portraits [N, 4, H, W] in [-1, 1], the labels [N, A] that were asked for, the codes [N, L] behind them and, with
    a refiner, the entries [N, H, W]."""

    portraits: Tensor
    labels: Tensor
    codes: Choices
    entries: Choices | None = None


def as_levels(text: str) -> list[int]:
    """`"8,5,5,5"` -> `[8, 5, 5, 5]`.

    Raises:
        ValueError: what is no whole number.
    """
    try:
        return [int(level) for level in text.split(",")]
    except ValueError:
        raise ValueError(f"levels are whole numbers joined by commas, not {text!r}") from None


class PaletteTransformer(Family):
    """The networks, an optimizer for each, and a step of those whose time it is."""

    config_class = PaletteTransformerConfig
    profiles: ClassVar = {
        "smoke": {
            "kimg": 0.128,
            "batch_size": 16,
            "log_kimg": 0.032,
            "sample_kimg": 0.064,
            "checkpoint_kimg": 0.064,
            "autoencoder_kimg": 0.032,
            "colours": 7,
            "palette_codes": 4,
            "palette_levels": "4,4",
            "drawing_levels": "4,4",
            "width": 16,
            "blocks": 1,
            "prior_width": 16,
            "prior_layers": 1,
            "prior_heads": 2,
            "refiner_blocks": 1,
            "refiner_width": 16,
        },
        # Small batches: many small steps learn sooner than few large ones, and take a core no longer.
        "cpu": {
            "kimg": 60.0,
            "batch_size": 4,
            "autoencoder_kimg": 10.0,
            "learning_rate": 1e-3,
            "learning_rate_prior_first": 5e-4,
            "learning_rate_prior_last": 5e-5,
            "prior_schedule_kimg": 50.0,
            "log_kimg": 1.0,
            "sample_kimg": 10.0,
            "checkpoint_kimg": 5.0,
        },
        "rtx2070": {
            "kimg": 4000.0,
            "batch_size": 64,
            "autoencoder_kimg": 1000.0,
            "drawing_levels": "8,8,8,8",
            "width": 256,
            "learning_rate": 1e-3,
            "prior_width": 384,
            "prior_layers": 10,
            "prior_dropout": 0.2,
            "learning_rate_prior_first": 5e-4,
            "prior_schedule_kimg": 3000.0,
            "refiner_blocks": 4,
            "refiner_width": 128,
            "refiner_schedule_kimg": 3000.0,
            "learning_rate_refiner_first": 1e-3,
            "ema_half_life_kimg": 10.0,
            "log_kimg": 10.0,
            "sample_kimg": 200.0,
            "checkpoint_kimg": 200.0,
            "judge_kimg": 200.0,
        },
    }

    def __init__(self, config: PaletteTransformerConfig, data: DataSpecification, device: torch.device) -> None:
        self.config = config
        self.data = data
        self.precision = Precision(device, config.precision)
        self.model = PaletteTransformerModel(config, data).to(device, memory_format=torch.channels_last)
        autoencoder, prior = self.model.autoencoder.parameters(), self.model.prior.parameters()
        self.optimizer = torch.optim.Adam(autoencoder, config.learning_rate, betas=(0.9, 0.98), fused=True)
        self.optimizer_prior = torch.optim.AdamW(prior, config.learning_rate_prior_first, betas=(0.9, 0.99), fused=True)
        self.optimizer_refiner = None
        if self.model.refiner is not None:
            refiner, rate = self.model.refiner.parameters(), config.learning_rate_refiner_first
            self.optimizer_refiner = torch.optim.Adam(refiner, rate, betas=(0.9, 0.98), fused=True)

    @property
    def sampler(self) -> nn.Module:
        return self.model

    @property
    def latent_dim(self) -> int:
        """One number a code, and with a refiner one a pixel."""
        pixels = self.data.size**2 if self.model.refiner is not None else 0
        return self.model.autoencoder.positions + pixels

    @property
    def networks(self) -> dict[str, nn.Module]:
        return dict(self.model.named_children())

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        scalars = {}
        if self.autoencoder_learns(images_seen):
            scalars["loss_reconstruction"] = self.autoencoder_step(reals, images_seen)
        else:
            images_coded = images_seen - int(1000 * self.config.autoencoder_kimg)
            if images_coded < 1000 * self.config.prior_schedule_kimg:
                scalars["loss_prior"] = self.prior_step(reals, labels, images_coded)
            if self.model.refiner is not None:
                scalars["loss_refiner"] = self.refiner_step(reals, labels, images_coded)
        self.precision.scaler.update()
        return {name: value.detach() for name, value in scalars.items()}

    def autoencoder_learns(self, images_seen: int) -> bool:
        """Whether it is the autoencoder's time."""
        return images_seen < 1000 * self.config.autoencoder_kimg

    def sigma(self, images_seen: int) -> float:
        """The deviation of colours from the palette's; the last quarter of the autoencoder's time has the last."""
        config = self.config
        progress = min(1.0, images_seen / (750 * config.autoencoder_kimg)) if config.autoencoder_kimg else 1.0
        return config.sigma_first * (config.sigma_last / config.sigma_first) ** progress

    def autoencoder_step(self, reals: Tensor, images_seen: int) -> Tensor:
        """Palette and drawing learn to tell portraits [N, 4, H, W]; the loss is in nats a pixel."""
        config, scaler, autoencoder = self.config, self.precision.scaler, self.model.autoencoder
        # Down to nothing: the prior learns from codes that have come to rest.
        set_learning_rate(self.optimizer, cosine(config.learning_rate, 0.0, images_seen, config.autoencoder_kimg))
        self.optimizer.zero_grad(set_to_none=True)
        with self.precision.autocast():
            logits, palettes, _ = autoencoder(reals)
        loss = mixture_loss(logits, palettes, reals, self.sigma(images_seen))
        scaler.scale(loss).backward()
        scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(autoencoder.parameters(), config.gradient_limit)
        scaler.step(self.optimizer)
        return loss

    def prior_step(self, reals: Tensor, labels: Tensor, images_coded: int) -> Tensor:
        """The prior learns to foretell every code from those before it; the loss is in nats a code."""
        config, scaler = self.config, self.precision.scaler
        rates = config.learning_rate_prior_first, config.learning_rate_prior_last
        set_learning_rate(self.optimizer_prior, cosine(*rates, images_coded, config.prior_schedule_kimg))
        # Without changes it knows the figures of a small set by heart before it can put new ones together.
        changed, changes = mirrored_and_moved(reals)
        codes = self.encode(self.model, changed)
        unsaid = torch.rand(len(reals), device=reals.device) < config.label_dropout
        self.optimizer_prior.zero_grad(set_to_none=True)
        with self.precision.autocast():
            logits = self.model.prior(codes, torch.cat([labels, changes], dim=1), unsaid)
        loss = functional.cross_entropy(logits.float().flatten(0, 1), codes.flatten())
        scaler.scale(loss).backward()
        scaler.step(self.optimizer_prior)
        return loss

    def refiner_step(self, reals: Tensor, labels: Tensor, images_coded: int) -> Tensor:
        """The refiner learns to go on with a drawing at any turn; the loss is in nats a pixel."""
        config, scaler, refiner = self.config, self.precision.scaler, self.model.refiner
        rates = config.learning_rate_refiner_first, config.learning_rate_refiner_last
        set_learning_rate(self.optimizer_refiner, cosine(*rates, images_coded, config.refiner_schedule_kimg))
        changed, changes = mirrored_and_moved(reals)
        turns = torch.randint(TURNS, (len(reals),), device=reals.device)
        self.optimizer_refiner.zero_grad(set_to_none=True)
        logits, drawings = self.refine(changed, turns, torch.cat([labels, changes], dim=1))
        loss = refiner_loss(logits, drawings, turns)
        scaler.scale(loss).backward()
        scaler.unscale_(self.optimizer_refiner)
        nn.utils.clip_grad_norm_(refiner.parameters(), config.gradient_limit)
        scaler.step(self.optimizer_refiner)
        return loss

    def refine(self, reals: Tensor, turns: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Portraits [N, 4, H, W] through their codes, then all pixels of earlier turns told.

        Returns:
            Logits [N, K + 1, H, W] and the drawings int64 [N, H, W] that they should foretell.
        """
        with torch.no_grad(), self.precision.autocast():
            draft, palettes, vectors = self.model.autoencoder.expand(self.encode(self.model, reals))
            drawings = nearest_entries(reals, palettes)
        with self.precision.autocast():
            return self.model.refiner(draft, palettes, vectors, drawings, turns, labels), drawings

    def unchanged(self, labels: Tensor) -> Tensor:
        """Labels [N, A] with word that the portraits are as they should be, [N, A + 3]."""
        return torch.cat([labels, no_change(len(labels), self.data.size, labels.device)], dim=1)

    @torch.no_grad()
    def encode(self, model: PaletteTransformerModel, reals: Tensor) -> Tensor:
        """Portraits [N, 4, H, W] in [-1, 1] -> codes int64 [N, L], whatever portraits stand beside them."""
        with evaluating(model.autoencoder), self.precision.autocast():
            _, _, codes = model.autoencoder(reals)
        return codes

    def truncated(self, latents: Tensor, truncation: float) -> Tensor:
        """Only the likeliest codes, which have the share `truncation` together."""
        return only_the_likeliest(latents, truncation)

    @torch.no_grad()
    def draw(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        """Codes from the prior, decoded; the refiner's pixels where there is one.

        A number of the latent becomes a uniform one through the normal distribution's CDF.
        """
        return self.write(sampler, latents, labels).portraits

    @torch.no_grad()
    def vary(self, sampler: nn.Module, latents: Tensor, labels: Tensor, changed: Tensor) -> Tensor:
        """Written once more under the other labels; codes and pixels stay that are nearly as likely there."""
        before = self.write(sampler, latents, labels)
        return self.write(sampler, latents, changed, before).portraits

    def write(self, sampler: nn.Module, latents: Tensor, labels: Tensor, before: Written | None = None) -> Written:
        """All of `draw`; what was written `before` stays where it fits."""
        config, told = self.config, self.unchanged(labels)
        of_codes, of_pixels = torch.special.ndtr(latents.double()).tensor_split([sampler.autoencoder.positions], dim=1)
        held = (before.codes, self.unchanged(before.labels), config.keep) if before else ()
        codes = sampler.prior.sample(of_codes, told, config.guidance_weight, *held)
        if sampler.refiner is None:
            return Written(sampler.autoencoder.decode(codes.classes), labels, codes)
        draft, palettes, vectors = sampler.autoencoder.expand(codes.classes)
        of_pixels = config.refiner_share * of_pixels.unflatten(1, (self.data.size, self.data.size))
        held = (before.entries, config.keep) if before else ()
        entries = sampler.refiner.write(draft, palettes, vectors, of_pixels, told, *held)
        return Written(paint(entries.classes, palettes), labels, codes, entries)

    @torch.no_grad()
    def reconstruct(self, sampler: nn.Module, reals: Tensor, labels: Tensor) -> Tensor:
        return sampler.autoencoder.decode(self.encode(sampler, reals))

    @torch.no_grad()
    def watch(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """The losses on held-out portraits; a prior whose loss rises here learns by heart."""
        if self.autoencoder_learns(images_seen):
            with evaluating(self.model), self.precision.autocast():
                logits, palettes, codes = self.model.autoencoder(reals)
            return {
                "loss_reconstruction_held_out": mixture_loss(logits, palettes, reals, self.sigma(images_seen)),
                # Few, and all portraits have become one: the loss alone does not show it while sigma shrinks.
                "codes_in_use": torch.tensor(float(codes.unique().numel())),
            }
        codes = self.encode(self.model, reals)
        with evaluating(self.model), self.precision.autocast():
            logits = self.model.prior(codes, self.unchanged(labels)).float()
        scalars = {"loss_prior_held_out": functional.cross_entropy(logits.flatten(0, 1), codes.flatten())}
        if self.model.refiner is not None:
            turns = torch.arange(len(reals), device=reals.device) % TURNS
            refined, drawings = self.refine(reals, turns, self.unchanged(labels))
            scalars["loss_refiner_held_out"] = refiner_loss(refined, drawings, turns)
        return scalars

    @property
    def parts(self) -> dict[str, Stateful]:
        parts = {
            "model": self.model,
            "optimizer": self.optimizer,
            "optimizer_prior": self.optimizer_prior,
            "scaler": self.precision.scaler,
        }
        return parts if self.optimizer_refiner is None else {**parts, "optimizer_refiner": self.optimizer_refiner}


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Within the block a network is in evaluation mode; afterwards it is as before."""
    before = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(before)
