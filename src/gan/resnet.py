"""ResNet generator and projection discriminator for square images.

After SNGAN (Miyato et al., 2018) and the projection discriminator (Miyato & Koyama, 2018); every block of the
generator also gets its own piece of the latent, as in BigGAN (Brock et al., 2019): with labels this strong a
generator that sees its latent only once, at 4x4, learns to ignore it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.gan.conditioning import AttributeEmbedding, ClassifierHead, ConditionalBatchNorm2d, ProjectionHead
from src.palettes.head import PaletteHead

Wrap = Callable[[nn.Module], nn.Module]


def widths(size: int, patch_size: int, base_channels: int) -> list[int]:
    """Channels at 4x4, 8x8, ..., the side in patches: doubled at every halving of the side, as in SNGAN.

    Raises:
        ValueError: a side in patches that is no power of two of at least 8.
    """
    side, rest = divmod(size, patch_size)
    if rest or side < 8 or side & (side - 1):
        raise ValueError(f"size / patch_size must be a power of two of at least 8, not {size} / {patch_size}")
    levels = side.bit_length() - 3
    return [base_channels * 2**level for level in range(levels, -1, -1)]


def orthogonal(layer: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """The layer with orthogonal weights (as in BigGAN) and biases at zero."""
    nn.init.orthogonal_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class GeneratorBlock(nn.Module):
    """Residual block that doubles the side: two 3x3 convolutions after conditional normalisation and ReLU."""

    def __init__(self, channels_in: int, channels_out: int, condition_dim: int) -> None:
        super().__init__()
        self.norm_1 = ConditionalBatchNorm2d(channels_in, condition_dim)
        self.conv_1 = orthogonal(nn.Conv2d(channels_in, channels_out, 3, padding=1))
        self.norm_2 = ConditionalBatchNorm2d(channels_out, condition_dim)
        self.conv_2 = orthogonal(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.shortcut = orthogonal(nn.Conv2d(channels_in, channels_out, 1))

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """[N, C_in, H, W], [N, condition_dim] -> [N, C_out, 2H, 2W]."""
        # A 1x1 convolution and nearest-neighbour upsampling commute: the shortcut convolves at a quarter of the pixels.
        shortcut = functional.interpolate(self.shortcut(features), scale_factor=2, mode="nearest")
        residual = functional.relu(self.norm_1(features, condition))
        residual = self.conv_1(functional.interpolate(residual, scale_factor=2, mode="nearest"))
        residual = self.conv_2(functional.relu(self.norm_2(residual, condition)))
        return residual + shortcut


class ResNetGenerator(nn.Module):
    """Latents and labels to portraits.

    Args:
        size: side of the portraits in pixels; size / patch_size is a power of two from 8.
        image_channels: 4 for RGBA.
        class_counts: the number of classes of each attribute.
        latent_dim: length of the latent; it is cut into one piece for the first layer, one a block, and one for a
            palette head, so it must be a multiple of their number (120 fits 16, 32 and 64 pixels).
        base_channels: channels of the last block; the field's `ch`.
        embedding_dim: length of the summed label embedding.
        patch_size: side of the squares of pixels that the last layer predicts; 2 leaves out the block at full size.
        colours: K of a palette head; 0 for free pixels.
        colour_columns: the attributes (columns of the labels) that a palette head lets steer nothing but colours: they
            do not reach the blocks, and another palette recolours the very same hero.
    """

    def __init__(
        self,
        size: int,
        image_channels: int,
        class_counts: Sequence[int],
        latent_dim: int = 120,
        base_channels: int = 32,
        embedding_dim: int = 64,
        patch_size: int = 1,
        colours: int = 0,
        colour_columns: Sequence[int] = (),
    ) -> None:
        super().__init__()
        channels = widths(size, patch_size, base_channels)
        pieces = len(channels) + (1 if colours else 0)
        if latent_dim % pieces:
            raise ValueError(f"latent_dim must be a multiple of {pieces} (one piece a layer), not {latent_dim}")
        self.piece_dim = latent_dim // pieces
        condition_dim = embedding_dim + self.piece_dim
        self.embedding = AttributeEmbedding(class_counts, embedding_dim, without=colour_columns if colours else ())
        self.first = orthogonal(nn.Linear(condition_dim, channels[0] * 4 * 4))
        self.blocks = nn.ModuleList(GeneratorBlock(*pair, condition_dim) for pair in pairwise(channels))
        self.last_norm = nn.BatchNorm2d(channels[-1])
        if colours:
            self.colour_embedding = AttributeEmbedding(class_counts, embedding_dim)
            self.head = PaletteHead(channels[-1], condition_dim, colours, patch_size)
        else:
            self.to_image = orthogonal(nn.Conv2d(channels[-1], image_channels * patch_size**2, 3, padding=1))
            self.to_pixels = nn.PixelShuffle(patch_size)
        self.colours = colours

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Latents [N, latent_dim] of unit variance, labels int64 [N, A] -> portraits [N, C, size, size] in [-1, 1]."""
        embedding = self.embedding(labels)
        pieces = latents.split(self.piece_dim, dim=1)
        conditions = [torch.cat([embedding, piece], dim=1) for piece in pieces]
        features = self.first(conditions[0]).unflatten(1, (-1, 4, 4))
        features = features.contiguous(memory_format=torch.channels_last)
        for block, condition in zip(self.blocks, conditions[1 : len(self.blocks) + 1], strict=True):
            features = block(features, condition)
        features = functional.relu(self.last_norm(features))
        if self.colours:
            return self.head(features, torch.cat([self.colour_embedding(labels), pieces[-1]], dim=1))
        return torch.tanh(self.to_pixels(self.to_image(features)))


