"""`diffusion`: denoising diffusion. A U-Net learns to predict the portrait behind noise; sampling starts from noise.

Training (Ho et al., 2020): mix a portrait with noise at a random step, predict the noise (or v; Salimans & Ho, 2022),
take the squared error. Now and then the labels are dropped, so that sampling can exaggerate what they change
(classifier-free guidance; Ho & Salimans, 2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.config import TrainingConfig
from src.errors import InputError
from src.family import DataSpecification, Family, Stateful, evaluation_mode, set_learning_rate
from src.pyramid.augmentation_labels import change_counts, mirrored_and_moved, no_change
from src.zoo.diffusion_samplers import generators_for, guided, sample_ddim, sample_ddpm, sample_dpm
from src.zoo.noise_schedule import PREDICTIONS, make_schedule
from src.zoo.palette_projection import onto_palettes
from src.zoo.unet import UNet

SAMPLERS = ("ddim", "dpm", "ddpm")
# Samples are drawn in chunks of so many, to bound memory.
CHUNK = 48
# With less noise than this the portrait is decided, and only then has it a palette to be put onto.
PROJECTED_BELOW = 0.3


@dataclass(frozen=True)
class DiffusionConfig(TrainingConfig):
    """Every piece of the recipe is a value here."""

    # Network.
    base_channels: int = 64
    blocks_per_side: int = 1
    # Larger portraits are cut into patches, which become channels: 64x64 costs what 32x32 does.
    finest_side: int = 32
    # A small set is learned by heart without it.
    dropout: float = 0.1
    # The way into noise: cosine or linear, and in how many steps.
    schedule: str = "cosine"
    diffusion_steps: int = 1000
    # What the network says: v or epsilon. At nearly pure noise v is the portrait itself, epsilon tells nothing.
    prediction: str = "v"
    # Adam. The learning rate rises linearly over the first `warmup_kimg`; gradients are cut to norm 1.
    learning_rate: float = 1e-3
    warmup_kimg: float = 2.0
    # Share of portraits learned without their labels; guidance needs it.
    label_dropout: float = 0.1
    # Only where left and right do not matter: a flip of a hero seen from the left is one seen from the right.
    flip_probability: float = 0.0
    # Half of the portraits mirrored and moved, and the network told of it: it sees more of a small set, and draws none.
    augmentation_labels: bool = False
    # Drawing: ddim or dpm in `ddim_steps` network calls, or ddpm in all `diffusion_steps`.
    sampler: str = "ddim"
    ddim_steps: int = 50
    # 1: labels as learned, at half the cost; more exaggerates them, at the price of variety; 0: no labels.
    guidance_weight: float = 1.5
    # Drawing exact colours: towards its end a portrait is put onto at most so many of its own, of which those closer
    # than the distance, in a scale that is 2 long a channel, become one. Distance 0: as the network draws.
    colours: int = 31
    colour_distance: float = 0.0


class Diffusion(Family):
    """One network, one optimizer, the squared error."""

    config_class = DiffusionConfig
    profiles = {  # noqa: RUF012
        # Seconds: proves that everything runs, draws nothing.
        "smoke": {
            "kimg": 0.128,
            "batch_size": 16,
            "base_channels": 4,
            "ddim_steps": 2,
            "log_kimg": 0.032,
            "sample_kimg": 0.064,
            "checkpoint_kimg": 0.064,
        },
        # About ten minutes on two cores with bf16, its grids included: 3.7 M parameters, 3 GFLOP an image at 64x64.
        # Four steps on eight portraits take hardly longer than one on 32, and teach more.
        # Drawing costs 24 passes a sample: few are looked at. 12 steps of dpm draw what 25 of ddim do.
        "cpu": {
            "kimg": 40.0,
            "batch_size": 8,
            "learning_rate": 5e-4,
            "sampler": "dpm",
            "ddim_steps": 12,
            "colour_distance": 0.08,
            "sample_kimg": 20.0,
            "checkpoint_kimg": 10.0,
            "evaluate_kimg": 20.0,
            "evaluate_count": 64,
        },
        # Twice as wide, twice as many blocks: 28 M parameters and 23 GFLOP an image, so 5,000 kimg are about half a day
        # at the 3 TFLOP/s that the GAN's networks reach there.
        "rtx2070": {
            "kimg": 5000.0,
            "batch_size": 64,
            "base_channels": 128,
            "blocks_per_side": 2,
            "learning_rate": 3e-4,
            "warmup_kimg": 20.0,
            "ema_half_life_kimg": 100.0,
            # 5,000 kimg show a small set many hundred times.
            "augmentation_labels": True,
            "colour_distance": 0.08,
            "log_kimg": 10.0,
            "sample_kimg": 500.0,
            "checkpoint_kimg": 200.0,
            "evaluate_kimg": 200.0,
        },
    }

    def __init__(self, config: DiffusionConfig, data: DataSpecification, device: torch.device) -> None:
        for name, known in (("prediction", PREDICTIONS), ("sampler", SAMPLERS)):
            if getattr(config, name) not in known:
                raise InputError(f"unknown {name} {getattr(config, name)!r}; choose one of: {', '.join(known)}")
        for name in ("dropout", "label_dropout", "flip_probability"):
            if not 0 <= getattr(config, name) <= 1:
                raise InputError(f"{name} is a probability from 0 to 1, not {getattr(config, name)}")
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
        return {"loss_denoising": loss.detach()}

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

    @property
    def parts(self) -> dict[str, Stateful]:
        return {**self.networks, "optimizer": self.optimizer, "scaler": self.precision.scaler}
