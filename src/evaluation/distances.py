"""How far one set of portraits is from another, from their vectors; every metric with its spread.

No metric means anything alone: the Fréchet distance falls with the number of vectors, coverage rises with it. Sets are
compared at the same count, against the same reference, beside real portraits that were never trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from src.palettes.oklab import srgb_to_oklab

DISTANCES = ("frechet", "kid", "precision", "recall", "density", "coverage")

NEIGHBOURS = 5
"""The neighbourhood of precision, recall, density and coverage, as in the authors' code."""

KID_SUBSETS, KID_SUBSET_SIZE = 20, 500
HALVES = 6
"""How many random halves the spread is worked out on."""

# OKLab bins: lightness from 0 to 1; a and b over all that sRGB can show.
LIGHTNESS_BINS, HUE_BINS, HUE_LIMIT = 10, 12, 0.33


@dataclass(frozen=True)
class Metric:
    """One measured value.

    Args:
        value: over all vectors.
        spread: its standard error: how much it would move with other portraits of the same origin.
    """

    value: float
    spread: float


def rounded(value: float) -> float:
    """Five significant digits: what lies beyond differs between processors."""
    return float(f"{value:.5g}")


def frechet_distance(vectors: np.ndarray, reference: np.ndarray) -> float:
    """Fréchet distance between the Gaussians fitted to two sets of vectors [N, D], [M, D]; 0 for equal ones.

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) (Heusel et al., "GANs trained by a two time-scale update rule", 2017).
    Biased upwards for few vectors: compare at equal counts only.
    """
    shift = vectors.mean(axis=0) - reference.mean(axis=0)
    # S = R'R: the roots of the eigenvalues of S1 S2 are the singular values of R1 R2', and R has few rows for few
    # vectors.
    root, reference_root = (
        np.linalg.qr((rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1), mode="r") for rows in (vectors, reference)
    )
    shared = np.linalg.svd(root @ reference_root.T, compute_uv=False).sum()
    return float(shift @ shift + (root**2).sum() + (reference_root**2).sum() - 2 * shared)


def squared_kernel_distance(vectors: np.ndarray, reference: np.ndarray) -> float:
    """The unbiased squared maximum mean discrepancy of two sets [N, D] under the kernel (x.y / D + 1)^3.

    Bińkowski et al., "Demystifying MMD GANs", 2018. About 0, also below, for sets of one origin.
    """

    def kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        inner = first @ second.T / first.shape[1] + 1
        return inner * inner * inner  # many times faster than a power

    size = len(vectors)
    within = sum((gram := kernel(rows, rows)).sum() - np.trace(gram) for rows in (vectors, reference))
    return float(within / (size * (size - 1)) - 2 * kernel(vectors, reference).mean())


def kernel_distances(vectors: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Kernel distances (KID) of random subsets, [KID_SUBSETS], between vectors [N, D] and [M, D].

    Each subset holds `KID_SUBSET_SIZE` vectors of either set, or half of the smaller set.
    """
    random = np.random.RandomState(0)
    size = min(KID_SUBSET_SIZE, len(vectors) // 2, len(reference) // 2)

    def subset(rows: np.ndarray) -> np.ndarray:
        return rows[random.permutation(len(rows))[:size]]

    return np.array([squared_kernel_distance(subset(vectors), subset(reference)) for _ in range(KID_SUBSETS)])


def distances_between(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Euclidean distances float64 [N, M] between vectors [N, D] and [M, D]."""
    squares = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None] - 2 * rows @ others.T
    return np.sqrt(squares.clip(min=0))


