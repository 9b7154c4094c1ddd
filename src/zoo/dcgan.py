"""`dcgan`: portraits without labels, as hero-portrait and game-face studies train them. A plain DCGAN (Radford et al.,
2016), as small as it is taught: dense to 8x8, transposed convolutions up; three strided convolutions down.
Cross-entropy, Adam, and early stopping on the generator's loss."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from src.family import DataSpecification, Stateful, evaluation_mode
from src.gan.adversarial import AdversarialFamily, frozen
from src.gan.conditional_dcgan import check_size, dcgan_weights
from src.schema import Count, Decay, NonNegative, Share, TrainingConfig
from src.zoo.cross_entropy import cross_entropy
from src.zoo.early_stopping import EarlyStopping

STRIDED_LAYERS = 3
NORMALISATIONS: dict[str, Callable[[int], nn.Module]] = {
    # No running statistics: reals and fakes have different ones, and a mean of both would fit neither.
    "batch": partial(nn.BatchNorm2d, track_running_stats=False),
    "layer": partial(nn.GroupNorm, 1),
    "instance": partial(nn.InstanceNorm2d, affine=True),
    "none": nn.Identity,
}


class SignedSigmoid(nn.Module):
    """A sigmoid from -1 to 1: what networks with values from 0 to 1 end in; the tanh of half its input."""

    def forward(self, features: Tensor) -> Tensor:
        return 2 * torch.sigmoid(features) - 1


OUTPUTS = {"tanh": nn.Tanh, "sigmoid": SignedSigmoid}


class DCGANGenerator(nn.Module):
    """A dense layer to 8x8, then a transposed convolution for every doubling; half the channels each time.

    Args:
        size: side of the portraits in pixels, a power of two from 16.
        image_channels: C of the portraits, 4 for RGBA.
        latent_dim: length of the latent.
        channels: channels at 8x8. At 64x64 the default has 5.9 million weights, more than half in the dense layer.
        dropout: share of the features that training drops after every hidden layer.
        output: what the last layer ends in, a name of `OUTPUTS`.

    Raises:
        ValueError: a size that is no power of two from 16, or channels that cannot be halved that often.
    """

    def __init__(
        self,
        size: int,
        image_channels: int,
        latent_dim: int = 100,
        channels: int = 512,
        dropout: float = 0.0,
        output: str = "tanh",
    ) -> None:
        super().__init__()
        check_size(size, 16)
        doublings = size.bit_length() - 4
        if channels % 2 ** (doublings - 1):
            raise ValueError(f"channels must be a multiple of {2 ** (doublings - 1)} at {size}x{size}, not {channels}")
        self.first = nn.Linear(latent_dim, channels * 8 * 8, bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(channels), nn.ReLU(), nn.Dropout(dropout)]
        for _ in range(doublings - 1):
            layers += [
                nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False),
                nn.BatchNorm2d(channels // 2),
                nn.ReLU(),
                nn.Dropout(dropout),
            ]
            channels //= 2
        # No normalisation at the end: the portrait's mean and contrast are its own.
        layers += [nn.ConvTranspose2d(channels, image_channels, 4, 2, 1), OUTPUTS[output]()]
        self.layers = nn.Sequential(*layers)
        self.apply(dcgan_weights)

    def forward(self, latents: Tensor) -> Tensor:
        """Latents [N, latent_dim] of unit variance -> portraits [N, C, size, size] in [-1, 1]."""
        features = self.first(latents).unflatten(1, (-1, 8, 8))
        return self.layers(features.contiguous(memory_format=torch.channels_last))


class DCGANDiscriminator(nn.Module):
    """Three strided convolutions, twice the channels each time, and a dense layer.

    Args:
        size, image_channels: as for the generator.
        channels: channels after the first layer. At 64x64 the default has 0.5 million weights.
        normalisation: of the second and third layer. `batch` is the paper's, over N, H and W, always with the
            statistics of the batch itself: give it reals and fakes apart. `layer` (over C, H and W of a portrait) and
            `instance` (over H and W) keep portraits apart, as a gradient penalty needs.
        dropout: share of the features that training drops before the last layer.

    Raises:
        ValueError: a size that is no power of two from 16.
    """

    def __init__(
        self,
        size: int,
        image_channels: int,
        channels: int = 56,
        normalisation: str = "batch",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_size(size, 16)
        layers: list[nn.Module] = []
        c_in, c_out = image_channels, channels
        for level in range(STRIDED_LAYERS):
            layers.append(nn.Conv2d(c_in, c_out, 4, 2, 1))
            # None on the first layer: the paper found that samples oscillate with it.
            if level > 0:
                layers.append(NORMALISATIONS[normalisation](c_out))
            layers.append(nn.LeakyReLU(0.2))
            c_in, c_out = c_out, 2 * c_out
        side = size // 2**STRIDED_LAYERS
        layers += [nn.Flatten(), nn.Dropout(dropout), nn.Linear(c_in * side * side, 1)]
        self.layers = nn.Sequential(*layers)
        self.apply(dcgan_weights)

    def forward(self, images: Tensor) -> Tensor:
        """Portraits [N, C, size, size] in [-1, 1] -> scores [N]; higher means more real."""
        return self.layers(images).squeeze(1)


class DCGANConfig(TrainingConfig):
    """The study's family without labels."""

    latent_dim: Count
    generator_channels: Count
    discriminator_channels: Count
    dropout: Share
    output: Literal["tanh", "sigmoid"]
    learning_rate: NonNegative
    # D's own; 0: the same for both.
    learning_rate_discriminator: NonNegative
    beta1: Decay
    patience_kimg: NonNegative
    window_kimg: NonNegative


