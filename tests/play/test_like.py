"""From a picture: as the training portraits are prepared, then its colours and coarse map kept."""

import json

import numpy as np
import pytest
from PIL import Image

from src.errors import InputError
from src.play.like import like_picture, read_picture
from src.sampling import write_samples
from tests.play.models import heroes, tiny


@pytest.fixture(scope="module")
def model():
    return tiny("palette_pyramid")


@pytest.fixture
def picture(tmp_path):
    """A thumbnail of 8x8, enlarged by ten."""
    thumbnail = heroes(1).portraits[0, :8, :8]
    Image.fromarray(thumbnail.repeat(10, axis=0).repeat(10, axis=1)).save(tmp_path / "thumbnail.png")
    return tmp_path / "thumbnail.png"


def test_a_picture_is_prepared_as_the_training_portraits_are(picture):
    expected = heroes(1).portraits[0, :8, :8].repeat(2, axis=0).repeat(2, axis=1)
    assert (read_picture(picture, 16) == expected).all()


def test_its_colours_stay_and_labels_are_those_given(model, picture, tmp_path):
    written = like_picture(model, picture, None, {"gender": "feminine"}, 2, 4)
    assert written.labels == ({"gender": "feminine"},) * 2 and written.seeds == (4, 5)
    own = {tuple(colour) for colour in np.asarray(Image.open(picture)).reshape(-1, 4).tolist()}
    assert {tuple(colour) for colour in written.portraits.reshape(-1, 4).tolist()} <= own
    write_samples(written, tmp_path / "out", model)
    entries = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert len(entries) == 2
    assert all(entry["like"] == "thumbnail.png" and entry["from"] == 8 for entry in entries.values())


def test_another_palette_at_full_size_moves_no_pixel(model, picture):
    written = like_picture(model, picture, 16, {"palette": "cool"}, 2)
    assert (written.portraits[..., 3] == read_picture(picture, 16)[..., 3]).all()
    assert not (written.portraits[0] == written.portraits[1]).all()


def test_a_gan_finds_the_latent_and_goes_on_from_it(picture, monkeypatch):
    monkeypatch.setattr("src.play.latents.STEPS", 3)
    monkeypatch.setattr("src.play.latents.STARTS", 8)
    written = like_picture(tiny("resnet_gan", base_channels=4, latent_dim=12), picture, count=3)
    assert len(np.unique(written.portraits.reshape(3, -1), axis=0)) == 3
    assert written.origins == ({"like": "thumbnail.png"},) * 3


@pytest.mark.parametrize(
    ("name", "side", "requested", "message"),
    [
        ("thumbnail.png", 16, {}, "--from 16 keeps every pixel; name the --palette"),
        ("thumbnail.png", 5, {}, "one of the sides 8, 16, not 5"),
        ("thumbnail.png", 8, {"gender": "other"}, "choose one of: feminine, masculine"),
        ("missing.png", 8, {}, "there is no picture .*missing.png"),
        ("empty.png", 8, {}, "empty.png: "),
    ],
)
def test_what_is_no_picture_or_no_side_is_one_line(model, picture, name, side, requested, message):
    (picture.parent / "empty.png").touch()
    with pytest.raises(InputError, match=message):
        like_picture(model, picture.parent / name, side, requested)


def test_a_gan_has_no_sides(picture):
    with pytest.raises(InputError, match="leave --from out"):
        like_picture(tiny("resnet_gan", base_channels=4, latent_dim=12), picture, 8)
