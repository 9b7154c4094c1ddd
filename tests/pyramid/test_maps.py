"""Palettes and maps are exact, and the coarse ones hold the commonest entry."""

from collections import Counter

import numpy as np
import pytest
import torch

from src.palettes.oklab import srgb_to_oklab
from src.pyramid.maps import index_portraits, majority_maps, map_sides, oklab, paint
from src.pyramid.turns import FIRST_TURNS, TURNS, together, turns_of_pixels

COLOURS = 7


def portraits(count=3, size=16, colours=COLOURS, seed=0):
    """Random portraits [N, 4, S, S] in [-1, 1] of so many colours each; a third is transparent."""
    random = np.random.RandomState(seed)
    images = np.zeros((count, size, size, 4), np.uint8)
    for image in images:
        palette = random.randint(0, 256, (colours, 3))
        image[..., :3] = palette[random.randint(colours, size=(size, size))]
        image[..., 3] = np.where(random.rand(size, size) < 0.66, 255, 0)
        image[image[..., 3] == 0] = 0
    return (torch.from_numpy(images).float() / 127.5 - 1).permute(0, 3, 1, 2)


@pytest.mark.parametrize("size", [16, 20, 64])
def test_a_portrait_comes_back_to_the_bit(size):
    given = portraits(size=size)
    indexed = index_portraits(given, COLOURS)
    assert torch.equal(paint(indexed.entries, indexed.colours, size), given)
    assert indexed.entries.max() <= COLOURS and torch.equal(indexed.entries == 0, given[:, 3] < 0)


def test_entries_rise_in_lightness_and_each_is_one_colour():
    indexed = index_portraits(portraits(), COLOURS)
    for colours, used in zip(indexed.colours.numpy(), indexed.used.numpy(), strict=True):
        lightness = srgb_to_oklab(colours[used])[:, 0]
        assert (np.diff(lightness) >= -1e-6).all()
        assert len(np.unique(colours[used], axis=0)) == used.sum() == COLOURS


def test_oklab_is_that_of_numpy():
    colours = np.random.RandomState(0).randint(0, 256, (50, 3))
    np.testing.assert_allclose(oklab(torch.from_numpy(colours)).numpy(), srgb_to_oklab(colours), atol=2e-5)


def test_too_many_colours_share_entries():
    indexed = index_portraits(portraits(colours=40), COLOURS)
    assert indexed.entries.max() == COLOURS and indexed.used.all()


def test_a_portrait_without_a_visible_pixel_has_no_colours():
    indexed = index_portraits(torch.full((1, 4, 16, 16), -1.0), COLOURS)
    assert not indexed.used.any() and not indexed.entries.any()


@pytest.mark.parametrize(
    ("size", "sides"),
    [(64, [8, 16, 32, 64]), (32, [8, 16, 32]), (16, [8, 16]), (20, [5, 10, 20]), (33, [5, 10, 20, 40])],
)
def test_sides_halve_down_to_eight_or_less(size, sides):
    assert map_sides(size) == sides


def test_a_coarse_pixel_is_the_commonest_entry_of_its_block_and_the_darkest_of_equals():
    entries = torch.from_numpy(np.random.RandomState(1).randint(0, 4, (2, 20, 20)))
    maps = majority_maps(entries, 3, map_sides(20))
    assert torch.equal(maps[-1], entries)
    for coarse in maps[:-1]:
        side = coarse.shape[1]
        block = 20 // side
        for number in range(2):
            for row in range(side):
                for column in range(side):
                    part = entries[
                        number, row * block : (row + 1) * block, column * block : (column + 1) * block
                    ].flatten()
                    counts = Counter(part.tolist())
                    most = max(counts.values())
                    ties = [entry for entry, count in counts.items() if count == most]
                    expected = min((entry for entry in ties if entry), default=0)
                    assert coarse[number, row, column] == expected


def test_turns_visit_every_pixel_of_a_block_once_and_far_apart():
    order = turns_of_pixels(10)
    assert order.shape == (10, 10)
    assert sorted(order[:4, :4].flatten().tolist()) == list(range(TURNS))
    rows, columns = (order == 3).nonzero(as_tuple=True)
    assert set(rows.diff().tolist()) <= {0, 4} and set(columns.sort()[0].diff().tolist()) <= {0, 4}


@pytest.mark.parametrize("passes", FIRST_TURNS)
def test_passes_cover_all_turns_in_order(passes):
    spans = together(passes)
    assert len(spans) == passes
    assert [turn for first, last in spans for turn in range(first, last + 1)] == list(range(TURNS))
