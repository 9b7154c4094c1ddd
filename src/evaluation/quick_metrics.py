"""How good samples are in a second or two: what the training loop measures now and then."""

from __future__ import annotations

import numpy as np

from src.evaluation.distances import precision_recall_density_coverage, squared_kernel_distance
from src.evaluation.features import SEEDS, RandomSpace


def quick_metrics(samples: np.ndarray, reals: np.ndarray) -> dict[str, float]:
    """Distance and coverage of a few hundred samples, means over the two random networks.

    To be compared within a run only, look by look: the values hang on the count and on the portraits chosen, and
    `evaluate` scales by the training set.

    Args:
        samples: uint8 [N, H, W, 4].
        reals: uint8 [N, H, W, 4], portraits that nobody trained on.

    Returns:
        `kid_random`: the unbiased kernel distance (KID); less is better. It does not fall to 0: validation portraits
        are other heroes than those trained on: 256 training portraits of the default set have 0.08.
        `coverage`: the share of these portraits that have a sample near them, 0 to 1.
    """
    found = []
    for seed in SEEDS:
        space = RandomSpace.of(reals, seed)
        pair = space(samples), space.reference
        found.append((squared_kernel_distance(*pair), precision_recall_density_coverage(*pair)["coverage"]))
    distance, coverage = np.mean(found, axis=0)
    return {"kid_random": float(distance), "coverage": float(coverage)}
