"""Is it still the same hero? One attribute is changed, and the hero sampled again as similar as can be (`vary`).

What is kept is seen in the lines, not in the colours: where colours change from pixel to pixel (as in the copy
check), compared between the portrait before and after, on a scale from a stranger of the same labels to itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from src.evaluation.distances import Metric, halves, with_spread
from src.evaluation.nearest import edge_maps
from src.sampling import LoadedModel
from src.training.grids import to_rgba

COUNT = 64
"""Heroes that are sampled for it, each once as it is, once with each attribute changed, once with another latent."""


@dataclass(frozen=True)
class Change:
    """What came of changing one attribute.

    Args:
        kept: 1 where the lines stay as they are, 0 where the new portrait is no more like the old one than one of
            another latent and the old labels is.
        portraits: the new ones, uint8 [N, H, W, 4].
        labels: the labels requested, int64 [N, A] in the model's order.
    """

    kept: Metric
    portraits: np.ndarray
    labels: np.ndarray


def change_attributes(model: LoadedModel, seed: int = 0, count: int = COUNT) -> dict[str, Change]:
    """How much of a hero stays when one attribute changes; how often the change is seen stands beside it.

    Args:
        model: conditioned on labels.
        seed: of latents and labels.
        count: of heroes, all of them one batch.

    Returns:
        Attribute -> what came of changing it. Attributes of one class are left out.
    """
    if not model.labels.names:
        return {}
    random = np.random.RandomState(seed)
    latents, others = torch.from_numpy(random.standard_normal((2, count, model.family.latent_dim)).astype(np.float32))
    labels = np.stack([random.randint(size, size=count) for size in model.labels.sizes], axis=1)
    requested = torch.from_numpy(labels)
    before = edge_maps(to_rgba(model.family.sample(model.sampler, latents, requested)))
    stranger = similarity(before, edge_maps(to_rgba(model.family.sample(model.sampler, others, requested))))
    parts = halves(count)
    changes = {}
    for column, (name, size) in enumerate(zip(model.labels.names, model.labels.sizes, strict=True)):
        if size < 2:
            continue
        changed = labels.copy()
        changed[:, column] = (labels[:, column] + 1 + random.randint(size - 1, size=count)) % size
        portraits = to_rgba(model.family.vary(model.sampler, latents, requested, torch.from_numpy(changed)))
        after = similarity(before, edge_maps(portraits))
        kept = with_spread(_share_kept, np.stack([after, stranger], axis=1), parts)
        changes[name] = Change(kept, portraits, changed)
    return changes


def similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Share of edges that two portraits have in common (Jaccard), pair by pair: bool [N, ...] twice -> float64 [N]."""
    first, second = first.reshape(len(first), -1), second.reshape(len(second), -1)
    either = (first | second).sum(axis=1)
    return np.where(either > 0, (first & second).sum(axis=1) / np.maximum(either, 1), 1.0)


def _share_kept(rows: np.ndarray) -> float:
    after, stranger = rows.mean(axis=0)
    # A model that makes one figure a label, whatever the latent, has no hero to keep.
    return float((after - stranger) / (1 - stranger)) if stranger < 1 else 0.0
