"""A straightforward implementation of `resnet_gan` with free pixels, to compare with: what one writes first, from the
papers.

The same networks, losses, augmentation and hyperparameters. Plain fp32 and contiguous tensors; R1 on every step; a call
of D for the reals and one for the fakes; D's gradients worked out in G's step too, and thrown away; an optimizer and a
moving average that go through the parameters one by one.
"""

from __future__ import annotations

import copy
import itertools
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.clock import seconds
from benchmarks.workload import Workload, mean_over_cycle
from src.family import DataSpecification
from src.gan.conditional_gan import ConditionalGANConfig
from src.gan.conditioning import AttributeEmbedding, ConditionalBatchNorm2d, ProjectionHead
from src.gan.diff_augment import DiffAugment, instance_noise
from src.gan.losses import LOSSES
from src.gan.penalties import diversity_loss, squared_gradient
from src.gan.resnet import orthogonal, widths

# What the straightforward implementation does without.
FREE_PIXELS = {"colours": 0, "auxiliary_weight": 0.0, "augment_target": 0.0}


class PlainGeneratorBlock(nn.Module):
    """As drawn in the paper: the shortcut is enlarged first and convolved afterwards."""

    def __init__(self, channels_in: int, channels_out: int, condition_dim: int) -> None:
        super().__init__()
        self.norm_1 = ConditionalBatchNorm2d(channels_in, condition_dim)
        self.conv_1 = orthogonal(nn.Conv2d(channels_in, channels_out, 3, padding=1))
        self.norm_2 = ConditionalBatchNorm2d(channels_out, condition_dim)
        self.conv_2 = orthogonal(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.shortcut = orthogonal(nn.Conv2d(channels_in, channels_out, 1))

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """[N, C_in, H, W], [N, condition_dim] -> [N, C_out, 2H, 2W]."""
        residual = functional.interpolate(functional.relu(self.norm_1(features, condition)), scale_factor=2)
        residual = self.conv_2(functional.relu(self.norm_2(self.conv_1(residual), condition)))
        return residual + self.shortcut(functional.interpolate(features, scale_factor=2))


class PlainGenerator(nn.Module):
    """The layers and the names of `src.gan.resnet.ResNetGenerator`, whose weights it takes."""

    def __init__(self, data: DataSpecification, config: ConditionalGANConfig) -> None:
        super().__init__()
        channels = widths(data.size, 1, config.base_channels)
        self.piece_dim = config.latent_dim // len(channels)
        condition_dim = config.embedding_dim + self.piece_dim
        self.embedding = AttributeEmbedding(data.labels.sizes, config.embedding_dim)
        self.first = orthogonal(nn.Linear(condition_dim, channels[0] * 4 * 4))
        self.blocks = nn.ModuleList(
            [PlainGeneratorBlock(*pair, condition_dim) for pair in itertools.pairwise(channels)]
        )
        self.last_norm = nn.BatchNorm2d(channels[-1])
        self.to_image = orthogonal(nn.Conv2d(channels[-1], data.channels, 3, padding=1))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Latents [N, latent_dim], labels int64 [N, A] -> portraits [N, C, size, size] in [-1, 1]."""
        embedding = self.embedding(labels)
        conditions = [torch.cat([embedding, piece], dim=1) for piece in latents.split(self.piece_dim, dim=1)]
        features = self.first(conditions[0]).unflatten(1, (-1, 4, 4))
        for block, condition in zip(self.blocks, conditions[1:], strict=True):
            features = block(features, condition)
        return torch.tanh(self.to_image(functional.relu(self.last_norm(features))))


class PlainDiscriminatorBlock(nn.Module):
    """As drawn in the paper: the shortcut is convolved first and averaged afterwards."""

    def __init__(self, channels_in: int, channels_out: int, spectral_norm: bool, first: bool, last: bool) -> None:
        super().__init__()
        spectral = nn.utils.parametrizations.spectral_norm if spectral_norm else nn.Identity()
        self.conv_1 = spectral(orthogonal(nn.Conv2d(channels_in, channels_out, 3, padding=1)))
        self.conv_2 = spectral(orthogonal(nn.Conv2d(channels_out, channels_out, 3, padding=1)))
        self.shortcut = spectral(orthogonal(nn.Conv2d(channels_in, channels_out, 1)))
        self.first, self.last = first, last

    def forward(self, features: Tensor) -> Tensor:
        """[N, C_in, H, W] -> [N, C_out, H/2, W/2]; the last block keeps the side."""
        residual = self.conv_1(features if self.first else functional.relu(features))
        output = self.conv_2(functional.relu(residual)) + self.shortcut(features)
        return output if self.last else functional.avg_pool2d(output, 2)


class PlainDiscriminator(nn.Module):
    """The layers and the names of `src.gan.resnet.ResNetDiscriminator`, whose weights it takes."""

    def __init__(self, data: DataSpecification, config: ConditionalGANConfig) -> None:
        super().__init__()
        halving = widths(data.size, 1, config.base_channels)[:0:-1]
        channels = [data.channels, *halving, halving[-1]]
        self.blocks = nn.ModuleList(
            [
                PlainDiscriminatorBlock(*pair, config.spectral_norm, index == 0, index == len(halving))
                for index, pair in enumerate(itertools.pairwise(channels))
            ]
        )
        spectral = nn.utils.parametrizations.spectral_norm if config.spectral_norm else nn.Identity()
        self.head = ProjectionHead(channels[-1], data.labels.sizes, spectral)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Portraits [N, C, size, size] in [-1, 1], labels int64 [N, A] -> logits [N]."""
        for block in self.blocks:
            images = block(images)
        return self.head(functional.relu(images).sum(dim=(2, 3)), labels)


class PlainGAN:
    """Networks, optimizers, average and step.

    Args:
        config: of `resnet_gan`; its precision and its interval of R1 are ignored.
        data: what the networks must know of the data.
        device: where to compute.
    """

    def __init__(self, config: ConditionalGANConfig, data: DataSpecification, device: torch.device) -> None:
        self.config, self.data = config, data
        self.loss = LOSSES[config.loss]
        self.augment = DiffAugment(config.augment, config.augment_probability)
        self.generator = PlainGenerator(data, config).to(device)
        self.discriminator = PlainDiscriminator(data, config).to(device)
        self.average = copy.deepcopy(self.generator)
        self.optimizer_generator = self._adam(self.generator, config.learning_rate_generator)
        self.optimizer_discriminator = self._adam(self.discriminator, config.learning_rate_discriminator)

    def _adam(self, network: nn.Module, learning_rate: float) -> torch.optim.Adam:
        betas = (self.config.beta1, self.config.beta2)
        return torch.optim.Adam(network.parameters(), learning_rate, betas, foreach=False, fused=False)

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """As `Family.train_step`, and the moving average."""
        config = self.config
        noise = config.instance_noise * max(0.0, 1 - images_seen / (1000 * config.instance_noise_kimg))
        fake_labels = labels
        if config.diversity_weight > 0:
            fake_labels = labels[: len(labels) // 2].repeat(2, 1)
        latents = torch.randn(len(labels), config.latent_dim, device=reals.device)
        fakes = self.generator(latents, fake_labels)

        self.optimizer_discriminator.zero_grad()
        seen_reals = instance_noise(self.augment(reals.contiguous()), noise)
        seen_fakes = instance_noise(self.augment(fakes.detach()), noise)
        loss_discriminator = self.loss.discriminator(
            self.discriminator(seen_reals, labels), self.discriminator(seen_fakes, fake_labels)
        )
        total = loss_discriminator
        if config.r1_gamma > 0:
            total = total + config.r1_gamma / 2 * squared_gradient(self.discriminator, seen_reals, labels)
        total.backward()
        self.optimizer_discriminator.step()

        self.optimizer_generator.zero_grad()
        logits = self.discriminator(instance_noise(self.augment(fakes), noise), fake_labels)
        loss_generator = self.loss.generator(logits)
        total = loss_generator
        if config.diversity_weight > 0:
            total = total + config.diversity_weight * diversity_loss(fakes, self.data.intra_class_distance)
        total.backward()
        self.optimizer_generator.step()

        decay = 0.5 ** (len(reals) / (1000 * config.ema_half_life_kimg))
        with torch.no_grad():
            for average, current in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                average.mul_(decay).add_(current, alpha=1 - decay)
        return {"loss_discriminator": loss_discriminator.detach(), "loss_generator": loss_generator.detach()}


def compare_with_plain(profile: str, device: torch.device, runs: int, size: int = 64) -> dict[str, object]:
    """Time `resnet_gan` and the straightforward implementation in turns.

    Args:
        profile: whose sizes both have.
        device: where to compute.
        runs: pairs of timings.
        size: side of the portraits.

    Returns:
        Medians of both, of the ratio within a pair, and the ratios' spread.
    """
    work = Workload("resnet_gan", profile, device, size, FREE_PIXELS)
    plain = PlainGAN(work.config, work.data, device)
    kinds = work.step_kinds()

    def plain_step() -> None:
        plain.train_step(*work.batch(0), images_seen=0)

    for step in kinds:
        work.step(step)
    plain_step()
    speeds, plain_speeds = [], []
    for _ in range(runs):
        mean = mean_over_cycle({step: seconds(lambda step=step: work.step(step), device) for step in kinds}, kinds)
        speeds.append(work.config.batch_size / mean)
        plain_speeds.append(work.config.batch_size / seconds(plain_step, device))
    ratios = [speed / plain_speed for speed, plain_speed in zip(speeds, plain_speeds, strict=True)]
    return {
        "profile": profile,
        "images_per_second": median(speeds),
        "images_per_second_plain": median(plain_speeds),
        "ratio": median(ratios),
        "ratio_least": min(ratios),
        "ratio_most": max(ratios),
    }
