"""What a family of generative models is to the training loop, to sampling and to the checkpoints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from src.device import Precision
from src.errors import InputError
from src.labels import LabelSpecification
from src.schema import TrainingConfig


@dataclass(frozen=True)
class DataSpecification:
    """What a family must know of the data to build its networks.

    Args:
        size: side of the square portraits, in pixels.
        channels: 4 for RGBA, colours premultiplied by alpha, in [-1, 1].
        labels: the attributes that the networks are conditioned on, and their classes.
        intra_class_distance: mean absolute difference between two training portraits of one label cell, in that
            scale; how varied the samples of one label should be.
    """

    size: int
    channels: int
    labels: LabelSpecification
    intra_class_distance: float


class Stateful(Protocol):
    """Networks, optimizers, gradient scalers: whatever has a state that can be saved and loaded."""

    def state_dict(self) -> dict[str, object]: ...

    def load_state_dict(self, state: Mapping[str, object]) -> object: ...


class Family(ABC):
    """One way to learn to generate portraits.

    The loop calls `train_step` with a batch, re-seeding torch before each call; whatever a step draws at random it
    therefore draws from torch's default generators, and a step is a function of the state, the seed and the images
    seen. Everything else (order of the data, averaging, checkpoints, logs) is the loop's.

    Args:
        config: of the family's `config_class`.
        data: size and labels of the portraits.
        device: where the networks are built. Their optimizers are a step of their own: see `build_optimizers`.
    """

    config_class: ClassVar[type[TrainingConfig]]
    # Whether samples are conditioned on labels; an unconditional family is given data without attributes.
    conditional: ClassVar[bool] = True

    def __init__(self, config: TrainingConfig, data: DataSpecification, device: torch.device) -> None:
        self.config, self.data, self.device = config, data, device
        self.precision = Precision(device, config.precision)

    @property
    @abstractmethod
    def sampler(self) -> nn.Module:
        """The network that samples come from; the loop keeps a moving average of it."""

    @property
    @abstractmethod
    def latent_dim(self) -> int:
        """Length of a latent."""

    @property
    @abstractmethod
    def networks(self) -> Mapping[str, nn.Module]:
        """Every network that training changes, by name."""

    @abstractmethod
    def build_optimizers(self) -> None:
        """Build the optimizers of the networks, before the first step and before a state is loaded.

        Not with the networks: sampling needs none, and the first optimizer of a process imports torch's compiler, a
        second of the three to a first portrait.
        """

    @property
    def parts(self) -> Mapping[str, Stateful]:
        """Whatever has a state that the next step depends on, by its name in checkpoints: networks, optimizers,
        scaler. Needs the optimizers; as it stands here, one called `optimizer`."""
        return {**self.networks, "optimizer": self.optimizer, "scaler": self.precision.scaler}

    @abstractmethod
    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """Learn from one batch.

        Args:
            reals: [N, C, H, W] in [-1, 1].
            labels: int64 [N, A].
            images_seen: how many real images the model has seen before this batch; every schedule counts in it.

        Returns:
            Scalars for the log, which detaches them; the names are the columns of `metrics.csv`. A term that this step
            did not compute (a lazy penalty) is left out.
        """

    @abstractmethod
    def sample(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        """Samples [N, C, H, W] in [-1, 1] for latents [N, latent_dim] and labels int64 [N, A].

        Args:
            sampler: this family's `sampler` or a moving average of it, in evaluation mode.
        """

    # Of training, what a family may have beside a step.

    def prepare_images(self, images: np.ndarray) -> tuple[np.ndarray, str]:
        """What the family learns from in place of the set's portraits, uint8 [N, H, W, 4], and a line for the log; by
        default the same portraits, and no line."""
        return images, ""

    def inspect_training_set(self, images: Tensor, labels: Tensor) -> None:
        """Work out, once and before the first step, what training needs of the training set as a whole.

        Args:
            images: uint8 [N, H, W, 4], as `prepare_images` gave them.
            labels: int64 [N, A].
        """
        return None

    def validate(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """Scalars on validation portraits for the log, without learning from them; none by default. Arguments as for
        `train_step`."""
        return {}

    @property
    def finished(self) -> bool:
        """Whether the family has decided by itself that training further would not help (early stopping)."""
        return False

    # Of sampling, what a family may be able to do beside `sample`.

    smooth_latents: ClassVar[bool] = False
    """Whether there is `generate`: as `sample`, with gradients of the latents, whose every change shows a little."""
    layered_latents: ClassVar[bool] = False
    """Whether a latent's first numbers are those of coarse layers, and the last ones of fine layers."""

    @property
    def cannot_sample(self) -> str:
        """Why this model has no samples to show, in words for its user; empty where it has."""
        return ""

    def truncated(self, latents: Tensor, truncation: float) -> Tensor:
        """Latents [N, latent_dim] nearer to what the model has seen most: less diversity, fewer failures (the
        truncation trick; Brock et al., 2019).

        Args:
            truncation: 1 leaves them as they are; towards 0 all samples of a label become one.

        Raises:
            InputError: a family whose latents cannot be shortened.
        """
        return truncation * latents

    def vary(self, sampler: nn.Module, latents: Tensor, labels: Tensor, changed: Tensor) -> Tensor:
        """The samples for latents and labels, once more under other labels, as similar as can be.

        Here the latent is held, and no more: families that know more of what a hero is made of can do better. Where no
        label changes, the hero is the same to the pixel.

        Args:
            sampler, latents, labels: as for `sample`.
            changed: the other labels, int64 [N, A].
        """
        return self.sample(sampler, latents, changed)

    def sample_in_palette(self, sampler: nn.Module, latents: Tensor, labels: Tensor, palette: Tensor) -> Tensor:
        """As `sample`, with no colours but those of a palette.

        Args:
            sampler, latents, labels: as for `sample`.
            palette: sRGB int64 [K, 3], 0 to 255; of more colours than the family uses at once, some are left out.

        Raises:
            InputError: a family that cannot.
        """
        raise InputError("this family does not sample in given colours; snap its samples with --palette-snap")

    @property
    def kept_sides(self) -> tuple[int, ...]:
        """Sides, from coarse to fine, at which `rewrite` can keep a portrait; empty: it can neither rewrite nor
        recolour one."""
        return ()

    def rewrite(
        self, sampler: nn.Module, latents: Tensor, labels: Tensor, portraits: Tensor, kept: Tensor, side: int = 0
    ) -> Tensor:
        """Portraits with a part as it is and the rest written anew, in their own colours.

        Args:
            sampler, latents: as for `sample`.
            labels: int64 [N, A]; the number behind an attribute's classes leaves it open.
            portraits: [N, C, H, W] in [-1, 1], of no more colours than the family uses at once.
            kept: bool [N, H, W], the pixels that stay, exactly.
            side: 0, or one of `kept_sides`: what the portraits are at this side stays.
        """
        raise NotImplementedError

    def recolour(self, sampler: nn.Module, latents: Tensor, labels: Tensor, portraits: Tensor) -> Tensor:
        """Portraits in other colours, one for each of their own.

        Args:
            sampler, latents: as for `sample`.
            labels: of the other colours, as for `rewrite`.
            portraits: as for `rewrite`.
        """
        raise NotImplementedError

    def reconstruct(self, sampler: nn.Module, reals: Tensor, labels: Tensor) -> Tensor | None:
        """What is left of portraits [N, C, H, W] in [-1, 1] after the way through the model's code; None for a
        family that does not encode.

        Args:
            sampler: as for `sample`.
        """
        return None

    def restore(self, sampler: nn.Module, reals: Tensor) -> tuple[Tensor, Tensor] | None:
        """Portraits [N, C, H, W] in [-1, 1] with noise, the same every time, and what is left of the noise after
        denoising; None for a family that does not learn to denoise portraits.

        Args:
            sampler: as for `sample`.
        """
        return None

    def likelihood(self, sampler: nn.Module, reals: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Exact bits of each portrait under the model, by part, [N] each; nothing for a family without a likelihood.

        Args:
            sampler: as for `sample`.
            reals: [N, C, H, W] in [-1, 1].
            labels: int64 [N, A].
        """
        return {}

    # What all families have.

    def state_dict(self) -> dict[str, object]:
        """Everything that the next step depends on, as plain tensors, numbers, lists and dictionaries."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Take over what `state_dict` gave: of optimizers their moments. Learning rates, decay rates and precision stay
        those of this run's configuration, where it differs from the one that saved."""
        for name, part in self.parts.items():
            if isinstance(part, torch.optim.Optimizer):
                own = [{key: value for key, value in group.items() if key != "params"} for group in part.param_groups]
                part.load_state_dict(state[name])
                for group, settings in zip(part.param_groups, own, strict=True):
                    group.update(settings)
            # Without fp16 the scaler is off, and has no state.
            elif state[name] or not isinstance(part, torch.amp.GradScaler):
                part.load_state_dict(state[name])

    def minimise(self, loss: Tensor, optimizer: torch.optim.Optimizer, gradient_limit: float | None = None) -> None:
        """One step of an optimizer down a loss, for `train_step`; the scaler's update at its end is left to the caller.

        Args:
            loss: a scalar.
            optimizer: its parameters' gradients are worked out anew.
            gradient_limit: longer gradients are cut to this norm, over all of the optimizer's parameters together.
        """
        scaler = self.precision.scaler
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        if gradient_limit is not None:
            scaler.unscale_(optimizer)
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            nn.utils.clip_grad_norm_(parameters, gradient_limit)
        scaler.step(optimizer)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


@contextmanager
def evaluation_mode(network: nn.Module) -> Iterator[None]:
    """Context in which a network in training is in evaluation mode."""
    network.eval()
    try:
        yield
    finally:
        network.train()
