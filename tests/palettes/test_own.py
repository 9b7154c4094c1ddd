"""Snapping each portrait to its own colours."""

import numpy as np

from src.palettes.own import clean_alpha, snap_to_own_colours, without_specks

RED, BLUE, DARK = (200, 40, 40, 255), (40, 40, 200, 255), (20, 10, 20, 255)


def square(colour: tuple[int, ...] = RED) -> np.ndarray:
    portrait = np.zeros((16, 16, 4), np.uint8)
    portrait[4:12, 4:12] = colour
    return portrait


def test_noisy_shades_become_the_few_colours_under_them() -> None:
    noise = np.random.default_rng(0).integers(-3, 4, (2, 16, 16, 3))
    portraits = np.stack([square(), square(BLUE)])
    portraits[:, 4:12, 8:12] = DARK
    noisy = portraits.copy()
    visible = portraits[..., 3] > 0
    noisy[..., :3][visible] = (portraits[..., :3] + noise).clip(0, 255)[visible]
    snapped = snap_to_own_colours(noisy, 2)
    for before, after in zip(portraits, snapped, strict=True):
        assert len(np.unique(after[after[..., 3] > 0], axis=0)) == 2
        assert np.abs(after[..., :3].astype(int) - before[..., :3])[before[..., 3] > 0].max() <= 7
    assert (snapped[0] != snapped[1]).any()  # the colours are each portrait's own
    assert (snapped[..., 3] == portraits[..., 3]).all()


def test_few_colours_stay_exact() -> None:
    portrait = square()
    portrait[6, 6] = DARK  # an eye
    assert (snap_to_own_colours(portrait[None], 31)[0] == portrait).all()


def test_islands_go_and_holes_close() -> None:
    portrait = square()
    portrait[0, 0] = portrait[0, 1] = BLUE
    portrait[8, 8] = 0
    assert (clean_alpha(portrait) == square()).all()
    larger = square()
    larger[0, :4] = BLUE  # four pixels may be the tip of a staff
    assert (clean_alpha(larger) == larger).all()


def test_an_empty_portrait_stays_empty() -> None:
    empty = np.zeros((1, 16, 16, 4), np.uint8)
    assert (snap_to_own_colours(empty, 4) == empty).all()


def test_a_speck_of_nearly_the_colour_around_goes_and_an_eye_stays() -> None:
    portrait = square()
    portrait[6, 6], portrait[9, 9] = (210, 45, 45, 255), DARK
    expected = square()
    expected[9, 9] = DARK
    assert (without_specks(portrait) == expected).all()
