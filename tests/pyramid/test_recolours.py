"""Recolours of one silhouette are found, with the colours that belong to each entry."""

import numpy as np
import torch

from src.pyramid.maps import index_portraits
from src.pyramid.recolours import MOST_PAIRS, find_recolours

K = 5


def painted(structure, palette):
    return np.asarray(palette, np.uint8)[structure]


def found_in(images):
    portraits = (torch.from_numpy(images).float() / 127.5 - 1).permute(0, 3, 1, 2)
    entries = index_portraits(portraits, K).entries.numpy().astype(np.uint8)
    return entries, find_recolours(images, entries, K)


def structures(count, seed=0):
    random = np.random.RandomState(seed)
    return [random.randint(0, 4, (16, 16)) for _ in range(count)]


def palette(seed):
    random = np.random.RandomState(seed)
    return np.vstack([[0, 0, 0, 0], np.insert(random.randint(1, 256, (3, 3)), 3, 255, axis=1)])


def test_pairs_are_found_both_ways_and_carry_the_other_colours():
    one, other = structures(2)
    images = np.stack([painted(one, palette(1)), painted(other, palette(2)), painted(one, palette(3))])
    entries, found = found_in(images)
    assert sorted(zip(found.first, found.second, strict=True)) == [(0, 2), (2, 0)]
    for first, second, colours in zip(*found, strict=True):
        recoloured = np.vstack([[0, 0, 0], colours])[entries[first]]
        visible = images[second][..., 3] > 0
        assert (recoloured[visible] == images[second][visible][:, :3]).all()


def test_another_drawing_in_the_same_outline_is_no_recolour():
    one, other = structures(2)
    other = np.where(one > 0, np.maximum(other, 1), 0)
    _, found = found_in(np.stack([painted(one, palette(1)), painted(other, palette(2))]))
    assert len(found.first) == 0 and found.colours.shape == (0, K, 3)


def test_a_portrait_has_a_bounded_number_of_partners():
    (one,) = structures(1)
    _, found = found_in(np.stack([painted(one, palette(seed)) for seed in range(25)]))
    assert len(found.first) == 25 * MOST_PAIRS
    assert (np.bincount(found.second) == MOST_PAIRS).all()
