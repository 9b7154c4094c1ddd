"""Feature spaces in units of a reference set, and how far other sets of portraits lie from it there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from src.evaluation.distances import DISTANCES, Metric, compare, halves
from src.evaluation.random_features import SEEDS, random_features


@dataclass(frozen=True)
class Scale:
    """Brings vectors to a common scale, so that no coordinate outweighs the others.

    Args:
        mean: [D], of the reference.
        deviation: [D], what counts as 1.
    """

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, reference: np.ndarray) -> Scale:
        """The scale of a reference [N, D]: its mean and standard deviation in each coordinate.

        A coordinate that hardly moves in the reference (a channel that few portraits wake) is not blown up: the
        standard deviation counts as no less than the median one.
        """
        deviation = reference.std(axis=0)
        return cls(reference.mean(axis=0), np.maximum(deviation, max(float(np.median(deviation)), 1e-12)))

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors [N, D] in units of the reference."""
        return (vectors - self.mean) / self.deviation


@dataclass(frozen=True)
class FeatureSpace:
    """A feature space around a reference set.

    Args:
        describe: portraits uint8 [N, H, W, 4] -> vectors [N, D].
        scale: the reference's.
        reference: float64 [M, D], the reference's own vectors on that scale.
    """

    describe: Callable[[np.ndarray], np.ndarray]
    scale: Scale
    reference: np.ndarray

    @classmethod
    def of(cls, describe: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> FeatureSpace:
        """The space around portraits uint8 [M, H, W, 4]."""
        vectors = np.asarray(describe(images), np.float64)
        scale = Scale.of(vectors)
        return cls(describe, scale, scale(vectors))

    def distances(
        self, images: np.ndarray, groups: np.ndarray | None = None, names: Sequence[str] = DISTANCES
    ) -> dict[str, Metric]:
        """How far portraits lie from the reference.

        Args:
            images: uint8 [N, H, W, 4].
            groups: [N], which are recolours of one another; None: each stands alone.
            names: those of `DISTANCES` to compute.
        """
        vectors = self.scale(np.asarray(self.describe(images), np.float64))
        return compare(vectors, self.reference, halves(len(images), groups), names)


def random_spaces(images: np.ndarray) -> tuple[FeatureSpace, ...]:
    """The spaces of the random networks `SEEDS` around portraits uint8 [M, H, W, 4]."""
    return tuple(FeatureSpace.of(partial(random_features, seed=seed), images) for seed in SEEDS)


def random_distances(
    spaces: Sequence[FeatureSpace],
    images: np.ndarray,
    groups: np.ndarray | None = None,
    names: Sequence[str] = DISTANCES,
) -> dict[str, Metric]:
    """The means over the random networks, then each network's own distances.

    Args:
        spaces: from `random_spaces`.
        images, groups, names: as for `FeatureSpace.distances`.

    Returns:
        `frechet_random`, `kid_random`, `precision`, `recall`, `density`, `coverage`; then `frechet_random_0` and so on.
    """
    found = [space.distances(images, groups, names) for space in spaces]
    metrics = {}
    for name in names:
        # The networks see the same portraits: their errors go together, and the mean is no surer than either.
        value, spread = (float(np.mean([getattr(one[name], part) for one in found])) for part in ("value", "spread"))
        metrics[f"{name}_random" if name in ("frechet", "kid") else name] = Metric(value, spread)
    for seed, one in zip(SEEDS, found, strict=True):
        metrics |= {f"{name}_random_{seed}": metric for name, metric in one.items()}
    return metrics
