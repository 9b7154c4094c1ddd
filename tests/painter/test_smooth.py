"""The heroes as smooth art."""

import numpy as np
from PIL import Image

from src.data.smooth import fit_smooth, is_smooth
from src.painter import paint_set
from src.painter.smooth import scale2x, smooth_picture


def test_scale2x_rounds_a_step_and_keeps_colours_and_flat_areas():
    picture = np.zeros((3, 3, 4), np.uint8)
    picture[1:, :2] = picture[2, :] = (200, 10, 10, 255)
    enlarged = scale2x(picture)
    assert enlarged.shape == (6, 6, 4)
    assert set(map(tuple, enlarged.reshape(-1, 4))) == {(0, 0, 0, 0), (200, 10, 10, 255)}
    plain = picture.repeat(2, axis=0).repeat(2, axis=1)
    assert 0 < (enlarged != plain).any(axis=-1).sum() <= 4  # corners alone
    assert (scale2x(plain)[2:-2, 2:-2] == plain.repeat(2, axis=0).repeat(2, axis=1)[2:-2, 2:-2]).mean() > 0.9


def test_a_painted_set_is_smooth_labelled_and_the_same_every_time(tmp_path):
    for name in ("a", "b"):
        assert paint_set(tmp_path / name, 2, seed=3, smooth=True).read_text().startswith("filename,gender")
    first, again = (sorted((tmp_path / name).glob("*.png")) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    pictures = [np.asarray(Image.open(path)) for path in first]
    assert [picture.shape for picture in pictures] == [(256, 256, 3)] * 2
    assert is_smooth(np.stack([fit_smooth(picture, 64) for picture in pictures]))


def test_the_backdrop_follows_the_generator():
    empty = np.zeros((8, 8, 4), np.uint8)
    one, other = (smooth_picture(empty, np.random.default_rng(seed)) for seed in (0, 1))
    assert one.shape == (32, 32, 3) and (one != other).any() and one.std(axis=(0, 1)).max() > 0
