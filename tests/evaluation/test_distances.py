"""Against formulas, against the libraries and on cases whose answer is known."""

import numpy as np
import pytest
import torch
from torch import nn

from src.evaluation.distances import (
    NEIGHBOURS,
    colour_distance,
    colour_histogram,
    compare,
    distances_between,
    frechet_distance,
    halves,
    kernel_distances,
    precision_recall_density_coverage,
    squared_kernel_distance,
)
from tests.conftest import make_portraits


def clouds(count=300, dimensions=6, shift=0.4):
    random = np.random.RandomState(0)
    mix = random.standard_normal((dimensions, dimensions))
    reference = random.standard_normal((count, dimensions)) @ mix
    vectors = random.standard_normal((count, dimensions)) @ mix * 1.2 + shift
    return vectors, reference


class AsTheyAre(nn.Module):
    """Gives torchmetrics vectors instead of pictures."""

    num_features = 6

    def forward(self, vectors):
        return vectors


def test_frechet_of_two_gaussians_is_the_formula():
    """In one dimension: (m1 - m2)^2 + (s1 - s2)^2."""
    vectors = np.array([[-1.0], [1.0]]) * 3 / np.sqrt(2) + 5
    reference = np.array([[-1.0], [1.0]]) / np.sqrt(2)
    assert frechet_distance(vectors, reference) == pytest.approx(25 + 4)


def test_frechet_agrees_with_scipy_and_is_nought_for_equal_sets():
    from scipy.linalg import sqrtm

    vectors, reference = clouds()
    one, other = (np.cov(rows, rowvar=False) for rows in (vectors, reference))
    shift = vectors.mean(axis=0) - reference.mean(axis=0)
    expected = shift @ shift + np.trace(one + other - 2 * sqrtm(one @ other).real)
    assert frechet_distance(vectors, reference) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(reference, reference) == pytest.approx(0, abs=1e-6)


def test_frechet_agrees_with_torchmetrics():
    image = pytest.importorskip("torchmetrics.image.fid")
    vectors, reference = clouds()
    library = image.FrechetInceptionDistance(feature=AsTheyAre(), input_img_size=(6,)).set_dtype(torch.float64)
    library.update(torch.from_numpy(reference), real=True)
    library.update(torch.from_numpy(vectors), real=False)
    assert frechet_distance(vectors, reference) == pytest.approx(library.compute().item(), rel=1e-6)


def test_kernel_distance_agrees_with_torchmetrics():
    """On one subset that holds all the vectors there is no luck in it."""
    image = pytest.importorskip("torchmetrics.image.kid")
    vectors, reference = clouds()
    library = image.KernelInceptionDistance(feature=AsTheyAre(), subsets=1, subset_size=len(vectors))
    library.update(torch.from_numpy(reference), real=True)
    library.update(torch.from_numpy(vectors), real=False)
    assert squared_kernel_distance(vectors, reference) == pytest.approx(library.compute()[0].item(), rel=1e-5)


def test_the_mean_over_subsets_is_nought_for_sets_of_one_origin():
    random = np.random.RandomState(1)
    vectors, reference = random.standard_normal((2, 1500, 5))
    near = kernel_distances(vectors, reference)
    far = kernel_distances(vectors + 0.5, reference)
    assert abs(near.mean()) < 3 * near.std() < far.mean()


def test_neighbourhood_measures_by_hand():
    """Ten reals on a line, one apart: every ball reaches five steps at the ends, three in the middle."""
    reference = np.arange(10.0)[:, None]
    far = np.full((10, 1), 1000.0) + np.arange(10.0)[:, None]
    same = precision_recall_density_coverage(reference, reference)
    assert same["precision"] == same["recall"] == same["coverage"] == 1
    assert NEIGHBOURS == 5
    nothing = precision_recall_density_coverage(far, reference)
    assert list(nothing.values()) == [0, 0, 0, 0]
    # Six samples on 0: balls around 0 (5), 1 (4), 2 (3) and 3 (3) reach it, four of ten; a manifold of radius 0.
    spot = precision_recall_density_coverage(np.zeros((6, 1)), reference)
    assert spot == {"precision": 1.0, "recall": 0.1, "density": 4 / 5, "coverage": 0.4}


def test_neighbourhood_measures_agree_with_a_plain_second_implementation():
    from sklearn.neighbors import NearestNeighbors

    vectors, reference = clouds(count=200)
    ours = precision_recall_density_coverage(vectors, reference)

    def radii(rows):
        return NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(rows).kneighbors(rows)[0][:, -1]

    between = np.linalg.norm(vectors[:, None] - reference[None], axis=-1)
    assert between == pytest.approx(distances_between(vectors, reference), abs=1e-6)
    inside = between <= radii(reference)[None]
    assert ours["precision"] == inside.any(axis=1).mean() and ours["coverage"] == inside.any(axis=0).mean()
    assert ours["density"] == pytest.approx(inside.sum() / (NEIGHBOURS * len(vectors)))
    assert ours["recall"] == (between <= radii(vectors)[:, None]).any(axis=0).mean()


def test_colour_distance_is_nought_for_the_same_colours_elsewhere_and_one_for_others():
    images = make_portraits(6)[0]
    moved = images[:, ::-1, ::-1]
    histograms = colour_histogram(images)
    assert histograms.sum(axis=1) == pytest.approx(1, abs=1e-4)
    assert colour_distance(colour_histogram(moved), histograms) == pytest.approx(0, abs=1e-3)
    red, blue = (np.tile(np.uint8(colour), (2, 4, 4, 1)) for colour in ((255, 0, 0, 255), (0, 0, 255, 255)))
    assert colour_distance(colour_histogram(red), colour_histogram(blue)) == pytest.approx(1)
    nothing = colour_histogram(np.zeros((1, 4, 4, 4), np.uint8))
    assert nothing.sum() == 0
    assert [colour_distance(nothing, other) for other in (histograms, nothing)] == [1, 0]


def test_halves_cut_no_group():
    groups = np.repeat(np.arange(11), 3)
    for half in halves(33, groups):
        assert len(half) == 18
        assert all(np.isin(groups, group)[half].sum() in (0, 3) for group in range(11))
    assert all(len(half) == len(set(half)) == 5 for half in halves(10))


def test_the_spread_is_a_standard_error():
    """Of the mean difference of normal numbers: the Fréchet distance's spread, against many fresh draws."""
    random = np.random.RandomState(2)
    reference = random.standard_normal((400, 2))
    sampled = [random.standard_normal((400, 2)) + 1 for _ in range(40)]
    true = np.std([frechet_distance(rows, reference) for rows in sampled])
    spreads = [
        compare(rows, reference, halves(400, seed=seed))["frechet"].spread for seed, rows in enumerate(sampled[:8])
    ]
    assert np.mean(spreads) == pytest.approx(true, rel=0.4)
