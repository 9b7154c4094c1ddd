"""`dcgan`: portraits without labels, as hero-portrait and game-face studies train them. A plain DCGAN (Radford et al.,
2016) with cross-entropy, Adam and early stopping on the generator's loss."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from src.config import Count, Decay, NonNegative, Share, TrainingConfig
from src.device import Precision
from src.family import DataSpecification, Family, Stateful
from src.gan.losses import cross_entropy

NORMALISATIONS = ("batch", "layer", "instance", "none")
STRIDED_LAYERS = 3


class DCGANGenerator(nn.Module):
    """A dense layer to 8x8, then a transposed convolution for every doubling; half the channels each time.

    Args:
        size: side of the portraits in pixels, a power of two from 16.
        image_channels: C of the portraits, 4 for RGBA.
        latent_dim: length of the latent.
        channels: channels at 8x8. At 64x64 the default has 5.9 million weights, more than half in the dense layer.
        dropout: share of the features that training drops after every hidden layer.

    Raises:
        ValueError: a size that is no power of two from 16, or channels that cannot be halved that often.
    """

    def __init__(
        self, size: int, image_channels: int, latent_dim: int = 100, channels: int = 512, dropout: float = 0.0
    ) -> None:
        super().__init__()
        _check_size(size)
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
        layers += [nn.ConvTranspose2d(channels, image_channels, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, latents: Tensor) -> Tensor:
        """Latents [N, latent_dim] of unit variance -> portraits [N, C, size, size] in [-1, 1]."""
        features = self.first(latents).unflatten(1, (-1, 8, 8))
        return self.layers(features.contiguous(memory_format=torch.channels_last))


class DCGANDiscriminator(nn.Module):
    """Three strided convolutions, twice the channels each time, and a dense layer.

    Args:
        size: side of the portraits in pixels, a power of two from 16.
        image_channels: C of the portraits, 4 for RGBA.
        channels: channels after the first layer. At 64x64 the default has 0.5 million weights.
        normalisation: of the second and third layer. `batch` is the paper's, over N, H and W, always with the
            statistics of the batch itself: give it reals and fakes apart. `layer` (over C, H and W of a portrait) and
            `instance` (over H and W) keep portraits apart, as a gradient penalty needs.
        dropout: share of the features that training drops before the last layer.

    Raises:
        ValueError: a size that is no power of two from 16, or an unknown normalisation.
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
        _check_size(size)
        layers: list[nn.Module] = []
        c_in, c_out = image_channels, channels
        for level in range(STRIDED_LAYERS):
            layers.append(nn.Conv2d(c_in, c_out, 4, 2, 1))
            # None on the first layer: the paper found that samples oscillate with it.
            if level > 0:
                layers.append(_normalise(normalisation, c_out))
            layers.append(nn.LeakyReLU(0.2))
            c_in, c_out = c_out, 2 * c_out
        side = size // 2**STRIDED_LAYERS
        layers += [nn.Flatten(), nn.Dropout(dropout), nn.Linear(c_in * side * side, 1)]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Portraits [N, C, size, size] in [-1, 1] -> scores [N]; higher means more real."""
        return self.layers(images).squeeze(1)


def _normalise(name: str, channels: int) -> nn.Module:
    if name == "batch":
        # No running statistics: reals and fakes have different ones, and a mean of both would fit neither.
        return nn.BatchNorm2d(channels, track_running_stats=False)
    if name == "layer":
        return nn.GroupNorm(1, channels)
    if name == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if name == "none":
        return nn.Identity()
    raise ValueError(f"unknown normalisation {name!r}; choose one of: {', '.join(NORMALISATIONS)}")


def _check_size(size: int) -> None:
    if size < 16 or size & (size - 1):
        raise ValueError(f"the size must be a power of two from 16, not {size}")


def _initialise(module: nn.Module) -> None:
    """Weights from a normal distribution of deviation 0.02, the DCGAN paper's choice."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class DCGANConfig(TrainingConfig):
    """The study's family without labels."""

    latent_dim: Count
    generator_channels: Count
    discriminator_channels: Count
    dropout: Share
    learning_rate: NonNegative
    beta1: Decay
    patience_kimg: NonNegative
    window_kimg: NonNegative


