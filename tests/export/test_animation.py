"""GIF and APNG read back frame by frame; training's grids in order."""

import numpy as np
import pytest
from PIL import Image

from src.errors import InputError
from src.export.animation import enlarged, training_grids, write_apng, write_gif
from tests.conftest import make_portraits
from tests.export.art import few_colours, visible


def frames_of(path):
    with Image.open(path) as animation:
        frames = []
        for number in range(animation.n_frames):
            animation.seek(number)
            frames.append((visible(animation), animation.info["duration"]))
        return frames, animation.info["loop"]


@pytest.mark.parametrize("write", [write_gif, write_apng])
def test_frames_read_back_with_their_transparency(tmp_path, write):
    images = few_colours(5)
    images[1], images[2, 4:] = 0, images[3, 4:]  # nothing to see; mostly like the next one
    write(tmp_path / "a", [enlarged(image, 2) for image in images], 120)
    frames, loop = frames_of(tmp_path / "a")
    assert loop == 0 and [duration for _, duration in frames] == [120] * 5
    for (frame, _), image in zip(frames, images, strict=True):
        assert np.array_equal(frame, enlarged(image, 2))


def test_a_gif_frame_of_too_many_colours_keeps_its_shape_and_about_its_colours(tmp_path):
    images, _ = make_portraits(2, size=32)
    write_gif(tmp_path / "a.gif", images, 100)
    for (frame, _), image in zip(frames_of(tmp_path / "a.gif")[0], images, strict=True):
        assert np.array_equal(frame[..., 3], image[..., 3])
        assert 0 < np.abs(frame.astype(int) - image).mean() < 12


def test_grids_of_training_come_in_the_order_of_training(tmp_path):
    names = ["fakes_init.png", "fakes_000005.png", "fakes_000005_120.png", "fakes_000100.png", "fakes_1000000.png"]
    for value, name in enumerate([*names, "reals.png", "fakes_000005 (copy).png"]):
        (tmp_path / "samples").mkdir(exist_ok=True)
        Image.new("RGB", (8, 4 if name in names else 5), (value, 0, 0)).save(tmp_path / "samples" / name)
    for folder in (tmp_path, tmp_path / "samples"):
        assert [grid[0, 0, 0] for grid in training_grids(folder)] == [0, 1, 2, 3, 4]
    Image.new("RGB", (9, 4)).save(tmp_path / "samples" / "fakes_init.png")
    with pytest.raises(InputError, match=r"fakes_init\.png is of another size"):
        training_grids(tmp_path)
    with pytest.raises(InputError, match="holds 0 grids"):
        training_grids(tmp_path / "nowhere")
