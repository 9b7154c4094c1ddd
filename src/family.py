"""What a family of generative models is to the training loop, to sampling and to the checkpoints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from src.config import TrainingConfig
from src.errors import InputError
from src.labels import LabelSpecification


@dataclass(frozen=True)
class DataSpecification:
    """What a family must know of the data to build its networks.

    Args:
        size: side of the square portraits, in pixels.
        channels: 4 for RGBA, colours premultiplied by alpha, in [-1, 1].
        labels: the attributes that the networks are conditioned on, and their classes.
        within_label_distance: mean absolute difference between two training portraits of one label cell, in that
            scale; how varied the samples of one label should be.
    """

    size: int
    channels: int
    labels: LabelSpecification
    intra_class_distance: float


class Stateful(Protocol):
    """Networks, optimizers and gradient scalers: what can say its state and take it over."""

    def state_dict(self) -> dict[str, object]: ...

    def load_state_dict(self, state: Mapping[str, object]) -> object: ...


@dataclass(frozen=True)
class ScalarState:
    """A scalar tensor that a family moves by itself, as a part with a state."""

    value: Tensor

    def state_dict(self) -> dict[str, object]:
        return {"value": self.value.clone()}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        self.value.copy_(state["value"])


class Family(ABC):
    """One way to learn to draw.

    The loop calls `train_step` with a batch, re-seeding torch before each call; whatever a step draws at random it
    therefore draws from torch's default generators, and a step is a function of the state, the seed and the images
    seen. Everything else (order of the data, averaging, checkpoints, logs) is the loop's.
    """

    config_class: ClassVar[type[TrainingConfig]]
    # Whether labels steer what it draws; a family that says no is given data without attributes.
    conditional: ClassVar[bool] = True

    @abstractmethod
    def __init__(self, config: TrainingConfig, data: DataSpecification, device: torch.device) -> None:
        """Build networks and optimizers on the device."""

    @property
    @abstractmethod
    def sampler(self) -> nn.Module:
        """The network that draws samples; the loop keeps a moving average of it."""

    @property
    @abstractmethod
    def latent_dim(self) -> int:
        """Length of a latent."""

    @property
    @abstractmethod
    def networks(self) -> Mapping[str, nn.Module]:
        """Every network that training changes, by name."""

    @abstractmethod
    def train_step(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """Learn from one batch.

        Args:
            reals: [N, C, H, W] in [-1, 1].
            labels: int64 [N, A].
            images_seen: how many real images the model has seen before this batch; every schedule counts in it.

        Returns:
            Detached scalars for the log; the names are the columns of `metrics.csv`. A term that this step did not
            compute (a lazy penalty) is left out.
        """

    @abstractmethod
    def sample(self, sampler: nn.Module, latents: Tensor, labels: Tensor) -> Tensor:
        """Samples [N, C, H, W] in [-1, 1] for latents [N, latent_dim] and labels int64 [N, A].

        Args:
            sampler: this family's `sampler` or a moving average of it, in evaluation mode.
        """

    def vary(self, sampler: nn.Module, latents: Tensor, labels: Tensor, changed: Tensor) -> Tensor:
        """The heroes that `sample` draws for latents and labels, once more under other labels, as alike as can be.

        Here the latent is held, and no more: families that know more of what a hero is made of can do better. Where no
        label changes, the hero is the same to the pixel.

        Args:
            sampler, latents, labels: as for `sample`.
            changed: the other labels, int64 [N, A].
        """
        return self.sample(sampler, latents, changed)

    def truncated(self, latents: Tensor, truncation: float) -> Tensor:
        """Latents [N, latent_dim] nearer to what the model has seen most: less variety, fewer failures (the truncation
        trick; Brock et al., 2019).

        Args:
            truncation: 1 leaves them as they are; towards 0 all samples of a label become one.

        Raises:
            InputError: a family whose latents cannot be shortened.
        """
        return truncation * latents

    @property
    def cannot_sample(self) -> str:
        """Why this model has no samples to show, in words for its user; empty where it can draw."""
        return ""

    @property
    def finished(self) -> bool:
        """Whether the family has decided by itself that training further would not help (early stopping)."""
        return False

    def reconstruct(self, sampler: nn.Module, reals: Tensor, labels: Tensor) -> Tensor | None:
        """What is left of portraits [N, C, H, W] in [-1, 1] after the way through the model's code; None for a
        family that does not encode.

        Args:
            sampler: as for `sample`.
        """
        return None

    def watch(self, reals: Tensor, labels: Tensor, images_seen: int) -> dict[str, Tensor]:
        """Scalars on validation portraits for the log, without learning from them; nothing unless a family says so."""
        return {}

    def sample_in_palette(self, sampler: nn.Module, latents: Tensor, labels: Tensor, palette: Tensor) -> Tensor:
        """As `sample`, with no colours but those of a palette.

        Args:
            sampler, latents, labels: as for `sample`.
            palette: sRGB int64 [K, 3], 0 to 255; of more colours than the family uses at once, some are left out.

        Raises:
            InputError: a family that cannot.
        """
        raise InputError("this family does not draw in given colours; snap its samples with --palette-snap")

    def prepare(self, images: np.ndarray) -> tuple[np.ndarray, str]:
        """What the family learns from in place of the set's portraits, uint8 [N, H, W, 4], and a line for the log;
        the same portraits and nothing unless a family says so."""
        return images, ""

    def study(self, images: Tensor, labels: Tensor) -> None:
        """Work out, once and before the first step, what training needs of the training set as a whole.

        Args:
            images: uint8 [N, H, W, 4], as `prepare` gave them.
            labels: int64 [N, A].
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

    @property
    @abstractmethod
    def parts(self) -> Mapping[str, Stateful]:
        """Whatever the next step depends on and that knows its own state, by name: networks, optimizers, scaler."""

    def state_dict(self) -> dict[str, object]:
        """Everything that the next step depends on, as plain tensors, numbers, lists and dictionaries."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Take over what `state_dict` gave."""
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
