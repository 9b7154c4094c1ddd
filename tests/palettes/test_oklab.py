import math

import numpy as np
import pytest

from src.palettes.oklab import oklab_to_srgb, srgb_to_cielab, srgb_to_oklab, temperature


def test_oklab_of_known_colours():
    # Published by Ottosson (2020) to four digits for the primaries.
    colours = np.array([[255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]], np.uint8)
    expected = [[1, 0, 0], [0.6280, 0.2249, 0.1258], [0.8664, -0.2339, 0.1795], [0.4520, -0.0325, -0.3115], [0, 0, 0]]
    assert np.allclose(srgb_to_oklab(colours), expected, atol=1e-4)


def test_oklab_and_back_is_the_same_colour():
    colours = np.random.RandomState(0).randint(0, 256, (500, 3)).astype(np.uint8)
    assert (oklab_to_srgb(srgb_to_oklab(colours)) == colours).all()
    assert oklab_to_srgb(np.array([1.5, 0, 0])).tolist() == [255] * 3


def test_cielab_of_known_colours():
    colours = np.array([[255, 255, 255], [255, 0, 0], [0, 0, 255], [119, 119, 119]], np.uint8)
    expected = [[100, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86], [50.03, 0, 0]]
    assert np.allclose(srgb_to_cielab(colours), expected, atol=0.02)


def test_temperature_is_the_published_formula():
    red_chroma, red_hue = math.hypot(80.09, 67.20), math.atan2(67.20, 80.09)
    expected = -0.5 + 0.02 * red_chroma**1.07 * math.cos(red_hue - math.radians(50))
    assert temperature(np.array([255, 0, 0], np.uint8)) == pytest.approx(expected, abs=1e-3)
    assert temperature(np.array([128, 128, 128], np.uint8)) == pytest.approx(-0.5, abs=1e-3)
