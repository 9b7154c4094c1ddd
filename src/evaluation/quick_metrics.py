"""How good samples are in a second or two: what the training loop measures now and then."""

from __future__ import annotations

import numpy as np

from src.evaluation.feature_spaces import random_distances, random_spaces

METRICS = ("kid_random", "coverage")


def quick_metrics(samples: np.ndarray, reals: np.ndarray) -> dict[str, float]:
    """Two of the evaluator's distances, of a few hundred samples to as many validation portraits.

    To be compared within a run only, look by look: `evaluate` measures more samples, against the training portraits.

    Args:
        samples: uint8 [N, H, W, 4].
        reals: uint8 [N, H, W, 4], portraits that nobody trained on.

    Returns:
        `kid_random`: the unbiased kernel distance (KID); less is better. Of sets of one origin it is about 0, or a
        little below: 256 training portraits of the default heroes have -0.01.
        `coverage`: the share of these portraits that have a sample near them, 0 to 1.
    """
    found = random_distances(random_spaces(reals), samples, names=("kid", "coverage"))
    return {name: found[name].value for name in METRICS}
