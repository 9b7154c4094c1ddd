import numpy as np
import pytest

from src.palettes import category
from src.palettes.category import PaletteMeasures


def portrait(*areas: tuple[tuple[int, int, int], int]) -> np.ndarray:
    """A 64x64 portrait, its first rows filled with colours: (colour, rows) each; the rest is background."""
    image = np.zeros((64, 64, 4), np.uint8)
    top = 0
    for colour, rows in areas:
        image[top : top + rows] = (*colour, 255)
        top += rows
    return image


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((0, 0, 255), "cool"),
        ((40, 150, 90), "cool"),
        ((130, 60, 220), "cool"),
        ((220, 30, 30), "warm"),
        ((255, 140, 0), "warm"),
        ((240, 200, 40), "warm"),
        ((30, 20, 60), "dark"),
        ((50, 10, 10), "dark"),
        ((128, 128, 130), "neutral"),
        ((240, 240, 240), "neutral"),
        ((110, 130, 150), "neutral"),
        ((100, 130, 160), "muted"),
    ],
)
def test_the_rule_on_single_colours(colour, expected):
    assert category.palette_category(category.measure(portrait((colour, 40)))) == expected


def test_the_background_does_not_count():
    image = portrait(((220, 30, 30), 10))
    hidden = image.copy()
    hidden[10:, :, 2] = 255  # blue under transparent pixels
    assert category.measure(hidden) == category.measure(image)


def test_a_dark_outline_does_not_count_but_a_dark_hero_does():
    red, outline = (220, 60, 50), (20, 15, 18)
    plain, outlined = (category.measure(portrait(*areas)) for areas in ([(red, 40)], [(red, 40), (outline, 15)]))
    assert (outlined.lightness, outlined.chroma, outlined.temperature) == pytest.approx(
        (plain.lightness, plain.chroma, plain.temperature)
    )
    assert category.palette_category(category.measure(portrait((red, 10), (outline, 40)))) == "dark"


def test_skin_does_not_make_a_blue_hero_warm():
    skin, blue = (225, 170, 130), (90, 120, 180)
    assert category.palette_category(category.measure(portrait((skin, 40), (blue, 10)))) == "cool"


def test_a_small_bright_gem_does_not_outweigh_a_cloak():
    assert category.palette_category(category.measure(portrait(((255, 0, 0), 8), ((90, 120, 180), 40)))) == "cool"


def test_the_order_of_the_rule_is_dark_neutral_muted_then_temperature():
    def decide(lightness, chroma, temperature):
        return category.palette_category(PaletteMeasures(lightness, chroma, temperature))

    assert decide(0.41, 0.2, 1) == "dark"
    assert decide(0.43, 0.03, 1) == "neutral"
    assert decide(0.43, 0.05, 1) == "muted"
    assert decide(0.43, 0.08, 0.01) == "warm"
    assert decide(0.43, 0.08, -0.01) == "cool"


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        (PaletteMeasures(0.6, 0.15, 1.0), False),
        (PaletteMeasures(0.43, 0.15, 1.0), True),
        (PaletteMeasures(0.6, 0.071, 1.0), True),
        (PaletteMeasures(0.6, 0.15, -0.05), True),
        (PaletteMeasures(0.6, 0.02, -0.05), False),  # neutral whatever its temperature
        (PaletteMeasures(0.2, 0.071, 0.0), False),  # dark whatever the rest
    ],
)
def test_a_portrait_is_ambiguous_near_a_threshold_that_decides(measures, expected):
    assert category.is_ambiguous(measures) is expected


def test_many_portraits_measure_as_each_alone():
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 4), dtype=np.uint8)
    images[4] = 0
    together = category.measure(images)
    for index, image in enumerate(images):
        alone = category.measure(image)
        assert (together.lightness[index], together.chroma[index], together.temperature[index]) == (
            alone.lightness,
            alone.chroma,
            alone.temperature,
        )
    assert category.palette_category(together).tolist() == [
        category.palette_category(category.measure(image)) for image in images
    ]
    assert category.is_ambiguous(together).shape == (5,)


def test_weighted_quantiles():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0])
    assert category.weighted_quantile(values, weights, 0.5) == 2.0
    assert category.weighted_quantile(values, weights, 0.25) == 1.0
    assert category.weighted_quantile(values, weights, 0.76) == 3.0


def test_dominant_colours_are_distinct_and_the_most_used_first():
    blue, almost_blue, red, outline = (60, 100, 200), (61, 101, 201), (220, 30, 30), (10, 10, 10)
    image = portrait((red, 20), (blue, 15), (almost_blue, 14), (outline, 10))
    assert category.dominant_colours(image, count=8).tolist() == [list(red), list(blue)]
    assert category.dominant_colours(image, count=1).tolist() == [list(red)]


def test_swatches_keep_categories_apart():
    blue, red = (60, 100, 200), (220, 30, 30)
    images = np.stack([portrait((blue, 20)), portrait((red, 20))])
    shown = category.swatches(images, category.palette_category(category.measure(images)))
    assert {name: colours.tolist() for name, colours in shown.items()} == {"cool": [list(blue)], "warm": [list(red)]}
