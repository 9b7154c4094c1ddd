"""Fewer colours: the least visible go first, none is invented."""

import numpy as np

from src.palettes.oklab import srgb_to_oklab
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


def test_colours_go_one_by_one_in_the_order_of_what_they_cost():
    """The rule, worked out anew at every step; among colours as near as these, ties are common."""
    colours = np.random.RandomState(1).randint(0, 6, (60, 3)).astype(np.uint8) * 5
    colours = np.unique(colours, axis=0)
    pixels = np.random.RandomState(2).randint(1, 4, len(colours))
    image = np.concatenate([colours.repeat(pixels, axis=0), np.full((pixels.sum(), 1), 255, np.uint8)], axis=1)
    lab, weight = srgb_to_oklab(colours), dict(enumerate(pixels.astype(float)))
    while len(weight) > 7:
        distance = {one: {other: ((lab[one] - lab[other]) ** 2).sum() for other in weight} for one in weight}
        heir = {one: min((other for other in weight if other != one), key=distance[one].get) for one in weight}
        goes = min(weight, key=lambda one: weight[one] * distance[one][heir[one]])
        weight[heir[goes]] += weight[goes]
        del weight[goes]
    reduced, _ = reduce_colours(image[None, None], 7)
    assert np.array_equal(np.unique(reduced[0, 0, :, :3], axis=0), colours[sorted(weight)])