def precision_recall_density_coverage(vectors: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Compares neighbourhoods: is it like the reals (precision, density), and like all of them (recall, coverage)?

    A set's manifold is the union of balls around its vectors, each reaching to the fifth nearest vector of its own
    set. `precision`: share of `vectors` inside the reference's manifold; `recall`: the other way round (Kynkäänniemi
    et al., "Improved precision and recall metric", 2019). `density`: in how many reference balls a vector lies, in
    fifths, so it may exceed 1; `coverage`: share of reference balls that hold a vector (Naeem et al., 2020).

    Args:
        vectors: [N, D].
        reference: [M, D].
    """
    neighbours = min(NEIGHBOURS, len(vectors) - 1, len(reference) - 1)
    # The nearest vector of a set to its own is itself, at distance 0.
    reference_radii = np.partition(distances_between(reference, reference), neighbours, axis=1)[:, neighbours]
    radii = np.partition(distances_between(vectors, vectors), neighbours, axis=1)[:, neighbours]
    between = distances_between(vectors, reference)
    inside = between <= reference_radii
    return {
        "precision": float(inside.any(axis=1).mean()),
        "recall": float((between <= radii[:, None]).any(axis=0).mean()),
        "density": float(inside.sum(axis=1).mean() / neighbours),
        "coverage": float(inside.any(axis=0).mean()),
    }


def colour_histogram(images: np.ndarray) -> np.ndarray:
    """The visible colours of each portrait over OKLab bins: float32 [N, bins], each row sums to 1 (0 if all is clear).

    Args:
        images: uint8 [N, H, W, 4], binary alpha.
    """
    bins = LIGHTNESS_BINS * HUE_BINS**2
    histograms = np.zeros((len(images), bins), np.float32)
    for histogram, image in zip(histograms, images, strict=True):
        colours = srgb_to_oklab(image[..., :3][image[..., 3] > 0])
        lightness = (colours[:, 0] * LIGHTNESS_BINS).astype(np.int64).clip(0, LIGHTNESS_BINS - 1)
        hues = ((colours[:, 1:] / HUE_LIMIT + 1) / 2 * HUE_BINS).astype(np.int64).clip(0, HUE_BINS - 1)
        index = (lightness * HUE_BINS + hues[:, 0]) * HUE_BINS + hues[:, 1]
        histogram += np.bincount(index, minlength=bins) / max(1, len(index))
    return histograms


def colour_distance(histograms: np.ndarray, reference: np.ndarray) -> float:
    """Jensen-Shannon distance, 0 to 1, between the mean colour histograms of two sets [N, bins], [M, bins]; 1 where one
    set shows nothing at all."""
    from scipy.spatial.distance import jensenshannon

    means = [each.mean(axis=0) for each in (histograms, reference)]
    shown = [bool(mean.any()) for mean in means]
    return float(jensenshannon(*means, base=2)) if all(shown) else float(any(shown))


def halves(count: int, groups: np.ndarray | None = None, seed: int = 0) -> list[np.ndarray]:
    """Indices of random halves, drawn without replacement; whole groups where there are groups.

    A metric's standard deviation over random halves estimates its standard error on the whole (the delete-half
    jackknife; Shao and Wu, "A general theory for jackknife variance estimation", 1989). Recolourings of one hero are
    no independent portraits: halves that cut through groups would make a metric look surer than it is.

    Args:
        count: of the rows.
        groups: [count], one value a row.
        seed: of the halves.
    """
    random = np.random.RandomState(seed)
    _, cluster = (None, np.arange(count)) if groups is None else np.unique(groups, return_inverse=True)
    clusters = int(cluster.max()) + 1
    chosen = []
    for _ in range(HALVES):
        taken = np.zeros(clusters, bool)
        taken[random.permutation(clusters)[: (clusters + 1) // 2]] = True
        chosen.append(np.flatnonzero(taken[cluster]))
    return chosen


def compare(
    vectors: np.ndarray, reference: np.ndarray, parts: list[np.ndarray], names: Sequence[str] = DISTANCES
) -> dict[str, Metric]:
    """The distances of one set in one space.

    Args:
        vectors: [N, D].
        reference: [M, D], M at least N. Neighbourhoods depend on the density of the set: `precision` and its like are
            worked out against N of the reference, always the same ones.
        parts: from `halves`, of the rows of `vectors`.
        names: those of `DISTANCES` to compute.

    Returns:
        Distance -> metric. The spread of `kid` is its standard deviation over subsets, as is the custom; that of the
        others a standard error.
    """
    metrics = {}
    if "frechet" in names:
        metrics["frechet"] = with_spread(lambda rows: frechet_distance(rows, reference), vectors, parts)
    if "kid" in names:
        kid = kernel_distances(vectors, reference)
        metrics["kid"] = Metric(float(kid.mean()), float(kid.std(ddof=1)))
    few = reference[np.random.RandomState(0).permutation(len(reference))[: len(vectors)]]
    whole = precision_recall_density_coverage(vectors, few)
    of_parts = [precision_recall_density_coverage(vectors[part], few) for part in parts]
    for name in (name for name in names if name in whole):
        metrics[name] = Metric(whole[name], float(np.std([part[name] for part in of_parts], ddof=1)))
    return metrics


def with_spread(metric: Callable[[np.ndarray], float], rows: np.ndarray, parts: list[np.ndarray]) -> Metric:
    """A metric of all rows, and its standard deviation over parts of them (index arrays from `halves`)."""
    return Metric(metric(rows), float(np.std([metric(rows[part]) for part in parts], ddof=1)))


def share_metric(count: float, of: int) -> Metric:
    """A share of independent portraits with its standard deviation under the bootstrap (Efron, 1979).

    For a share p of N that has a closed form, sqrt(p (1 - p) / N), and nothing need be drawn.

    Args:
        count: how many have it.
        of: N, at least 1.
    """
    value = float(count) / of
    return Metric(value, (value * (1 - value) / of) ** 0.5)
