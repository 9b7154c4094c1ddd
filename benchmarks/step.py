"""Images a second of whole training steps, and how near to the machine's convolution peak they come."""

from __future__ import annotations

from statistics import median

import torch

from benchmarks.clock import seconds
from benchmarks.outside import time_shares
from benchmarks.peak import convolution_peak
from benchmarks.workload import Workload, mean_over_cycle


def time_steps(family: str, profile: str, device: torch.device, runs: int, size: int = 64) -> dict[str, object]:
    """Time a family's training step.

    A run measures the convolution peak and then a step of every kind, so that the ratio of the two is of one moment. A
    lazy term counts at its interval: a step of each kind is weighted by how many of them a cycle has.

    Args:
        family: a name of `FAMILIES`.
        profile: one of its profiles.
        device: where to compute.
        runs: how many.
        size: side of the portraits.

    Returns:
        Medians over the runs, and the spread of the images a second.
    """
    work = Workload(family, profile, device, size)
    kinds = work.step_kinds()
    operations = mean_over_cycle({step: work.operations(step) for step in kinds}, kinds)
    for step in kinds:  # once each for nothing: a first call chooses algorithms and allocates memory
        work.step(step)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    speeds, peaks = [], []
    for _ in range(runs):
        peaks.append(convolution_peak(work.precision, device))
        mean = mean_over_cycle({step: seconds(lambda step=step: work.step(step), device) for step in kinds}, kinds)
        speeds.append(work.config.batch_size / mean)
    a_image = operations / work.config.batch_size
    achieved = [speed * a_image for speed in speeds]
    result = {
        "family": family,
        "profile": profile,
        "precision": work.precision,
        "batch_size": work.config.batch_size,
        "steps_in_a_cycle": sum(kinds.values()),
        "operations_an_image": a_image,
        "images_per_second": median(speeds),
        "images_per_second_least": min(speeds),
        "images_per_second_most": max(speeds),
        "flops": median(achieved),
        "convolution_peak": median(peaks),
        "share_of_peak": median(flops / peak for flops, peak in zip(achieved, peaks, strict=True)),
        "time_shares": time_shares(work, kinds),
    }
    if device.type == "cuda":
        result["card_bytes_allocated"] = torch.cuda.max_memory_allocated(device)
        result["card_bytes_reserved"] = torch.cuda.max_memory_reserved(device)
    return result
