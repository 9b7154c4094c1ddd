"""What a comparison and a study do with a run: train it in a process of its own, on all data or a part, and sample."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from src.data.build import fingerprint
from src.data.packed import (
    TRAIN,
    VALIDATION,
    PackedPortraits,
    PortraitBatches,
    condition_names,
    describe,
    load_portraits,
)
from src.device import pick_device
from src.evaluation.evaluator import Evaluator
from src.evaluation.portrait_set import PortraitSet
from src.families import build_family, find_family
from src.files import replacing
from src.sampling import LoadedModel, load_model
from src.schema import TrainingConfig
from src.training.checkpoint import load_checkpoint
from src.training.estimate import measure
from src.training.grids import sample_portraits
from src.training.own_process import INTERRUPTED, train_apart

CHUNK, BATCH = 64, 8
"""Samples between two looks at the clock, and at once: larger batches are no faster on a CPU."""

SUBSET_SEED = 0
"""One order of the groups for all subsets: a smaller one lies within a larger one."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Args:
        status: one of the words of `src.training.own_process`.
        note: why, in a line without paths; empty for a run that was trained.
        peak_memory_bytes: 0 where nothing tells.
    """

    status: str
    note: str
    peak_memory_bytes: int


def train_run(
    data: Path, out: Path, family: str, profile: str, overrides: Mapping[str, object], log: Callable[[str], None]
) -> Outcome:
    """Train, or go on with what lies in `out`, in a process of its own: a crash ends nobody else's run."""
    job = {"data": str(data), "out": str(out), "family": family, "profile": profile, "overrides": dict(overrides)}
    outcome = train_apart(job, log)
    note = outcome["note"].split(";")[0].replace(str(Path(out).parent) + os.sep, "")
    if note and outcome["status"] != INTERRUPTED:
        log(f"{outcome['status']}: {note}")
    return Outcome(outcome["status"], note, outcome["peak_memory_bytes"])


def measure_family(name: str, config: TrainingConfig, portraits: PackedPortraits) -> dict[str, object]:
    """Speed and size of a family on these data: a few steps on throw-away networks.

    Returns:
        `images_per_second`, and `parameters`: how many numbers training changes, by network.

    Raises:
        ValueError: the settings and the data make no network.
    """
    family, device = find_family(name), pick_device()
    conditions = condition_names(config.condition_on, portraits.specification) if family.conditional else ()
    known = portraits.conditioned_on(conditions)
    specification = describe(known)
    networks = build_family(name, config, specification, device).networks
    parameters = {network: count_parameters(module) for network, module in networks.items()}
    speed = measure(family, config, specification, PortraitBatches(known, TRAIN, device)).images_per_second
    return {"images_per_second": speed, "parameters": parameters}


def count_parameters(network: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def sample_like_validation(
    model: LoadedModel, evaluator: Evaluator, seed: int, count: int, seconds: float = math.inf
) -> tuple[PortraitSet, float]:
    """Samples with the labels of validation portraits, to be measured beside them.

    Args:
        model: from `load_model`.
        evaluator: of the data set.
        seed: of the latents.
        count: how many, at most as many as there are validation portraits.
        seconds: after these no further `CHUNK` is begun, so there may be fewer samples.

    Returns:
        The samples with all attributes requested, also those that the model is not conditioned on; and the seconds
        that the quickest chunk took.
    """
    labels = evaluator.real.labels[:count]
    columns = [evaluator.specification.column(name) for name in model.labels.names]
    random = np.random.RandomState(seed)
    portraits, spent = [], []
    for start in range(0, len(labels), CHUNK):
        if sum(spent) >= seconds:
            break
        # A whole chunk, so that the time is comparable.
        requested = np.resize(labels[start : start + CHUNK], (CHUNK, labels.shape[1]))
        latents = random.standard_normal((CHUNK, model.family.latent_dim)).astype(np.float32)
        before = time.perf_counter()
        portraits.append(
            sample_portraits(
                model.family,
                model.sampler,
                torch.from_numpy(latents),
                torch.from_numpy(requested[:, columns]),
                BATCH,
            )
        )
        spent.append(time.perf_counter() - before)
    samples = np.concatenate(portraits)[: len(labels)]
    return PortraitSet(samples, labels[: len(samples)], evaluator.specification), min(spent)


def load_raw_model(checkpoint: Path) -> LoadedModel:
    """Like `load_model`, but samples with the network that was trained instead of its moving average."""
    model = load_model(checkpoint)
    family = model.family
    name = next(name for name, network in family.networks.items() if network is family.sampler)
    family.sampler.load_state_dict(load_checkpoint(checkpoint)["state"][name])
    return replace(model, sampler=family.sampler.eval())


def kept_portraits(split: np.ndarray, groups: np.ndarray, share: float, seed: int = SUBSET_SEED) -> np.ndarray:
    """Which portraits a subset holds: bool [N].

    Groups are taken in a random order until the share is reached, so a smaller subset lies within a larger one.

    Args:
        split: [N], `TRAIN` or `VALIDATION`; validation portraits are all kept.
        groups: [N], one value a group.
        share: of the training portraits, above 0 and at most 1.
        seed: of the order.
    """
    train = split == TRAIN
    names, sizes = np.unique(groups[train], return_counts=True)
    order = np.random.RandomState(seed).permutation(len(names))
    before = np.cumsum(sizes[order]) - sizes[order]
    taken = names[order[before < share * train.sum()]]
    return (split == VALIDATION) | np.isin(groups, taken)


def write_subset(data: Path, out: Path, share: float) -> Path:
    """Write a smaller `portraits.npz`, with a fingerprint of its own, unless it lies there already.

    Args:
        data: folder with the whole `portraits.npz`.
        out: the folder that gets the smaller one.
        share: of the training portraits.

    Returns:
        `out`.
    """
    out = Path(out)
    with np.load(Path(data) / "portraits.npz", allow_pickle=False) as packed:
        arrays = {name: packed[name] for name in packed.files}
    kept = kept_portraits(arrays["split"], arrays["group_ids"], share)
    for name in ("images", "labels", "split", "filenames", "group_ids"):
        arrays[name] = arrays[name][kept]
    digest = fingerprint(arrays["images"], arrays["labels"], arrays["split"], str(arrays["label_mappings"]))
    path = out / "portraits.npz"
    if not path.is_file() or load_portraits(out).fingerprint != digest:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **{**arrays, "fingerprint": np.array(digest)})
    return out
