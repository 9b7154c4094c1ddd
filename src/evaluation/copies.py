"""Does a model invent, or memorise? Samples that are training portraits again, also mirrored, recoloured or shifted.

Two distances tell how near two portraits are, by structure and by colour (`nearest`). Each is divided by what is usual
between a validation portrait and its nearest training portrait, and the smaller counts.

Validation portraits were never trained on, so their own distances to the training set show what is normal (compare
Meehan, Chaudhuri and Dasgupta, "A non-parametric test to detect data-copying in generative models", 2020). A sample is
*too close* where it is far nearer to the training set than they usually are, and clearly nearer than to the validation
set. The second condition spares blurred samples, which are near to everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.errors import InputError
from src.evaluation.distances import Metric, rounded, share_metric
from src.evaluation.nearest import Nearest, make_library, nearest

THRESHOLDS = (0.05, 0.3)
"""Too close is below one of these, of the usual distance. Where the splits hold recoloured twins, the small one still
tells exact copies from them; under the large one recoloured and touched-up copies fall too. Both are tried, and the
p-value is doubled for it. The share of validation portraits below is what samples are allowed."""

NORMAL_SHARE = 0.01
"""Samples are allowed at least this share: so few reals below a threshold cannot be counted well."""

CLEARLY_NEARER = 0.7
"""Of the distance to the validation set; nearer than that to the training set is no chance of its larger size."""

SIGNIFICANCE = 0.001
LEAST_EXCESS = 0.02
"""Recolours of one silhouette are too close all together or not at all, so that the share among reals itself moves by
the size of a group: an excess below this is not called copying, however significant if all were independent."""

RUNS = 16


@dataclass(frozen=True)
class CopyCheck:
    """What `check_copies` found. Distances are in units of the usual one: 1 is the median validation portrait.

    Args:
        share: of samples that are too close to the training set.
        expected_share: of reals that are, at least `NORMAL_SHARE`.
        p_value: of so many or more too close, were the samples like validation portraits (one-sided binomial test,
            times the number of thresholds tried).
        flagged: the samples copy.
        threshold: the distance below which a sample may be too close: one of the two tried.
        distances: float64 [N], of each sample to the nearest training portrait.
        validation_distances: float64 [N], of each sample to the nearest validation portrait.
        real_distances: float64 [M], of each validation portrait to the nearest training portrait.
        margin_mean: of distance to validation less distance to as many training portraits; about 0 for a model that
            learned what all portraits share, above it for one that leans on those it saw.
        margin_median: likewise.
        too_close: bool [N].
        pairs: int64 [N, 2], sample and its nearest training portrait, the closest pair first.
        mirrored: bool [N], in the order of `pairs`: the sample's mirror image is nearer.
        recoloured: bool [N], in the order of `pairs`: similar in structure far more than in colour.
    """

    share: float
    expected_share: float
    p_value: float
    flagged: bool
    threshold: float
    distances: np.ndarray
    validation_distances: np.ndarray
    real_distances: np.ndarray
    margin_mean: float
    margin_median: float
    too_close: np.ndarray
    pairs: np.ndarray
    mirrored: np.ndarray
    recoloured: np.ndarray

    @property
    def metric(self) -> Metric:
        """`share` with its standard error."""
        return share_metric(int(self.too_close.sum()), len(self.too_close))

    @property
    def details(self) -> dict[str, object]:
        """In numbers, for a report."""
        numbers = {
            "share": self.share,
            "expected_share": self.expected_share,
            "p_value": self.p_value,
            "threshold": self.threshold,
            "distance_median": float(np.median(self.distances)),
            "real_distance_median": float(np.median(self.real_distances)),
            "margin_mean": self.margin_mean,
            "margin_median": self.margin_median,
        }
        return {"flagged": bool(self.flagged), **{name: rounded(value) for name, value in numbers.items()}}


def check_copies(samples: np.ndarray, train: np.ndarray, validation: np.ndarray) -> CopyCheck:
    """Look for training portraits among samples.

    Args:
        samples: uint8 [N, H, W, 4], binary alpha.
        train: uint8 [T, H, W, 4], what the model was trained on; portraits of one group next to each other, if any.
        validation: uint8 [M, H, W, 4], portraits of groups that were never trained on.

    Raises:
        InputError: no samples, training or validation portraits, or sizes that differ.
    """
    from scipy.stats import binomtest

    for name, images in (("samples", samples), ("training portraits", train), ("validation portraits", validation)):
        if not len(images):
            raise InputError(f"there are no {name}; the copy check needs some of each")
        if images.shape[1:] != train.shape[1:]:
            raise InputError(f"the {name} are of another size than the training portraits; sample at the same size")
    library, validation_library = make_library(train), make_library(validation)
    reals = nearest(validation, library)
    # Were the median 0, because most reals have an exact twin, there would be no unit; a tiny one keeps 0 at 0.
    units = max(float(np.median(reals.structural)), 1e-3), max(float(np.median(reals.colour)), 1e-4)

    to_train = nearest(samples, library)
    real_distances, distances = _combined(reals, units), _combined(to_train, units)
    validation_distances = _combined(nearest(samples, validation_library), units)
    as_many = library.subset(_runs(len(train), min(len(train), len(validation))))
    margin = validation_distances - _combined(nearest(samples, as_many), units)

    clearly_nearer = distances < CLEARLY_NEARER * validation_distances
    tests = []
    for threshold in THRESHOLDS:
        too_close = (distances < threshold) & clearly_nearer
        expected_share = max(NORMAL_SHARE, float((real_distances < threshold).mean()))
        test = binomtest(int(too_close.sum()), len(samples), expected_share, alternative="greater")
        tests.append((min(1.0, len(THRESHOLDS) * float(test.pvalue)), threshold, too_close, expected_share))
    # The larger threshold where it tells, for it names more of the copies; else the more telling of the two.
    largest_last = [found for found in tests if found[0] < SIGNIFICANCE] or [min(tests, key=lambda found: found[0])]
    p_value, threshold, too_close, expected_share = largest_last[-1]
    share = float(too_close.mean())

    order = np.argsort(distances, kind="stable")
    structural, colour = to_train.structural / units[0], to_train.colour / units[1]
    by_structure = structural <= colour
    closest = np.where(by_structure, to_train.structural_index, to_train.colour_index)
    mirrored = np.where(by_structure, to_train.structural_mirrored, to_train.colour_mirrored)
    return CopyCheck(
        share=share,
        expected_share=expected_share,
        p_value=p_value,
        flagged=p_value < SIGNIFICANCE and share > expected_share + LEAST_EXCESS,
        threshold=threshold,
        distances=distances,
        validation_distances=validation_distances,
        real_distances=real_distances,
        margin_mean=float(margin.mean()),
        margin_median=float(np.median(margin)),
        too_close=too_close,
        pairs=np.stack([order, closest[order]], axis=1),
        mirrored=mirrored[order],
        recoloured=(structural < colour / 2)[order],
    )


def _combined(distances: Nearest, units: tuple[float, float]) -> np.ndarray:
    return np.minimum(distances.structural / units[0], distances.colour / units[1])


def _runs(count: int, number: int) -> np.ndarray:
    """Indices of `number` out of `count`, in runs: single picks would be of far more groups than a split has."""
    length, left_out = number // RUNS, count // RUNS
    if length == 0:
        return np.arange(number)
    return np.concatenate([np.arange(run * left_out, run * left_out + length) for run in range(RUNS)])