class DCGAN(AdversarialFamily):
    """The step that trains both networks, until G has not gained on D for long."""

    config_class = DCGANConfig
    conditional = False

    def __init__(self, config: DCGANConfig, data: DataSpecification, device: torch.device) -> None:
        super().__init__(config, data, device)
        self.early_stopping = EarlyStopping(config.patience_kimg, config.window_kimg)

    def build_generator(self) -> nn.Module:
        config, data = self.config, self.data
        return DCGANGenerator(
            data.size, data.channels, config.latent_dim, config.generator_channels, output=config.output
        )

    def build_discriminator(self) -> nn.Module:
        config, data = self.config, self.data
        return DCGANDiscriminator(data.size, data.channels, config.discriminator_channels, dropout=config.dropout)

    def build_optimizers(self) -> None:
        config = self.config
        of_discriminator = config.learning_rate_discriminator or config.learning_rate
        self.build_adams(config.learning_rate, of_discriminator, (config.beta1, 0.999))

    @property
    def finished(self) -> bool:
        return self.early_stopping.finished

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        # Fakes, once for both networks.
        fakes = self.fakes(labels)

        # D learns to call reals 1 and fakes 0. Apart: batch normalisation over both would give the answer away.
        with self.precision.autocast():
            real_logits = self.discriminator(reals)
            fake_logits = self.discriminator(fakes.detach())
        loss_discriminator = cross_entropy(real_logits, 1.0) + cross_entropy(fake_logits, 0.0)
        self.minimise(loss_discriminator, self.optimizer_discriminator)

        # G learns to have its fakes called 1.
        with frozen(self.discriminator), self.precision.autocast():
            loss_generator = cross_entropy(self.discriminator(fakes), 1.0)
        self.minimise(loss_generator, self.optimizer_generator)

        self.precision.scaler.update()
        self.early_stopping.update(loss_generator.detach(), images_seen + len(reals))
        scalars = {
            "loss_discriminator": loss_discriminator,
            "loss_generator": loss_generator,
            "logit_real": real_logits.mean(),
            "logit_fake": fake_logits.mean(),
        }
        return scalars

    @torch.no_grad()
    def validate(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """D's mean logit on validation portraits: below the mean on those it learns from it shows how far D has
        memorised them."""
        with evaluation_mode(self.discriminator), self.precision.autocast():
            logits = self.discriminator(reals)
        return {"logit_validation": logits.float().mean()}

    @property
    def parts(self) -> dict[str, Stateful]:
        return {**super().parts, "early_stopping": self.early_stopping}
