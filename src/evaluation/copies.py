"""Does a model draw, or recite? Samples that are training portraits again, also mirrored, recoloured or shifted.

Two distances tell how near two portraits are. The *structural* one compares where colours change, whatever the colours
are: 1 - |A and B| / |A or B| (Jaccard) of the maps of colour edges, under the best shift of up to two pixels. The
*colour* one is the mean difference of premultiplied pixels under that shift. Each is divided by what is usual between
a validation portrait and its nearest training portrait, and the smaller counts.

Validation portraits were never trained on, so their own distances to the training set say what is normal (compare
Meehan, Chaudhuri and Dasgupta, "A non-parametric test to detect data-copying in generative models", 2020). A sample is
*too close* where it is far nearer to the training set than they usually are, and clearly nearer than to the held-out
set. The second condition spares blurred samples, which are near to everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from src.errors import InputError
from src.images import over_background, tile
from src.palettes.oklab import srgb_to_oklab

EDGE_DISTANCE = 0.06
"""Neighbouring pixels further apart than this in OKLab have a colour edge between them."""

CELLS = 16
"""Candidates are found on a grid of that many cells a side, then compared in full."""

CANDIDATES = 3
"""Compared in full: so many by structure and so many by colour, for the sample and for its mirror image."""

SHIFT = 2
"""A copy may be moved by up to so many pixels either way."""

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
_BLOCK = 128


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
        held_out_distances: float64 [N], of each sample to the nearest held-out portrait.
        real_distances: float64 [M], of each held-out portrait to the nearest training portrait.
        margin_mean: of distance to held-out less distance to as many training portraits; about 0 for a model that
            learned what all portraits share, above it for one that leans on those it saw.
        margin_median: likewise.
        too_close: bool [N].
        pairs: int64 [N, 2], sample and its nearest training portrait, the closest pair first.
        mirrored: bool [N], in the order of `pairs`: the sample's mirror image is nearer.
        recoloured: bool [N], in the order of `pairs`: alike in structure far more than in colour.
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
    def real_distance_median(self) -> float:
        """Of validation portraits to the nearest training portrait; 1 or a little less by the choice of units."""
        return float(np.median(self.real_distances))


@dataclass(frozen=True)
class _Library:
    """Portraits ready to be compared with."""

    pixels: np.ndarray  # uint8 [N, H, W, 4]
    edges: np.ndarray  # uint64 [N, words], packed bits
    edge_counts: np.ndarray  # int64 [N]
    structure: np.ndarray  # float32 [N, D] of length 1
    colours: np.ndarray  # float32 [N, D]

    def subset(self, chosen: np.ndarray) -> _Library:
        return _Library(
            self.pixels[chosen],
            self.edges[chosen],
            self.edge_counts[chosen],
            self.structure[chosen],
            self.colours[chosen],
        )


@dataclass(frozen=True)
class _Nearest:
    """For each query [N]: the nearest by structure and by colour, and which portraits they are."""

    structural: np.ndarray
    structural_index: np.ndarray
    colour: np.ndarray
    colour_index: np.ndarray
    structural_mirrored: np.ndarray
    colour_mirrored: np.ndarray


def check_copies(samples: np.ndarray, train: np.ndarray, validation: np.ndarray) -> CopyCheck:
    """Look for training portraits among samples.

    Args:
        samples: uint8 [N, H, W, 4], binary alpha.
        train: uint8 [T, H, W, 4], what the model was trained on; portraits of one group next to each other, if any.
        held_out: uint8 [M, H, W, 4], portraits of groups that were never trained on.

    Raises:
        InputError: no samples, training or validation portraits, or sizes that differ.
    """
    from scipy.stats import binomtest

    for name, images in (("samples", samples), ("training portraits", train), ("validation portraits", validation)):
        if not len(images):
            raise InputError(f"there are no {name}; the copy check needs some of each")
        if images.shape[1:] != train.shape[1:]:
            raise InputError(f"the {name} are of another size than the training portraits; sample at the same size")
    library, validation_library = _library(train), _library(validation)
    reals = _nearest(validation, library)
    # Were the median 0, because most reals have an exact twin, there would be no unit; a tiny one keeps 0 at 0.
    units = max(float(np.median(reals.structural)), 1e-3), max(float(np.median(reals.colour)), 1e-4)

    to_train = _nearest(samples, library)
    real_distances, distances = _combined(reals, units), _combined(to_train, units)
    validation_distances = _combined(_nearest(samples, validation_library), units)
    as_many = library.subset(_runs(len(train), min(len(train), len(validation))))
    margin = validation_distances - _combined(_nearest(samples, as_many), units)

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
    nearest = np.where(by_structure, to_train.structural_index, to_train.colour_index)
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
        pairs=np.stack([order, nearest[order]], axis=1),
        mirrored=mirrored[order],
        recoloured=(structural < colour / 2)[order],
    )


def picture_of_pairs(check: CopyCheck, samples: np.ndarray, train: np.ndarray, count: int = 32) -> np.ndarray:
    """The closest pairs: each sample with its nearest training portrait to its right, four pairs a row, on grey.

    Returns:
        uint8 [H, W, 3].
    """
    pairs = check.pairs[:count]
    side_by_side = np.stack([samples[pairs[:, 0]], train[pairs[:, 1]]], axis=1).reshape(-1, *samples.shape[1:])
    return tile(over_background(side_by_side), columns=8, gap=2, scale=2)


def _combined(nearest: _Nearest, units: tuple[float, float]) -> np.ndarray:
    return np.minimum(nearest.structural / units[0], nearest.colour / units[1])


def _runs(count: int, wanted: int) -> np.ndarray:
    """Indices of `wanted` out of `count`, in runs: single picks would be of far more groups than a split has."""
    length, left_out = wanted // RUNS, count // RUNS
    if length == 0:
        return np.arange(wanted)
    return np.concatenate([np.arange(run * left_out, run * left_out + length) for run in range(RUNS)])


@lru_cache(maxsize=1)
def _oklab_table() -> np.ndarray:
    """OKLab of sRGB with five bits a channel, float32 [32768, 3]: near enough to say whether two colours differ."""
    steps = np.arange(32)
    rgb = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    return srgb_to_oklab((rgb << 3 | rgb >> 2).astype(np.uint8)).astype(np.float32)


def edge_maps(images: np.ndarray) -> np.ndarray:
    """Where a pixel differs from its left and from its upper neighbour: bool [N, 2, H, W]; beyond the border too."""
    code = (images[..., :3] >> 3).astype(np.int32)
    oklab = _oklab_table()[code[..., 0] << 10 | code[..., 1] << 5 | code[..., 2]]
    # Transparency is a colour that is far from every other.
    oklab[..., 0] = np.where(images[..., 3] > 0, oklab[..., 0], 2.0)
    maps = np.zeros((len(images), 2, *images.shape[1:3]), bool)
    maps[:, 0, :, 1:] = ((oklab[:, :, 1:] - oklab[:, :, :-1]) ** 2).sum(axis=-1) > EDGE_DISTANCE**2
    maps[:, 1, 1:] = ((oklab[:, 1:] - oklab[:, :-1]) ** 2).sum(axis=-1) > EDGE_DISTANCE**2
    return maps


def _packed(maps: np.ndarray) -> np.ndarray:
    """Bool [N, 2, H, W] -> uint64 [N, words], padded with zeros."""
    octets = np.packbits(maps.reshape(len(maps), -1), axis=1)
    return np.ascontiguousarray(np.pad(octets, ((0, 0), (0, -octets.shape[1] % 8)))).view(np.uint64)


def _count_bits(words: np.ndarray) -> np.ndarray:
    """The number of ones in the last axis of uint64 [..., words], int64 [...]."""
    if hasattr(np, "bitwise_count"):  # from NumPy 2.0 on
        return np.bitwise_count(words).sum(axis=-1, dtype=np.int64)
    ones_of_octet = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)
    return ones_of_octet[words.view(np.uint8)].sum(axis=-1, dtype=np.int64)


def _cell_means(values: np.ndarray) -> np.ndarray:
    """[N, C, H, W] -> float32 [N, C * cells * cells]; sides need not divide evenly."""
    height, width = values.shape[2:]
    rows, columns = (np.linspace(0, side, min(CELLS, side) + 1).astype(int)[:-1] for side in (height, width))
    sums = np.add.reduceat(np.add.reduceat(values, rows, axis=2, dtype=np.float32), columns, axis=3)
    return (sums * (len(rows) * len(columns) / (height * width))).reshape(len(values), -1)


def _library(images: np.ndarray) -> _Library:
    parts = [_library_block(images[start : start + 512]) for start in range(0, len(images), 512)]
    edges, counts, structure, colours = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Library(images, edges, counts, structure, colours)


def _library_block(images: np.ndarray) -> tuple[np.ndarray, ...]:
    maps = edge_maps(images)
    structure = _cell_means(maps)
    structure -= structure.mean(axis=1, keepdims=True)
    structure /= np.linalg.norm(structure, axis=1, keepdims=True).clip(1e-9)
    colours = _cell_means(images.transpose(0, 3, 1, 2)) / 255
    return _packed(maps), maps.sum(axis=(1, 2, 3)), structure, colours


def _nearest(queries: np.ndarray, library: _Library) -> _Nearest:
    """The nearest portraits of the library, plain or mirrored."""
    blocks = [queries[start : start + _BLOCK] for start in range(0, len(queries), _BLOCK)]
    parts = []
    for block in blocks:
        plain = _nearest_as_they_are(block, library)
        mirrored = _nearest_as_they_are(np.ascontiguousarray(block[:, :, ::-1]), library)
        by_structure, by_colour = mirrored[0] < plain[0], mirrored[2] < plain[2]
        chosen = [
            np.where(better, ours, theirs)
            for better, ours, theirs in zip(
                (by_structure, by_structure, by_colour, by_colour), mirrored, plain, strict=True
            )
        ]
        parts.append((*chosen, by_structure, by_colour))
    return _Nearest(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _nearest_as_they_are(queries: np.ndarray, library: _Library) -> tuple[np.ndarray, ...]:
    """Structural distance and index, colour distance and index, each [N]."""
    maps = edge_maps(queries)
    ours = _library(queries)
    candidates = np.concatenate(
        [
            _highest(ours.structure @ library.structure.T),
            _highest(2 * ours.colours @ library.colours.T - (library.colours**2).sum(axis=1)),
        ],
        axis=1,
    )
    theirs, their_counts = library.edges[candidates], library.edge_counts[candidates]
    structural = np.full(candidates.shape, np.inf)
    best_shift = np.zeros((*candidates.shape, 2), np.int64)
    for down in range(-SHIFT, SHIFT + 1):
        for right in range(-SHIFT, SHIFT + 1):
            moved = _moved(maps, down, right)
            shared = _count_bits(_packed(moved)[:, None] & theirs)
            # Edges that the shift pushes out of the picture still count as not shared.
            union = ours.edge_counts[:, None] + their_counts - shared
            distance = 1 - shared / np.maximum(union, 1)
            better = distance < structural
            structural[better] = distance[better]
            best_shift[better] = (down, right)
    colour = np.empty(candidates.shape)
    for (row, column), index in np.ndenumerate(candidates):
        moved_query = _moved(queries[row].transpose(2, 0, 1), *best_shift[row, column]).transpose(1, 2, 0)
        # The difference of uint8 without going through wider numbers: one of the two saturating differences is 0.
        other = library.pixels[index]
        colour[row, column] = (np.maximum(moved_query, other) - np.minimum(moved_query, other)).mean() / 255
    rows = np.arange(len(queries))
    by_structure, by_colour = structural.argmin(axis=1), colour.argmin(axis=1)
    return (
        structural[rows, by_structure],
        candidates[rows, by_structure],
        colour[rows, by_colour],
        candidates[rows, by_colour],
    )


def _highest(similarity: np.ndarray) -> np.ndarray:
    """The columns of the highest values of each row, [N, at most `CANDIDATES`]."""
    count = min(CANDIDATES, similarity.shape[1])
    return np.argpartition(-similarity, count - 1, axis=1)[:, :count]


def _moved(values: np.ndarray, down: int, right: int) -> np.ndarray:
    """[..., H, W] moved by whole pixels; what comes in is 0."""
    height, width = values.shape[-2:]
    moved = np.zeros_like(values)
    moved[..., max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = values[
        ..., max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)
    ]
    return moved
