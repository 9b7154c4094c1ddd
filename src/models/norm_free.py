"""Residual generator and discriminator without any normalisation, for square images of 16, 32 or 64 pixels.

After R3GAN (Huang et al., 2024): both networks are plain residual stacks that mirror each other, started in the way of
Fixup (Zhang et al., 2019): the last convolution of every branch is zero, the first is scaled by the depth. Two changes
for small hardware: plain 3x3 convolutions where R3GAN groups them (grouped ones are slow on a CPU), and the networks
work at half the side, on patches of 2x2 pixels (pixel unshuffle), where the same work buys more parameters.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.models.conditioning import AttributeEmbedding
from src.models.palette_head import DirectHead, PaletteHead

SLOPE = 0.2


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
        latent_dim: length of the latent, a multiple of the number of pieces (120 fits every size at two blocks).
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
        self.shape_columns = [column for column in range(len(class_counts)) if column not in colour_columns]
        self.shape_embedding = AttributeEmbedding([class_counts[c] for c in self.shape_columns], embedding_dim)
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
        shape = self.label_strength * self.shape_embedding(labels[:, self.shape_columns])
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
        size: side of the portraits in pixels, a power of two from 8.
        image_channels: 4 for RGBA.
        class_counts: the number of classes of each attribute.
        base_channels: channels at half the side.
        blocks: residual blocks a stage.
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
