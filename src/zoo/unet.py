"""U-Net conditioned on the diffusion step and the labels, for square images of 8, 16, 32, ... pixels.

After the CIFAR-10 network of Ho et al. (2020), with scale and shift from the step as in Nichol & Dhariwal (2021). To
be quick on a CPU it works on 2x2 patches of large images and resamples by averaging and repeating, without weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.gan.conditioning import AttributeEmbedding
from src.pyramid.layers import zeroed

SMALLEST_SIDE = 4
# Attention is quadratic in the number of places: 64 of them are cheap.
ATTENTION_SIDE = 8
# As in Nichol & Dhariwal (2021).
HEADS = 4


def sinusoidal_embedding(steps: Tensor, dim: int) -> Tensor:
    """Steps [N] -> [N, dim], sines and cosines of wavelengths from 2 pi to 20,000 pi (Vaswani et al., 2017)."""
    exponents = torch.arange(dim // 2, device=steps.device, dtype=torch.float32) / (dim // 2)
    angles = steps.float()[:, None] * 10000.0**-exponents
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation with at most 32 groups, of at least 4 channels where there are so many."""
    return nn.GroupNorm(math.gcd(max(1, channels // 4), 32, channels), channels)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions; the condition scales and shifts what lies between them."""

    def __init__(self, channels_in: int, channels_out: int, condition_dim: int, dropout: float) -> None:
        super().__init__()
        self.norm_1 = group_norm(channels_in)
        self.conv_1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.scale_and_shift = nn.Linear(condition_dim, 2 * channels_out)
        self.norm_2 = group_norm(channels_out)
        self.dropout = nn.Dropout(dropout)
        self.conv_2 = zeroed(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """[N, C_in, H, W], [N, condition_dim] -> [N, C_out, H, W]."""
        scale, shift = self.scale_and_shift(condition)[:, :, None, None].chunk(2, dim=1)
        residual = self.conv_1(functional.silu(self.norm_1(features)))
        residual = torch.addcmul(shift, self.norm_2(residual), 1 + scale)
        residual = self.conv_2(self.dropout(functional.silu(residual)))
        return self.shortcut(features) + residual


class SelfAttention(nn.Module):
    """Every place looks at every other (Vaswani et al., 2017), added to what came in; channels a multiple of 4."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.query_key_value = nn.Conv2d(channels, 3 * channels, 1)
        self.output = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """[N, C, H, W] -> the same shape."""
        side = features.shape[-1]
        # [N, 3 C, H, W] -> three of [N, heads, H W, C / heads].
        joint = self.query_key_value(self.norm(features)).flatten(2).unflatten(1, (3, HEADS, -1)).transpose(3, 4)
        attended = functional.scaled_dot_product_attention(*joint.unbind(1))
        return features + self.output(attended.transpose(2, 3).flatten(1, 2).unflatten(2, (side, side)))


class UNetStage(nn.Module):
    """A residual block, and attention where the side is small enough."""

    def __init__(self, channels_in: int, channels_out: int, condition_dim: int, dropout: float, side: int) -> None:
        super().__init__()
        self.block = ResidualBlock(channels_in, channels_out, condition_dim, dropout)
        self.attention = SelfAttention(channels_out) if side <= ATTENTION_SIDE else nn.Identity()

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """[N, C_in, H, W], [N, condition_dim] -> [N, C_out, H, W]."""
        return self.attention(self.block(features, condition))


class UNet(nn.Module):
    """Noisy images, steps and labels to a prediction of the images' shape; exactly zero before training.

    Args:
        size: side of the images in pixels, a power of two from 8.
        image_channels: 4 for RGBA.
        class_counts: the number of classes of each attribute.
        base_channels: channels at the finest side, an even number, a multiple of 4 where that side is at most 8
            (it has attention there); every coarser side has twice as many, as in Ho et al. (2020).
        blocks_per_side: residual blocks at each side, on the way down and again on the way up.
        finest_side: larger images are cut into patches, which become channels, so that no convolution works at more
            than this side.
        dropout: share of features dropped in each block; small sets need it.
        change_counts: the number of values of each augmentation label, which are never dropped. Empty: none.

    Raises:
        ValueError: a side that is no power of two of at least 8, or an odd `base_channels`.
    """

    def __init__(
        self,
        size: int,
        image_channels: int,
        class_counts: Sequence[int],
        base_channels: int = 64,
        blocks_per_side: int = 1,
        finest_side: int = 32,
        dropout: float = 0.1,
        change_counts: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if size < 8 or size & (size - 1):
            raise ValueError(f"size must be a power of two of at least 8, not {size}")
        if finest_side < 8 or finest_side & (finest_side - 1):
            raise ValueError(f"finest_side must be a power of two of at least 8, not {finest_side}")
        least = HEADS if min(size, finest_side) <= ATTENTION_SIDE else 2
        if base_channels % least:
            raise ValueError(f"base_channels must be a multiple of {least} here, not {base_channels}")
        self.base_channels = base_channels
        self.patch = max(1, size // finest_side)
        condition_dim = 4 * base_channels
        self.embed_step = nn.Sequential(
            nn.Linear(base_channels, condition_dim), nn.SiLU(), nn.Linear(condition_dim, condition_dim)
        )
        self.embed_labels = AttributeEmbedding(class_counts, condition_dim)
        self.embed_changes = AttributeEmbedding(change_counts, condition_dim)

        sides = []
        side = size // self.patch
        while side >= SMALLEST_SIDE:
            sides.append(side)
            side //= 2
        pixels = image_channels * self.patch**2
        channels = base_channels
        self.first = nn.Conv2d(pixels, channels, 3, padding=1)
        self.down = nn.ModuleList()
        skips = []
        for index, side in enumerate(sides):
            stages = nn.ModuleList()
            for _ in range(blocks_per_side):
                width = base_channels if index == 0 else 2 * base_channels
                stages.append(UNetStage(channels, width, condition_dim, dropout, side))
                channels = width
                skips.append(width)
            self.down.append(stages)
        self.middle = UNetStage(channels, channels, condition_dim, dropout, sides[-1])
        self.up = nn.ModuleList()
        for side in reversed(sides):
            stages = nn.ModuleList()
            for _ in range(blocks_per_side):
                width = skips.pop()
                stages.append(UNetStage(channels + width, width, condition_dim, dropout, side))
                channels = width
            self.up.append(stages)
        self.last_norm = group_norm(channels)
        self.last = zeroed(nn.Conv2d(channels, pixels, 3, padding=1))

    def forward(
        self,
        noisy: Tensor,
        steps: Tensor,
        labels: Tensor,
        labelled: Tensor | None = None,
        changes: Tensor | None = None,
    ) -> Tensor:
        """Predict from noisy images.

        Args:
            noisy: [N, C, size, size] of about unit variance.
            steps: int64 [N], the steps of the diffusion.
            labels: int64 [N, A].
            labelled: bool [N]; where False, the labels of that image are dropped (their embedding is zero). None: none
                are.
            changes: int64 [N, B], augmentation labels; None for a network without `change_counts`.

        Returns:
            float32 [N, C, size, size].
        """
        label_embedding = self.embed_labels(labels)
        if labelled is not None:
            label_embedding = label_embedding * labelled[:, None]
        step_embedding = self.embed_step(sinusoidal_embedding(steps, self.base_channels))
        condition = step_embedding + label_embedding
        if changes is not None:
            condition = condition + self.embed_changes(changes)
        condition = functional.silu(condition)

        features = self.first(functional.pixel_unshuffle(noisy, self.patch))
        features = features.contiguous(memory_format=torch.channels_last)
        skips = []
        for level, stages in enumerate(self.down):
            if level > 0:
                features = functional.avg_pool2d(features, 2)
            for stage in stages:
                features = stage(features, condition)
                skips.append(features)
        features = self.middle(features, condition)
        for level, stages in enumerate(self.up):
            if level > 0:
                features = functional.interpolate(features, scale_factor=2, mode="nearest")
            for stage in stages:
                features = stage(torch.cat([features, skips.pop()], dim=1), condition)
        predicted = self.last(functional.silu(self.last_norm(features)))
        return functional.pixel_shuffle(predicted, self.patch).float()
