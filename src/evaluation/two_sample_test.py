"""Can a network tell samples from portraits of the validation split? If it cannot, nothing it could see is wrong.

The classifier two-sample test (Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", 2017): a classifier
learns to tell two sets apart and is asked about members of both that it has not seen. Two sets of one distribution
leave it at an accuracy of 0.5. It finds by itself what differs, so it sees faults that no fixed feature space holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from src.errors import InputError
from src.evaluation.distances import Metric
from src.evaluation.teaching import seeded
from src.evaluation.two_sample_network import TwoSampleNetwork, scores, train

SEEDS = (0, 1, 2)
"""Of the initial weights and of the split, both at once."""

MOST = 500
"""Portraits a side, at most: what more of them would settle costs more than it says."""

FEWEST = 16
"""Portraits a side that must be left to ask about."""

LEARNED_SHARE = 0.7
STEPS = 120
BOOTSTRAPS = 200


@dataclass(frozen=True)
class TwoSampleResult:
    """What the classifiers made of portraits they had not seen.

    Args:
        accuracy: mean over the seeds, 0 to 1; 0.5 is guessing.
        auc: area under the ROC curve, mean over the seeds, 0 to 1; 0.5 is guessing.
        learned: portraits a side that a classifier learned on.
        asked: portraits a side that it was asked about; of the last seed, groups being of several sizes.
        seeds: how many classifiers.
    """

    accuracy: Metric
    auc: Metric
    learned: int
    asked: int
    seeds: int


def two_sample_test(
    samples: np.ndarray,
    reals: np.ndarray,
    sample_groups: np.ndarray | None = None,
    real_groups: np.ndarray | None = None,
    seeds: tuple[int, ...] = SEEDS,
    steps: int | None = None,
) -> TwoSampleResult:
    """How well a network tells two sets of portraits apart; lower is better, 0.5 is perfect.

    Both sides are cut to the same count, at most `MOST`, the groups taken evenly. Each seed's classifier learns on
    `LEARNED_SHARE` of either side for a fixed number of steps and is asked about the rest; a group is never on both
    sides of that cut. The same arguments give the same metrics on one machine; torch's own random state is left as it
    was.

    The spread of a metric is the larger of two: its standard deviation over the seeds, and what the portraits asked
    about leave open (bootstrap over groups, mean over the seeds).

    Args:
        samples: uint8 [N, H, W, 4], in no particular order.
        reals: uint8 [M, H, W, 4], portraits of the validation split.
        sample_groups: [N], which samples belong together (recolours of one silhouette); None: each stands alone.
        real_groups: [M], likewise.
        seeds: one classifier each.
        steps: of each classifier's training; None is the usual number.

    Raises:
        InputError: too few portraits on a side to learn on some and ask about others.
    """
    count = min(len(samples), len(reals), MOST)
    if count * (1 - LEARNED_SHARE) < FEWEST:
        raise InputError(f"the two-sample test needs {int(FEWEST / (1 - LEARNED_SHARE)) + 1} portraits a side")
    sides = []
    for images, groups in ((samples, sample_groups), (reals, real_groups)):
        groups = np.arange(len(images)) if groups is None else np.asarray(groups)
        chosen = evenly(groups, count)
        sides.append((images[chosen], groups[chosen]))
    found = [_one_seed(*sides, seed, steps or STEPS) for seed in seeds]
    metrics = []
    for values in zip(*(one.metrics for one in found), strict=True):
        over_seeds = float(np.std([one.value for one in values], ddof=1)) if len(values) > 1 else 0.0
        within = float(np.mean([one.spread for one in values]))
        metrics.append(Metric(float(np.mean([one.value for one in values])), max(over_seeds, within)))
    return TwoSampleResult(*metrics, learned=found[-1].learned, asked=found[-1].asked, seeds=len(seeds))


def evenly(groups: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` rows, the first of every group before the second of any: int64 [count], in rising order.

    Args:
        groups: [N], one value a row.
        count: at most N.
    """
    rank = pd.Series(groups).groupby(groups).cumcount().to_numpy()
    return np.sort(np.argsort(rank, kind="stable")[:count])


def split_groups(groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which rows are for learning: bool [N], about `share` of the rows, every group whole.

    Args:
        groups: [N], one value a row.
        share: above 0 and below 1.
        seed: of the choice.
    """
    names, cluster, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.RandomState(seed).permutation(len(names))
    before = np.cumsum(sizes[order]) - sizes[order]
    learned = np.zeros(len(names), bool)
    learned[order[before + sizes[order] / 2 <= share * len(groups)]] = True
    return learned[cluster]


def area_under_curve(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties counting half (Mann-Whitney).

    Args:
        scores: float [N].
        positive: bool [N], some of either kind.
    """
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    count = int(positive.sum())
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(scores) - count)))


@dataclass(frozen=True)
class _OneSeed:
    metrics: tuple[Metric, Metric]  # accuracy, area under the curve
    learned: int
    asked: int


def _one_seed(
    samples: tuple[np.ndarray, np.ndarray], reals: tuple[np.ndarray, np.ndarray], seed: int, steps: int
) -> _OneSeed:
    """One split, one classifier; each side is images and groups."""
    cuts = [split_groups(groups, LEARNED_SHARE, seed) for _, groups in (samples, reals)]
    # The same count of both on either side of the cut, whatever sizes the groups have.
    learned = min(int(cut.sum()) for cut in cuts)
    asked = min(int((~cut).sum()) for cut in cuts)
    if min(learned, asked) < FEWEST:
        raise InputError("the two-sample test needs more groups of portraits a side to cut none of them")
    random = np.random.RandomState(seed)
    to_learn, to_ask, clusters = [], [], []
    for (images, groups), cut in zip((samples, reals), cuts, strict=True):
        to_learn.append(images[random.permutation(np.flatnonzero(cut))[:learned]])
        chosen = random.permutation(np.flatnonzero(~cut))[:asked]
        to_ask.append(images[chosen])
        clusters.append(np.unique(groups[chosen], return_inverse=True)[1])
    with seeded(seed) as device:
        network = TwoSampleNetwork(samples[0].shape[-1])
        network.to(device, memory_format=torch.channels_last)
        train(network, *to_learn, steps, device)
    logits = scores(network, np.concatenate(to_ask), device)
    positive = np.arange(2 * asked) < asked
    draws = list(_bootstrap(clusters, random))
    metrics = []
    for measure in (_accuracy, area_under_curve):
        spread = float(np.std([measure(logits[rows], positive[rows]) for rows in draws], ddof=1))
        metrics.append(Metric(measure(logits, positive), spread))
    return _OneSeed((metrics[0], metrics[1]), learned, asked)


def _accuracy(scores: np.ndarray, positive: np.ndarray) -> float:
    return float(((scores > 0) == positive).mean())


def _bootstrap(clusters: list[np.ndarray], random: np.random.RandomState) -> Iterator[np.ndarray]:
    """Rows of both sides, whole groups drawn with replacement, each side for itself."""
    offset, members = 0, []
    for cluster in clusters:
        members.append([offset + np.flatnonzero(cluster == one) for one in range(int(cluster.max()) + 1)])
        offset += len(cluster)
    for _ in range(BOOTSTRAPS):
        yield np.concatenate([side[one] for side in members for one in random.randint(len(side), size=len(side))])
