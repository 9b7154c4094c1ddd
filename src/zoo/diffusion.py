"""`diffusion`: denoising diffusion. A U-Net learns to predict the portrait behind noise; sampling starts from noise.

Training (Ho et al., 2020): mix a portrait with noise at a random step, predict the noise (or v; Salimans & Ho, 2022),
take the squared error. Now and then the labels are dropped, so that sampling can exaggerate what they change
(classifier-free guidance; Ho & Salimans, 2022).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.errors import InputError
from src.family import DataSpecification, Family, evaluation_mode, set_learning_rate
from src.pyramid.augmentation_labels import change_counts, mirrored_and_moved, no_change
from src.schema import Count, NonNegative, Share, TrainingConfig
from src.zoo.diffusion_samplers import generators_for, guided, sample_ddim, sample_ddpm, sample_dpm
from src.zoo.noise_schedule import make_schedule
from src.zoo.palette_projection import onto_palettes
from src.zoo.unet import UNet

# Samples are drawn in chunks of so many, to bound memory.
CHUNK = 48
# With less noise than this the portrait is decided, and only then has it a palette to be put onto.
PROJECTED_BELOW = 0.3


class DiffusionConfig(TrainingConfig):
    """Every piece of the recipe is a value here."""

    base_channels: Count
    blocks_per_side: Count
    finest_side: Count
    dropout: Share
    schedule: Literal["linear", "cosine"]
    diffusion_steps: Count
    prediction: Literal["epsilon", "v"]
    learning_rate: NonNegative
    warmup_kimg: NonNegative
    label_dropout: Share
    flip_probability: Share
    augmentation_labels: bool
    sampler: Literal["ddim", "dpm", "ddpm"]
    ddim_steps: Count
    guidance_weight: NonNegative
    colours: Count
    colour_distance: NonNegative


class Diffusion(Family):
    """One network, one optimizer, the squared error."""

    config_class = DiffusionConfig

    def __init__(self, config: DiffusionConfig, data: DataSpecification, device: torch.device) -> None:
        super().__init__(config, data, device)
        self.schedule = make_schedule(config.schedule, config.diffusion_steps, device)
        self.network = UNet(
            data.size,
            data.channels,
            data.labels.sizes,
            config.base_channels,
            config.blocks_per_side,
            config.finest_side,
            config.dropout,
            change_counts(data.size) if config.augmentation_labels else (),
        ).to(device, memory_format=torch.channels_last)

    def build_optimizers(self) -> None:
        self.optimizer = torch.optim.Adam(self.network.parameters(), self.config.learning_rate, fused=True)

    @property
    def sampler(self) -> nn.Module:
        return self.network

    @property
    def latent_dim(self) -> int:
        """The latent is the noise that sampling starts from."""
        return self.data.channels * self.data.size**2

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"network": self.network}

    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        config = self.config
        flipped = torch.rand(len(reals), 1, 1, 1, device=reals.device) < config.flip_probability
        reals = torch.where(flipped, reals.flip(3), reals)
        changes = None
        if config.augmentation_labels:
            reals, changes = mirrored_and_moved(reals)
        labelled = torch.rand(len(reals), device=reals.device) >= config.label_dropout

        loss = self.denoising_loss(reals, labels, labelled, changes)
        set_learning_rate(self.optimizer, self.learning_rate(images_seen))
        self.minimise(loss, self.optimizer, gradient_limit=1.0)
        self.precision.scaler.update()
        return {"loss_denoising": loss}

    def denoising_loss(self, x0: Tensor, labels: Tensor, labelled: Tensor, changes: Tensor | None) -> Tensor:
        """Mean squared error of the prediction at random steps, a scalar.

        Args:
            x0: portraits [N, C, H, W] in [-1, 1].
            labels: int64 [N, A].
            labelled: bool [N]; where False the labels are dropped.
            changes: int64 [N, 3], augmentation labels; None for a network without them.
        """
        steps = torch.randint(len(self.schedule), (len(x0),), device=x0.device)
        epsilon = torch.randn_like(x0)
        noisy = self.schedule.q_sample(x0, steps, epsilon)
        target = self.schedule.target(self.config.prediction, x0, steps, epsilon)
        with self.precision.autocast():
            predicted = self.network(noisy, steps, labels, labelled, changes)
        return functional.mse_loss(predicted, target)

    def learning_rate(self, images_seen: int) -> float:
        """A linear rise to its full value: Adam's first steps are as long as any, and blind."""
        progress = (images_seen + self.config.batch_size) / (1000 * max(self.config.warmup_kimg, 1e-9))
        return self.config.learning_rate * min(1.0, progress)

    def truncated(self, latents: Tensor, truncation: float) -> Tensor:
        """Its latents are noise, and quieter noise is no better a portrait: guidance is the dial here."""
        if truncation != 1:
            raise InputError("diffusion has no truncation; its dial is guidance (--guidance)")
        return latents

    @torch.no_grad()
    def sample(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        chunks = zip(latents.split(CHUNK), labels.split(CHUNK), strict=True)
        return torch.cat([self._sample_chunk(sampler, *chunk) for chunk in chunks])

    def _sample_chunk(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        noise = latents.unflatten(1, (self.data.channels, self.data.size, self.data.size))

        def denoise(noisy: Tensor, steps: Tensor) -> Tensor:
            x0 = self.denoise(sampler, noisy, steps, labels)
            _, noise_weight = self.schedule.signal_and_noise(steps[:1])
            return self.exact(x0) if noise_weight < PROJECTED_BELOW else x0

        if self.config.sampler == "ddpm":
            return self.exact(sample_ddpm(denoise, noise, self.schedule, generators_for(noise)))
        sample = sample_dpm if self.config.sampler == "dpm" else sample_ddim
        return self.exact(sample(denoise, noise, self.schedule, self.config.ddim_steps))

    def exact(self, portraits: Tensor) -> Tensor:
        """Portraits [N, 4, H, W] in [-1, 1] in few exact colours, where the configuration says so."""
        config = self.config
        return onto_palettes(portraits, config.colours, config.colour_distance) if config.colour_distance else portraits

    def denoise(self, network: nn.Module, noisy: Tensor, steps: Tensor, labels: Tensor) -> Tensor:
        """The portraits [N, C, H, W] in [-1, 1] that the network, guided by the labels, sees behind x_t at the steps.

        What lies outside [-1, 1] is no portrait and is cut off at every step (Ho et al., 2020).
        """
        weight = self.config.guidance_weight
        with self.precision.autocast():
            if weight == 1 or labels.shape[1] == 0:
                predicted = network(noisy, steps, labels, changes=self.unchanged(noisy))
            else:
                labelled = torch.arange(2, device=noisy.device).repeat_interleave(len(noisy)) > 0
                twice = noisy.repeat(2, 1, 1, 1)
                both = network(twice, steps.repeat(2), labels.repeat(2, 1), labelled, self.unchanged(twice))
                unconditional, conditional = both.chunk(2)
                predicted = guided(conditional, unconditional, weight)
        return self.schedule.to_x0(self.config.prediction, predicted, noisy, steps).clamp(-1, 1)

    def unchanged(self, portraits: Tensor) -> Tensor | None:
        """Augmentation labels of portraits [N, C, H, W] as they are, int64 [N, 3]; None for a network without them."""
        return no_change(len(portraits), self.data.size, portraits.device) if self.config.augmentation_labels else None

    @torch.no_grad()
    def validate(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """The same loss on validation portraits: above the one on those it learns from, it shows memorising."""
        labelled = torch.ones(len(reals), dtype=torch.bool, device=reals.device)
        with evaluation_mode(self.network):
            loss = self.denoising_loss(reals, labels, labelled, self.unchanged(reals))
        return {"loss_validation": loss}