class EarlyStopping:
    """Ends training when G's loss, averaged over windows, has not improved for long.

    What it can tell: that G has not gained on D for so long. G's loss is measured by a D that learns too: mostly it
    rises from the first thousand images on, for as long as the samples go on improving, so the best window comes
    early, and a rising loss is no sign of worse samples. Nor does a falling one mean better samples: it falls when D
    is weak. So the patience decides how long a run is, more than the criterion does. The default is some fifty
    epochs of 6,000 portraits: a short run never gets there, and the last grid is always worth comparing with earlier
    ones.

    Args:
        patience_kimg: how long without a better window; 0 never stops.
        window_kimg: length of a window.
    """

    def __init__(self, patience_kimg: float, window_kimg: float) -> None:
        self.patience = patience_kimg * 1000
        self.window = window_kimg * 1000
        self.best, self.best_at = math.inf, 0
        self.compared_at = 0
        self.total: Tensor | float = 0.0
        self.count = 0

    def update(self, loss: Tensor, images_seen: int) -> None:
        """Take in one step's loss; `images_seen` includes this step. The loss is read back once a window only."""
        self.total = self.total + loss
        self.count += 1
        if images_seen - self.compared_at < self.window:
            return
        mean = float(self.total) / self.count
        if mean < self.best:
            self.best, self.best_at = mean, images_seen
        self.compared_at, self.total, self.count = images_seen, 0.0, 0

    @property
    def finished(self) -> bool:
        return 0 < self.patience <= self.compared_at - self.best_at

    def state_dict(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("best", "best_at", "compared_at", "total", "count")}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        for name in self.state_dict():
            setattr(self, name, state[name])


class DCGAN(Family):
    """Generator, discriminator, an Adam for each, and the step that trains both."""

    config_class = DCGANConfig
    conditional = False

    def __init__(self, config: DCGANConfig, data: DataSpecification, device: torch.device) -> None:
        self.config = config
        self.data = data
        self.precision = Precision(device, config.precision)
        generator = DCGANGenerator(data.size, data.channels, config.latent_dim, config.generator_channels)
        discriminator = DCGANDiscriminator(
            data.size, data.channels, config.discriminator_channels, dropout=config.dropout
        )
        self.generator = generator.to(device, memory_format=torch.channels_last)
        self.discriminator = discriminator.to(device, memory_format=torch.channels_last)
        betas = (config.beta1, 0.999)
        self.optimizer_generator = torch.optim.Adam(
            self.generator.parameters(), config.learning_rate, betas, fused=True
        )
        self.optimizer_discriminator = torch.optim.Adam(
            self.discriminator.parameters(), config.learning_rate, betas, fused=True
        )
        self.early_stopping = EarlyStopping(config.patience_kimg, config.window_kimg)

    @property
    def sampler(self) -> nn.Module:
        return self.generator

    @property
    def latent_dim(self) -> int:
        return self.config.latent_dim

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    @property
    def finished(self) -> bool:
        return self.early_stopping.finished

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        scaler = self.precision.scaler

        # Draw fakes once, for both networks.
        latents = torch.randn(len(reals), self.latent_dim, device=reals.device)
        with self.precision.autocast():
            fakes = self.generator(latents)
        fakes = fakes.float()

        # D learns to call reals 1 and fakes 0. Apart: batch normalisation over both would give the answer away.
        self.optimizer_discriminator.zero_grad(set_to_none=True)
        with self.precision.autocast():
            real_logits = self.discriminator(reals)
            fake_logits = self.discriminator(fakes.detach())
        loss_discriminator = cross_entropy(real_logits, 1.0) + cross_entropy(fake_logits, 0.0)
        scaler.scale(loss_discriminator).backward()
        scaler.step(self.optimizer_discriminator)

        # G learns to have its fakes called 1. D is frozen: its gradients would be thrown away.
        self.optimizer_generator.zero_grad(set_to_none=True)
        self.discriminator.requires_grad_(False)
        with self.precision.autocast():
            loss_generator = cross_entropy(self.discriminator(fakes), 1.0)
        scaler.scale(loss_generator).backward()
        scaler.step(self.optimizer_generator)
        self.discriminator.requires_grad_(True)

        scaler.update()
        self.early_stopping.update(loss_generator.detach(), images_seen + len(reals))
        scalars = {
            "loss_discriminator": loss_discriminator,
            "loss_generator": loss_generator,
            "logit_real": real_logits.mean(),
            "logit_fake": fake_logits.mean(),
        }
        return {name: value.detach().float() for name, value in scalars.items()}

    @torch.no_grad()
    def sample(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        return sampler(latents)

    @torch.no_grad()
    def watch(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """D's mean logit on validation portraits: below the mean on those it learns from it shows how far D has
        memorised them."""
        self.discriminator.eval()
        with self.precision.autocast():
            logits = self.discriminator(reals)
        self.discriminator.train()
        return {"logit_validation": logits.float().mean()}

    @property
    def parts(self) -> dict[str, Stateful]:
        return {
            **self.networks,
            "optimizer_generator": self.optimizer_generator,
            "optimizer_discriminator": self.optimizer_discriminator,
            "scaler": self.precision.scaler,
            "early_stopping": self.early_stopping,
        }
