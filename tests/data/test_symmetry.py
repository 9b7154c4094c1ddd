"""Whether a set looks the same in a mirror."""

import numpy as np
import pytest

from src.data.symmetry import is_symmetric, mirror_p_value

NONE = np.zeros((400, 0), np.int64)


def figures(count: int, left_share: float, seed: int = 0) -> np.ndarray:
    """Bodies of random colours with a mark on one side; in that share of them on the left."""
    random = np.random.RandomState(seed)
    images = np.zeros((count, 16, 16, 4), np.uint8)
    images[:, 2:14, 5:11] = np.append(random.randint(0, 256, (count, 1, 1, 3)), np.full((count, 1, 1, 1), 255), axis=3)
    for image, left in zip(images, random.rand(count) < left_share, strict=True):
        image[4:8, slice(2, 4) if left else slice(12, 14)] = (200, 30, 30, 255)
    return images


def test_one_sided_sets_are_found_out():
    assert mirror_p_value(figures(200, 1.0), NONE) == pytest.approx(1 / 200)
    assert not is_symmetric(figures(400, 0.7), NONE)


def test_a_label_that_names_the_side_makes_a_set_one_sided():
    images = np.concatenate([figures(150, 1.0), figures(150, 0.0, 1)])
    side = np.repeat([0, 1], 150)[:, None]
    other = np.random.RandomState(0).randint(0, 5, (300, 1))
    assert is_symmetric(images, NONE) and is_symmetric(images, other)
    assert mirror_p_value(images, np.hstack([other, side])) == pytest.approx(2 / 200)


def test_symmetric_sets_pass_as_often_as_the_level_says():
    """Under the hypothesis p values are uniform: of 40 sets two are expected below 0.05, eight would be a fault."""
    labels = np.random.RandomState(0).randint(0, 4, (100, 2))
    assert sum(not is_symmetric(figures(100, 0.5, seed), NONE) for seed in range(40)) < 8
    assert sum(not is_symmetric(figures(100, 0.5, seed), labels) for seed in range(40)) < 8


def test_mirror_images_of_themselves_and_tiny_sets_are_symmetric():
    one = figures(1, 1.0)
    whole = np.repeat(np.maximum(one, one[:, :, ::-1]), 30, axis=0)
    assert (whole == whole[:, :, ::-1]).all() and is_symmetric(whole, NONE)
    assert is_symmetric(figures(2, 1.0), NONE)
    assert is_symmetric(np.zeros((30, 20, 20, 4), np.uint8), NONE)
