"""Cheap evaluation during training: what is sampled for it, and which checkpoint is the best so far.

The loop is given the function that measures the samples (`src.evaluation.quick_metrics`), or none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import nn

from src.data.packed import TRAIN, VALIDATION, PackedPortraits
from src.family import Family
from src.training.grids import sample_portraits

Evaluator = Callable[[np.ndarray, np.ndarray], dict[str, float]]
"""Samples uint8 [N, H, W, 4] and as many portraits that nobody trains on -> columns of `metrics.csv`."""

BEST_BY = "kid_random"
"""The metric by which `checkpoints/best.pt` is chosen; the lowest is the best."""

FEWEST = 4
"""Of fewer portraits there is no distance."""


class QuickEvaluation:
    """The same latents and labels every time, so that two evaluations differ by the model alone.

    Torch's generators are left alone: a run that is evaluated gives the same bits as one that is not.

    Args:
        evaluator: gives the metrics.
        portraits: the packed data, with the attributes that the family is conditioned on.
        count: how many samples at most; as many validation portraits, whose labels the samples get, are compared with.
            Training portraits stand in where there are next to none.
        latent_dim: length of a latent.
        seed: of the latents and of the choice of portraits.
        device: where the family samples.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        portraits: PackedPortraits,
        count: int,
        latent_dim: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.evaluator = evaluator
        candidates = np.flatnonzero(portraits.split == VALIDATION)
        if len(candidates) < FEWEST:
            candidates = np.flatnonzero(portraits.split == TRAIN)
        # RandomState's stream is frozen for good: runs of different versions can be compared.
        random = np.random.RandomState(seed)
        chosen = random.permutation(candidates)[:count]
        self.reals = portraits.images[chosen]
        self.labels = torch.from_numpy(portraits.labels[chosen]).to(device)
        latents = random.standard_normal((len(chosen), latent_dim)).astype(np.float32)
        self.latents = torch.from_numpy(latents).to(device)

    def metrics(self, family: Family, sampler: nn.Module) -> dict[str, float]:
        """The metrics of what the sampler makes now; none of a family that cannot sample (yet).

        Args:
            family: for its `sample`.
            sampler: the moving average, in evaluation mode.
        """
        if family.cannot_sample or len(self.reals) < FEWEST:
            return {}
        return self.evaluator(sample_portraits(family, sampler, self.latents, self.labels), self.reals)


def is_best(metrics: Mapping[str, float], earlier: Sequence[Mapping[str, float]]) -> bool:
    """Whether these metrics are better than all before.

    Args:
        metrics: of the look just taken.
        earlier: the rows of `metrics.csv` before it, of which most have none: a resumed run reads there how
            good the best was.
    """
    return BEST_BY in metrics and all(metrics[BEST_BY] < row[BEST_BY] for row in earlier if BEST_BY in row)
