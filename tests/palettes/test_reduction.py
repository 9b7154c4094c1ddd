"""Fewer colours: the least visible go first, none is invented."""

import numpy as np

from src.palettes.reduction import reduce_colours, reduce_palette


def test_portraits_with_few_enough_colours_are_the_same_array():
    images = np.full((2, 4, 4, 4), 255, np.uint8)
    reduced, count = reduce_colours(images, 1)
    assert reduced is images and count == 0


def test_a_shade_goes_before_a_far_colour_of_one_pixel():
    image = np.full((8, 8, 4), 255, np.uint8)
    image[..., :3] = (200, 40, 40)
    image[:2, :, :3] = (203, 42, 40)  # sixteen pixels of nearly the same red
    image[7, 7, :3] = (255, 255, 255)  # one highlight
    reduced, count = reduce_colours(np.stack([image, image]), 2)
    assert count == 2
    colours = {tuple(colour) for colour in reduced[0].reshape(-1, 4)[:, :3].tolist()}
    assert colours == {(200, 40, 40), (255, 255, 255)}
    assert (reduced[0, :2, :, 0] == 200).all() and (image[:2, :, 0] == 203).all()


def test_random_portraits_keep_alpha_and_invent_nothing():
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (3, 12, 12, 4)).astype(np.uint8)
    images[..., 3] = np.where(random.rand(3, 12, 12) < 0.5, 255, 0)
    images[images[..., 3] == 0] = 0
    reduced, count = reduce_colours(images, 9)
    assert count == 3 and (reduced[..., 3] == images[..., 3]).all()
    for before, after in zip(images, reduced, strict=True):
        old, new = ({tuple(c) for c in each[each[..., 3] > 0][:, :3].tolist()} for each in (before, after))
        assert len(new) == 9 and new <= old


def test_a_reduced_palette_is_a_part_of_it_and_spreads():
    ramp = np.stack([np.arange(0, 256, 4)] * 3, axis=1).astype(np.uint8)
    reduced = reduce_palette(ramp, 8)
    assert len(reduced) == 8 and {tuple(c) for c in reduced.tolist()} <= {tuple(c) for c in ramp.tolist()}
    assert np.ptp(reduced[:, 0].astype(int)) > 180
    assert reduce_palette(ramp, 64) is ramp
