"""`r3gan`: relativistic pairing loss with R1 and R2, networks without normalisation, a palette head.

The recipe is R3GAN's (Huang et al., "The GAN is dead; long live the GAN!", 2024), cut to a small set and small
hardware: lazy penalties, conditioning ramped in (Shahbazi et al., 2022), augmentation that keeps the pixel grid with a
strength that adapts itself (Karras et al., 2020), and a penalty on samples of one label that are all similar.

The networks, for square images of 8, 16, 32, ... pixels, are R3GAN's too: plain residual stacks that mirror each
other, started in the way of Fixup (Zhang et al., 2019): the last convolution of every branch is zero, the first is
scaled by the depth. Two changes for small hardware: plain 3x3 convolutions where R3GAN groups them (grouped ones are
slow on a CPU), and the networks work at half the side, on patches of 2x2 pixels (pixel unshuffle), where the same work
buys more parameters.

The last layer is a palette head (src/palettes/head.py): samples are pixel art by construction.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from src.family import DataSpecification, Stateful
from src.gan.adaptive_augmentation import AdaptiveAugment
from src.gan.adversarial import AdversarialFamily, frozen
from src.gan.conditioning import AttributeEmbedding
from src.gan.diff_augment import DiffAugment
from src.gan.penalties import diversity_loss, squared_gradient
from src.palettes.head import PaletteHead, colours_note, patch_convolution
from src.schema import Count, CountOrZero, Decay, NonNegative, Positive, Share, TrainingConfig

SLOPE = 0.2  # of the leaky ReLUs


class DirectHead(nn.Module):
    """The usual head, to compare with: four free values a pixel through tanh.

    Args:
        channels: C of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.to_pixels = patch_convolution(channels, 4)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """[N, C, H, W], a condition that is not looked at -> portraits [N, 4, 2H, 2W] in [-1, 1]."""
        return torch.tanh(functional.pixel_shuffle(self.to_pixels(features).float(), 2))


def stage_channels(size: int, base_channels: int) -> list[int]:
    """Channels at 4x4, 8x8, ..., size/2: doubled at every halving of the side, at most four times the base.

    Raises:
        ValueError: a size that is no power of two of at least 8.
    """
    if size < 8 or size & (size - 1):
        raise ValueError(f"size must be a power of two of at least 8, not {size}")
    stages = size.bit_length() - 3
    return [base_channels * min(4, 2**stage) for stage in range(stages - 1, -1, -1)]


