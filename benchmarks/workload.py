"""A family at work on made-up portraits: the step that the training loop takes, without logs, grids and checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from benchmarks.operations import OperationCounter
from src.config import config_to_dict, load_config
from src.data.packed import TRAIN, PackedPortraits, PortraitBatches, batch_indices
from src.device import Precision
from src.families import find_family
from src.family import DataSpecification
from src.gan.moving_average import MovingAverage
from src.labels import LabelSpecification
from src.schema import TrainingConfig

ATTRIBUTES = {
    "gender": ("feminine", "masculine"),
    "hero_class": ("barbarian", "bard", "cavalry", "cleric", "knight", "mage", "ranger", "rogue", "warrior"),
    "palette": ("cool", "dark", "muted", "neutral", "warm"),
}
"""Those of the default heroes. What the portraits show does not change what a step costs, so noise will do."""

COUNTED_BATCH = 4
"""Operations are counted on a batch of this size: the count of every layer is proportional to the batch."""


def made_up_portraits(count: int, size: int, names: tuple[str, ...] = tuple(ATTRIBUTES)) -> PackedPortraits:
    """Noise with labels, all of it for training: images uint8 [count, size, size, 4], binary alpha."""
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (count, size, size, 4)).astype(np.uint8)
    images[..., 3] = np.where(images[..., 3] < 150, 255, 0)
    images[..., :3] *= images[..., 3:] > 0
    specification = LabelSpecification({name: ATTRIBUTES[name] for name in names})
    labels = np.stack([random.randint(0, k, count) for k in specification.sizes] or [np.zeros(count)], axis=1)
    labels = labels[:, : len(names)].astype(np.int64)
    return PackedPortraits(images, labels, np.full(count, TRAIN, np.uint8), specification, "made up")


def cycle_length(config: TrainingConfig) -> int:
    """After how many steps a recipe's lazy terms repeat: the least common multiple of its intervals."""
    intervals = [
        value for name, value in config_to_dict(config).items() if name.endswith("_interval") or name == "critic_steps"
    ]
    return math.lcm(*intervals)


class Workload:
    """One family, one profile, one device.

    Args:
        family: a name of `FAMILIES`.
        profile: one of its profiles.
        device: where to compute.
        size: side of the portraits.
        overrides: values that replace the profile's.

    Raises:
        InputError: no such family or profile.
    """

    def __init__(
        self,
        family: str,
        profile: str,
        device: torch.device,
        size: int = 64,
        overrides: Mapping[str, object] | None = None,
    ) -> None:
        family_class = find_family(family)
        self.family_name, self.profile, self.device = family, profile, device
        self.config = load_config(family, profile, overrides=overrides)
        names = tuple(ATTRIBUTES) if family_class.conditional else ()
        portraits = made_up_portraits(4 * self.config.batch_size, size, names)
        self.portraits = PortraitBatches(portraits, TRAIN, device)
        self.data = DataSpecification(size, 4, portraits.specification, intra_class_distance=0.3)
        torch.manual_seed(0)
        self.family = family_class(self.config, self.data, device)
        self.family.build_optimizers()
        self.precision = Precision(device, self.config.precision).name
        self.average = MovingAverage(self.family.sampler, self.config.ema_half_life_kimg, self.config.ema_rampup)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Portraits [N, 4, H, W] and labels [N, A] of a step."""
        size = self.config.batch_size
        return self.portraits.batch(batch_indices(step * size, size, len(self.portraits), seed=0))

    def step(self, step: int) -> dict[str, Tensor]:
        """What the training loop does for one batch: fetch it, learn from it, move the average."""
        seen = step * self.config.batch_size
        reals, labels = self.batch(step)
        torch.manual_seed(step)
        scalars = self.family.train_step(reals, labels, seen)
        self.average.update(self.family.sampler, seen + len(reals), len(reals))
        return scalars

    def step_kinds(self) -> dict[int, int]:
        """The steps of one cycle that differ in what they compute: the first step of each kind -> how many there are.

        A family leaves a term that it did not compute out of its scalars, so their names tell the kinds apart.
        """
        kinds: dict[frozenset[str], list[int]] = {}
        for step in range(cycle_length(self.config)):
            # A whole batch would tell no more than a few portraits do.
            reals, labels = (part[:COUNTED_BATCH] for part in self.batch(step))
            names = frozenset(self.family.train_step(reals, labels, step * self.config.batch_size))
            kinds.setdefault(names, []).append(step)
        return {steps[0]: len(steps) for steps in kinds.values()}

    def operations(self, step: int) -> int:
        """Floating-point operations of a step on a whole batch: convolutions, matrix products, attention, forwards and
        backwards, a multiplication with its addition counted as two."""
        reals, labels = (part[:COUNTED_BATCH] for part in self.batch(step))
        with OperationCounter() as counter:
            self.family.train_step(reals, labels, step * self.config.batch_size)
        return counter.total * self.config.batch_size // len(reals)


def mean_over_cycle(values: Mapping[int, float], kinds: Mapping[int, int]) -> float:
    """Mean of a quantity over a cycle of steps.

    Args:
        values: the quantity for the first step of each kind.
        kinds: as `step_kinds` gives them: how many steps of each kind a cycle has.
    """
    return sum(values[step] * count for step, count in kinds.items()) / sum(kinds.values())
