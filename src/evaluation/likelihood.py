"""Bits a portrait: how well a model predicts portraits that it has never seen, part by part.

The one measure by which two versions of a model with a likelihood are compared: exact, without samples, classifier
or feature space. Training portraits stand beside the validation portraits: what lies between the two is memorised.
"""

from __future__ import annotations

import numpy as np
import torch

from src.data.packed import to_signed
from src.evaluation.distances import Metric
from src.sampling import LoadedModel

BATCH = 16


def measure_likelihood(model: LoadedModel, portraits: np.ndarray, labels: np.ndarray, count: int) -> dict[str, Metric]:
    """Mean bits a portrait, with the standard error of the mean; empty for a family without a likelihood.

    Args:
        model: from `load_model`.
        portraits: uint8 [N, H, W, 4].
        labels: int64 [N, A], of the attributes that the model is conditioned on.
        count: the most portraits to look at, evenly picked.

    Returns:
        `bits_PART` for every part and `bits` for the portrait given its palette, as the family defines them.
    """
    prepared, _ = model.family.prepare_images(portraits)
    chosen = np.unique(np.linspace(0, len(portraits) - 1, min(count, len(portraits))).astype(np.int64))
    found: dict[str, list[torch.Tensor]] = {}
    for rows in np.array_split(chosen, -(-len(chosen) // BATCH)):
        reals = to_signed(torch.from_numpy(prepared[rows]))
        for part, bits in model.family.likelihood(model.sampler, reals, torch.from_numpy(labels[rows])).items():
            found.setdefault(part, []).append(bits)
    joined = {part: torch.cat(each).cpu().double() for part, each in found.items()}
    return {part: Metric(float(each.mean()), float(each.std() / len(each) ** 0.5)) for part, each in joined.items()}
