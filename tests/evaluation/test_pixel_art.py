"""Pixel-art measures: values by hand, and planted faults that each measure must see."""

import numpy as np
import pytest

from src.evaluation.pixel_art import colours_of, distribution_distance, measure_pixel_art

DARK, RED, GREEN = (10, 10, 10, 255), (200, 40, 40, 255), (40, 180, 60, 255)


def filled(size=4, colour=RED):
    return np.full((size, size, 4), colour, np.uint8)


def figure():
    """16x16: a red square of 8x8 with a dark outline of one pixel, in the middle."""
    image = np.zeros((16, 16, 4), np.uint8)
    image[3:13, 3:13] = DARK
    image[4:12, 4:12] = RED
    return image


def measured(image, palette=None):
    return {name: values[0] for name, values in measure_pixel_art(image[None], palette).items()}


def test_one_flat_colour():
    values = measured(filled())
    assert values == {"colours": 1, "partial_alpha": 0, "orphans": 0, "flat": 1, "blur": 0, "outline": 0}


def test_an_orphan_is_one_pixel_of_sixteen():
    image = filled()
    image[1, 1] = GREEN
    values = measured(image)
    assert values["orphans"] == 1 / 16
    assert values["colours"] == 2
    assert values["flat"] == 20 / 24  # of 24 pairs, the orphan's four differ
    image[1, 2] = GREEN
    assert measured(image)["orphans"] == 0


def test_soft_steps_are_blur_and_strong_ones_are_not():
    soft, strong = filled(), filled()
    soft[:, 2:, 0] += 6
    strong[:, 2:] = GREEN
    assert measured(soft)["blur"] == 4 / 24
    assert measured(strong)["blur"] == 0


def test_a_blurred_figure_is_softer_less_flat_and_of_more_colours():
    image = filled(16)
    image[4:12, 4:12] = GREEN
    padded = np.pad(image.astype(float), ((3, 3), (3, 3), (0, 0)), mode="edge")
    blurred = np.mean([padded[r : r + 16, c : c + 16] for r in range(7) for c in range(7)], axis=0).astype(np.uint8)
    before, after = measured(image), measured(blurred)
    assert after["blur"] > before["blur"] + 0.1
    assert after["flat"] < before["flat"]
    assert after["colours"] > before["colours"]


def test_the_outline_is_the_dark_share_of_the_rim():
    image = figure()
    assert measured(image)["outline"] == 1
    image[3, 3:13] = RED  # 10 of the 36 pixels of the rim
    assert measured(image)["outline"] == pytest.approx(26 / 36)
    bust = np.zeros((8, 8, 4), np.uint8)
    bust[4:] = RED
    bust[4] = DARK
    assert measured(bust)["outline"] == 1  # cut off by the border, it has no rim there


def test_partial_alpha_is_measured_and_then_made_binary():
    image = figure()
    image[3, 3:13, 3] = 200
    image[12, 3:13, 3] = 50
    values = measured(image)
    assert values["partial_alpha"] == 20 / 100
    assert values["colours"] == 2


def test_off_palette_by_hand():
    palette = colours_of(figure()[None])
    assert palette.tolist() == [[10, 10, 10], [200, 40, 40]]
    image = figure()
    assert measured(image, palette)["off_palette"] == 0
    image[5, 5:10] = GREEN
    image[6, 5:10, 0] += 1  # no other red than the palette's
    assert measured(image, palette)["off_palette"] == 5 / 100


def test_a_portrait_is_measured_the_same_among_others_and_an_empty_one_is_all_zero():
    images = np.stack([figure(), np.zeros_like(figure()), filled(16)])
    together = measure_pixel_art(images, colours_of(images))
    for index, image in enumerate(images):
        alone = measured(image, colours_of(images))
        assert {name: values[index] for name, values in together.items()} == alone
    assert all(values[1] == 0 for values in together.values())


def test_the_distance_of_distributions_by_hand():
    assert distribution_distance(np.array([1.0, 2, 3, 4]), np.array([3.0, 4, 5, 6])) == 0.5
    assert distribution_distance(np.arange(4.0), np.arange(4.0)) == 0