class DiscriminatorBlock(nn.Module):
    """Residual block that halves the side, or keeps it.

    Args:
        activate_first: a ReLU before the first convolution; not in the block that sees the portrait itself, whose
            negative half it would throw away.
        downsample: halve the side.
    """

    def __init__(
        self, channels_in: int, channels_out: int, spectral: Wrap, activate_first: bool = True, downsample: bool = True
    ) -> None:
        super().__init__()
        self.conv_1 = spectral(orthogonal(nn.Conv2d(channels_in, channels_out, 3, padding=1)))
        self.conv_2 = spectral(orthogonal(nn.Conv2d(channels_out, channels_out, 3, padding=1)))
        self.shortcut = spectral(orthogonal(nn.Conv2d(channels_in, channels_out, 1)))
        self.activate_first = activate_first
        self.downsample = downsample

    def forward(self, features: Tensor) -> Tensor:
        """[N, C_in, H, W] -> [N, C_out, H/2, W/2], or [N, C_out, H, W] without `downsample`."""
        residual = functional.relu(features) if self.activate_first else features
        residual = self.conv_2(functional.relu(self.conv_1(residual)))
        if self.downsample:
            # Averaging first and convolving 1x1 afterwards gives the same result at a quarter of the work.
            residual = functional.avg_pool2d(residual, 2)
            features = functional.avg_pool2d(features, 2)
        return residual + self.shortcut(features)


class ResNetDiscriminator(nn.Module):
    """Portraits and labels to logits.

    Args:
        size, image_channels, class_counts: as for the generator.
        base_channels: channels after the first block.
        spectral_norm: spectral normalisation (Miyato et al., 2018) of every weight but the classifiers'.
        patch_size: side of the squares of pixels that the first block sees as one; the generator's.
        classifiers: whether it has `classify`.
    """

    def __init__(
        self,
        size: int,
        image_channels: int,
        class_counts: Sequence[int],
        base_channels: int = 32,
        spectral_norm: bool = True,
        patch_size: int = 1,
        classifiers: bool = False,
    ) -> None:
        super().__init__()
        spectral: Wrap = nn.utils.parametrizations.spectral_norm if spectral_norm else nn.Identity()
        # One block a halving down to 4x4, then one that stays there.
        halving = widths(size, patch_size, base_channels)[:0:-1]
        channels = [image_channels * patch_size**2, *halving, halving[-1]]
        self.to_patches = nn.PixelUnshuffle(patch_size)
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(*pair, spectral, activate_first=index > 0, downsample=index < len(halving))
            for index, pair in enumerate(pairwise(channels))
        )
        self.head = ProjectionHead(channels[-1], class_counts, spectral)
        if classifiers:
            self.classify = ClassifierHead(channels[-1], class_counts)

    def features(self, images: Tensor) -> Tensor:
        """Portraits [N, C, size, size] in [-1, 1] -> pooled features [N, C], what the heads see."""
        features = self.to_patches(images)
        for block in self.blocks:
            features = block(features)
        return functional.relu(features).sum(dim=(2, 3))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Portraits [N, C, size, size] in [-1, 1], labels int64 [N, A] -> logits [N]; positive means real."""
        return self.head(self.features(images), labels)