def scaled(layer: nn.Conv2d | nn.Linear, gain: float) -> nn.Conv2d | nn.Linear:
    """The layer with normal weights of variance gain^2 / fan-in (He et al., 2015) and biases at zero."""
    nn.init.normal_(layer.weight, std=gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class ResidualBlock(nn.Module):
    """x + conv(act(conv(act(x)))); with a condition, the features between are scaled and shifted by it.

    Args:
        channels: C.
        depth: how many blocks the network has; branches of deeper networks start smaller.
        condition_dim: length of the condition; 0 for none (the discriminator).
    """

    def __init__(self, channels: int, depth: int, condition_dim: int = 0) -> None:
        super().__init__()
        self.conv_1 = scaled(nn.Conv2d(channels, channels, 3, padding=1), math.sqrt(2 / (1 + SLOPE**2) / depth))
        self.conv_2 = scaled(nn.Conv2d(channels, channels, 3, padding=1), 0.0)
        self.modulate = scaled(nn.Linear(condition_dim, 2 * channels), 0.5) if condition_dim else None

    def forward(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """[N, C, H, W], [N, condition_dim] or None -> [N, C, H, W]."""
        branch = self.conv_1(functional.leaky_relu(features, SLOPE))
        if self.modulate is not None:
            scale, shift = self.modulate(condition)[:, :, None, None].chunk(2, dim=1)
            branch = torch.addcmul(shift, branch, 1 + scale)
        return features + self.conv_2(functional.leaky_relu(branch, SLOPE))


class NormFreeGenerator(nn.Module):
    """Latents and labels to portraits.

    The latent is cut into pieces: one for the first layer, one a block, one for the colours. What steers colours alone
    (`colour_columns`) does not reach the blocks: with a palette head, another palette recolours the very same hero.

    Args:
        size: side of the portraits in pixels, a power of two from 8.
        class_counts: the number of classes of each attribute.
        colour_columns: the attributes (columns of the labels) that steer nothing but colours.
        latent_dim: length of the latent, at least the number of pieces.
        base_channels: channels at half the side.
        blocks: residual blocks a stage.
        embedding_dim: length of a summed label embedding.
        colours: K of the palette head; 0 for free pixels.
    """

    def __init__(
        self,
        size: int,
        class_counts: Sequence[int],
        colour_columns: Sequence[int],
        latent_dim: int = 120,
        base_channels: int = 64,
        blocks: int = 1,
        embedding_dim: int = 64,
        colours: int = 31,
    ) -> None:
        super().__init__()
        channels = stage_channels(size, base_channels)
        depth = len(channels) * blocks
        pieces = depth + 2
        if latent_dim < pieces:
            raise ValueError(f"latent_dim must be at least {pieces} (one piece a layer), not {latent_dim}")
        self.latent_dim = latent_dim
        self.pieces = [latent_dim // pieces] * (pieces - 1) + [latent_dim - latent_dim // pieces * (pieces - 1)]
        self.shape_embedding = AttributeEmbedding(class_counts, embedding_dim, without=colour_columns)
        self.colour_embedding = AttributeEmbedding(class_counts, embedding_dim)
        # How much labels count, ramped in by the recipe (Shahbazi et al., 2022).
        self.register_buffer("label_strength", torch.ones(()))

        self.first = scaled(nn.Linear(self.pieces[0] + embedding_dim, channels[0] * 4 * 4), 1.0)
        self.stages = nn.ModuleList(
            nn.ModuleList(ResidualBlock(width, depth, self.pieces[1] + embedding_dim) for _ in range(blocks))
            for width in channels
        )
        self.narrow = nn.ModuleList(
            scaled(nn.Conv2d(wide, narrow, 1), 1.0) for wide, narrow in itertools.pairwise(channels)
        )
        condition_dim = self.pieces[-1] + embedding_dim
        self.head = PaletteHead(channels[-1], condition_dim, colours) if colours else DirectHead(channels[-1])

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Latents [N, latent_dim] of unit variance, labels int64 [N, A] -> portraits [N, 4, size, size] in [-1, 1]."""
        shape = self.label_strength * self.shape_embedding(labels)
        colour = self.label_strength * self.colour_embedding(labels)
        pieces = iter(latents.split(self.pieces, dim=1))
        features = self.first(torch.cat([next(pieces), shape], dim=1)).unflatten(1, (-1, 4, 4))
        features = features.contiguous(memory_format=torch.channels_last)
        for index, stage in enumerate(self.stages):
            if index > 0:
                features = functional.interpolate(self.narrow[index - 1](features), scale_factor=2, mode="nearest")
            for block in stage:
                features = block(features, torch.cat([next(pieces), shape], dim=1))
        features = functional.leaky_relu(features, SLOPE)
        return self.head(features, torch.cat([next(pieces), colour], dim=1))


class NormFreeDiscriminator(nn.Module):
    """Portraits and labels to logits: the generator's mirror, then a score and a projection on the labels.

    Args:
        size, class_counts, blocks: as for the generator.
        image_channels: 4 for RGBA.
        base_channels: channels at half the side.
    """

    def __init__(
        self, size: int, image_channels: int, class_counts: Sequence[int], base_channels: int = 64, blocks: int = 1
    ) -> None:
        super().__init__()
        channels = stage_channels(size, base_channels)[::-1]
        depth = len(channels) * blocks
        self.first = scaled(nn.Conv2d(4 * image_channels, channels[0], 3, padding=1), 1.0)
        self.stages = nn.ModuleList(
            nn.ModuleList(ResidualBlock(width, depth) for _ in range(blocks)) for width in channels
        )
        self.widen = nn.ModuleList(
            scaled(nn.Conv2d(narrow, wide, 1), 1.0) for narrow, wide in itertools.pairwise(channels)
        )
        width = channels[-1]
        # What is where still matters at 4x4: one weight a place and channel, then a mix of the channels.
        self.gather = scaled(nn.Conv2d(width, width, 4, groups=width), 1.0)
        self.mix = scaled(nn.Linear(width, width), 1.0)
        self.score = scaled(nn.Linear(width, 1), 1.0)
        self.tables = nn.ModuleList(nn.Embedding(count, width) for count in class_counts)
        self.register_buffer("label_strength", torch.ones(()))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Portraits [N, C, size, size] in [-1, 1], labels int64 [N, A] -> logits [N]; larger means more real."""
        features = self.first(functional.pixel_unshuffle(images, 2))
        for index, stage in enumerate(self.stages):
            if index > 0:
                features = functional.avg_pool2d(self.widen[index - 1](features), 2)
            for block in stage:
                features = block(features)
        features = self.mix(self.gather(functional.leaky_relu(features, SLOPE)).flatten(1))
        logits = self.score(features).squeeze(1)
        for column, table in enumerate(self.tables):
            # Projection (Miyato & Koyama, 2018), scaled to the score's size whatever the width.
            projected = (table(labels[:, column]) * features).sum(dim=1) / math.sqrt(features.shape[1])
            logits = logits + self.label_strength * projected
        return logits


class R3GANConfig(TrainingConfig):
    """Pairs of `..._first` and `..._last` go from one to the other within `schedule_kimg`."""

    latent_dim: Count
    base_channels: Count
    blocks: Count
    embedding_dim: Count
    colours: CountOrZero
    colour_attribute: str
    harden_kimg: NonNegative
    schedule_kimg: NonNegative
    learning_rate_first: NonNegative
    learning_rate_last: NonNegative
    discriminator_rate: NonNegative
    beta2_first: Decay
    beta2_last: Decay
    gamma_first: NonNegative
    gamma_last: NonNegative
    penalty_interval: Count
    label_ramp_kimg: NonNegative
    augment: str
    augment_most: Share
    augment_move_kimg: Positive
    augment_target: Share
    diversity_weight: NonNegative


def cosine(first: float, last: float, images_seen: int, length_kimg: float) -> float:
    """`first` before training, `last` from `length_kimg` on, half a cosine between: R3GAN moves learning rate, beta2,
    gamma and augmentation together so.

    Args:
        images_seen: real images the model has seen.
        length_kimg: length of the way in thousands of images; 0 gives `last` at once.
    """
    progress = min(1.0, images_seen / (1000 * length_kimg)) if length_kimg > 0 else 1.0
    return last + (first - last) * (1 + math.cos(math.pi * progress)) / 2


class R3GAN(AdversarialFamily):
    """The step that trains both networks on pairs of a real and a fake, and what changes with the images seen."""

    config_class = R3GANConfig

    def __init__(self, config: R3GANConfig, data: DataSpecification, device: torch.device) -> None:
        super().__init__(config, data, device)
        kinds = DiffAugment(config.augment, config.augment_most)
        self.augment = AdaptiveAugment(kinds, config.augment_target, config.augment_move_kimg, device)

    def build_generator(self) -> nn.Module:
        config, labels = self.config, self.data.labels
        return NormFreeGenerator(
            self.data.size,
            labels.sizes,
            [column for column, name in enumerate(labels.names) if name == config.colour_attribute],
            config.latent_dim,
            config.base_channels,
            config.blocks,
            config.embedding_dim,
            config.colours,
        )

    def build_discriminator(self) -> nn.Module:
        config, data = self.config, self.data
        return NormFreeDiscriminator(data.size, data.channels, data.labels.sizes, config.base_channels, config.blocks)

    def build_optimizers(self) -> None:
        rate = self.config.learning_rate_first
        self.build_adams(rate, rate, (0.0, self.config.beta2_first))

    def prepare_images(self, images: np.ndarray) -> tuple[np.ndarray, str]:
        return images, colours_note(images, self.config.colours)

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        config, scaler = self.config, self.precision.scaler
        self.follow_schedule(images_seen)

        # Fakes have the labels of the reals they are paired with. A quarter of the labels comes once more, for the
        # diversity loss; D does not see those.
        repeated = len(labels) // 4 if config.diversity_weight > 0 else 0
        fakes, again = self.fakes(torch.cat([labels, labels[:repeated]])).tensor_split([len(labels)])

        # D: every real should score higher than the fake it is paired with.
        self.optimizer_discriminator.zero_grad(set_to_none=True)
        seen_reals, seen_fakes = self.augment(reals), self.augment(fakes.detach())
        with self.precision.autocast():
            logits = self.discriminator(torch.cat([seen_reals, seen_fakes]), labels.repeat(2, 1)).float()
        real_logits, fake_logits = logits.chunk(2)
        loss_discriminator = functional.softplus(fake_logits - real_logits).mean()
        scaler.scale(loss_discriminator).backward()
        scalars = {
            "loss_discriminator": loss_discriminator,
            "logit_real": real_logits.mean(),
            "logit_fake": fake_logits.mean(),
        }
        # Now and then D learns to be flat around reals (R1) and around fakes (R2).
        if images_seen // config.batch_size % config.penalty_interval == 0:
            gamma = cosine(config.gamma_first, config.gamma_last, images_seen, config.schedule_kimg)
            with self.precision.penalty_autocast():
                r1 = squared_gradient(self.discriminator, seen_reals, labels)
                r2 = squared_gradient(self.discriminator, seen_fakes, labels)
            scaler.scale(config.penalty_interval * gamma / 2 * (r1 + r2)).backward()
            scalars |= {"r1": r1, "r2": r2}
        scaler.step(self.optimizer_discriminator)

        # G: every fake should score higher than the real it is paired with.
        with frozen(self.discriminator), self.precision.autocast():
            fake_logits = self.discriminator(self.augment(fakes), labels).float()
        # The reals' logits are constants here: those of D's own step will do.
        loss_generator = functional.softplus(real_logits.detach() - fake_logits).mean()
        scalars["loss_generator"] = loss_generator
        if repeated:
            pairs = torch.cat([fakes[:repeated], again])
            loss_diversity = diversity_loss(pairs, self.data.intra_class_distance)
            loss_generator = loss_generator + config.diversity_weight * loss_diversity
            scalars["diversity_loss"] = loss_diversity
        self.minimise(loss_generator, self.optimizer_generator)

        scaler.update()
        # Relativistic logits have no zero: the advantage is of pairs, 2 P(real scores higher than its fake) - 1.
        scalars["advantage"] = (real_logits - fake_logits).sign().mean()
        self.augment.adapt(scalars["advantage"], config.batch_size)
        scalars["augment_probability"] = self.augment.probability.clone()
        return scalars

    def follow_schedule(self, images_seen: int) -> None:
        """Set what changes with the images seen: optimizers, the label's strength, the head's hardness."""
        config = self.config
        rate = cosine(config.learning_rate_first, config.learning_rate_last, images_seen, config.schedule_kimg)
        beta2 = cosine(config.beta2_first, config.beta2_last, images_seen, config.schedule_kimg)
        for optimizer, share in (
            (self.optimizer_generator, 1.0),
            (self.optimizer_discriminator, config.discriminator_rate),
        ):
            for group in optimizer.param_groups:
                group["lr"], group["betas"] = rate * share, (0.0, beta2)
        strength = cosine(0.0, 1.0, images_seen, config.label_ramp_kimg)
        self.generator.label_strength.fill_(strength)
        self.discriminator.label_strength.fill_(strength)
        if config.colours:
            self.generator.head.hardness.fill_(cosine(0.0, 1.0, images_seen, config.harden_kimg))

    @torch.no_grad()
    def validate(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """D's mean logit on validation portraits: below the mean on reals it shows how far D has memorised them."""
        with self.precision.autocast():
            logits = self.discriminator(self.augment(reals), labels)
        return {"logit_validation": logits.float().mean()}

    @property
    def parts(self) -> dict[str, Stateful]:
        return {**super().parts, "augment_probability": self.augment}
