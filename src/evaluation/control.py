"""Is it still the same hero? One attribute is changed, the latent is held.

What is kept is seen in the drawing, not in the colours: where colours change from pixel to pixel (as in the copy
check), compared between the portrait before and after, on a scale from a stranger of the same labels to itself.
"""

from __future__ import annotations

import numpy as np
import torch

from src.evaluation.copies import edge_maps
from src.evaluation.distances import Figure, halves, with_spread
from src.sampling import Artist
from src.training.grids import draw_portraits

COUNT = 64
"""Heroes that are drawn for it, each once as it is, once with every attribute changed, once with another latent."""


def held_latents(artist: Artist, seed: int = 0, count: int = COUNT) -> dict[str, Figure]:
    """How much of a hero stays when one attribute changes.

    Args:
        artist: draws by labels.
        seed: of latents and labels.
        count: of heroes.

    Returns:
        Attribute -> 1 where the drawing stays as it is, 0 where the new portrait is no more like the old one than one
        of another latent and the old labels is. Attributes of one class are left out.
    """
    if not artist.labels.names:
        return {}
    random = np.random.RandomState(seed)
    latents, others = random.standard_normal((2, count, artist.family.latent_dim)).astype(np.float32)
    labels = np.stack([random.randint(size, size=count) for size in artist.labels.sizes], axis=1)
    before = edge_maps(_drawn(artist, latents, labels))
    stranger = likeness(before, edge_maps(_drawn(artist, others, labels)))
    parts = halves(count)
    kept = {}
    for column, (name, size) in enumerate(zip(artist.labels.names, artist.labels.sizes, strict=True)):
        if size < 2:
            continue
        changed = labels.copy()
        changed[:, column] = (labels[:, column] + 1 + random.randint(size - 1, size=count)) % size
        after = likeness(before, edge_maps(_drawn(artist, latents, changed)))
        kept[name] = with_spread(_share_kept, np.stack([after, stranger], axis=1), parts)
    return kept


def likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Share of edges that two portraits have in common (Jaccard), pair by pair: bool [N, ...] twice -> float64 [N]."""
    first, second = first.reshape(len(first), -1), second.reshape(len(second), -1)
    either = (first | second).sum(axis=1)
    return np.where(either > 0, (first & second).sum(axis=1) / np.maximum(either, 1), 1.0)


def _share_kept(rows: np.ndarray) -> float:
    after, stranger = rows.mean(axis=0)
    # A model that draws one figure a label, whatever the latent, has no hero to keep.
    return float((after - stranger) / (1 - stranger)) if stranger < 1 else 0.0


def _drawn(artist: Artist, latents: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return draw_portraits(artist.family, artist.sampler, torch.from_numpy(latents), torch.from_numpy(labels))
