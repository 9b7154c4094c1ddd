"""What a run will cost, measured before it starts: a few real steps on throw-away networks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from src.data.packed import PortraitBatches
from src.family import DataSpecification, Family
from src.limits import check_memory
from src.schema import TrainingConfig

STEPS = 4

LARGE = 1 << 20
"""Batches above this many pixels get a memory check first: 256 portraits of 64x64."""

PROBED = 2, 4
"""Sizes of the two batches whose difference says what a portrait more takes."""

PERIOD = 64
"""Every lazy term recurs within this many steps."""


@dataclass(frozen=True)
class Estimate:
    """Cost of a run.

    Args:
        images_per_second: training speed.
        memory_bytes: peak memory: the card's on CUDA, else the whole process's; None where it is unknown.
    """

    images_per_second: float
    memory_bytes: int | None


def measure(
    family_class: type[Family], config: TrainingConfig, data: DataSpecification, portraits: PortraitBatches
) -> Estimate:
    """Time a few steps of the family on the portraits' device; the networks that train later are not touched.

    Raises:
        InputError: the computer's memory does not hold what a batch needs.
    """
    device = portraits.device
    family = family_class(config, data, device)
    family.build_optimizers()
    check_batch(family, portraits)
    indices = np.arange(config.batch_size) % len(portraits)
    periods = config.kimg * 1000 / config.batch_size / PERIOD
    seconds = []
    for step in range(STEPS + 1):
        start = time.perf_counter()
        torch.manual_seed(step)
        # Step 0 takes every lazy term and the one-time costs of a first step: it counts for memory, not for time.
        # The others are spread over the run: a family may train one network first and another after it.
        place = int(max(0.0, step - 0.5) / STEPS * periods) * PERIOD + step
        family.train_step(*portraits.batch(indices), place * config.batch_size)
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        seconds.append(time.perf_counter() - start)
    # The mean, not the median: in a family that trains one network more often than another, steps differ.
    estimate = Estimate(config.batch_size / float(np.mean(seconds[1:])), peak_memory(device))
    del family
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    return estimate


def check_batch(family: Family, portraits: PortraitBatches) -> None:
    """Refuse a batch that the computer's memory cannot hold, by what autograd keeps of small ones. A card says so
    itself, in time.

    Args:
        family: throw-away networks with their optimizers: a few steps are taken.
        portraits: to train on.

    Raises:
        InputError: it does not fit.
    """
    count = family.config.batch_size
    if portraits.device.type != "cpu" or count * family.data.size**2 < LARGE:
        return
    few, more = (_kept_by_autograd(family, portraits, count) for count in PROBED)
    each = (more - few) / (PROBED[1] - PROBED[0])
    check_memory(count * each, f"batches of {count:,} portraits", "lower --set batch_size=...")


def _kept_by_autograd(family: Family, portraits: PortraitBatches, count: int) -> int:
    """Bytes of what a step with so many portraits keeps for its backward passes."""
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        family.train_step(*portraits.batch(np.arange(count) % len(portraits)), 0)
    return sum(sizes.values())


def peak_memory(device: torch.device) -> int | None:
    """The most memory this process has held, in bytes: the card's on CUDA, else its own; None where it is unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    status = Path("/proc/self/status")
    if status.is_file():  # Linux: `getrusage` there begins with the peak of the process that started this one
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts bytes
