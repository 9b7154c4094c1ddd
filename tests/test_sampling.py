"""From a checkpoint to portraits."""

import json

import numpy as np
import pytest
from PIL import Image

from src.errors import InputError
from src.sampling import draw, load_artist, write_samples
from src.training.loop import train


@pytest.fixture(scope="module")
def artist(tmp_path_factory):
    from tests.conftest import SPECIFICATION, make_portraits

    folder = tmp_path_factory.mktemp("trained")
    images, labels = make_portraits(32)
    np.savez(
        folder / "portraits.npz",
        images=images,
        labels=labels,
        split=np.zeros(32, np.uint8),
        label_mappings=json.dumps(SPECIFICATION.to_mapping()),
        fingerprint="planted",
    )
    settings = {"batch_size": 8, "base_channels": 4, "latent_dim": 12, "kimg": 0.064}
    result = train(folder, folder / "out", "resnet_gan", "smoke", settings, say=lambda line: None)
    return load_artist(result.checkpoint)


def test_the_same_seed_and_labels_give_the_same_portrait_in_any_company(artist):
    wanted = {"gender": "feminine"}
    many = draw(artist, 21, seed=5, wanted=wanted)
    for index in (0, 7, 20):
        alone = draw(artist, 1, seed=5 + index, wanted=wanted)
        assert alone.labels[0] == many.labels[index]
        assert np.array_equal(alone.portraits[0], many.portraits[index])
    assert not np.array_equal(many.portraits[0], many.portraits[1])


def test_labels_asked_for_are_kept_and_the_others_drawn(artist):
    drawn = draw(artist, 40, wanted={"hero_class": "mage"})
    assert {labels["hero_class"] for labels in drawn.labels} == {"mage"}
    assert {labels["gender"] for labels in drawn.labels} == {"feminine", "masculine"}
    free = draw(artist, 40)
    assert [labels["palette"] for labels in free.labels] == [labels["palette"] for labels in drawn.labels]


def test_portraits_are_rgba_with_binary_alpha(artist):
    portraits = draw(artist, 3).portraits
    assert portraits.shape == (3, 16, 16, 4) and portraits.dtype == np.uint8
    assert set(np.unique(portraits[..., 3])) <= {0, 255}
    assert (portraits[portraits[..., 3] == 0] == 0).all()


def test_files_and_manifest(artist, tmp_path):
    drawn = draw(artist, 5, seed=2, wanted={"gender": "masculine", "hero_class": "bard", "palette": "warm"})
    grid = write_samples(drawn, tmp_path, artist)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert len(manifest) == 5 and grid.is_file()
    for index, (name, entry) in enumerate(manifest.items()):
        assert np.array_equal(np.asarray(Image.open(tmp_path / name)), drawn.portraits[index])
        assert entry["seed"] == 2 + index
        assert entry["labels"] == {"gender": "masculine", "hero_class": "bard", "palette": "warm"}
        assert len(entry["checkpoint"]) == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "at least 1"),
        ({"count": 1, "seed": -1}, "between 0"),
        ({"count": 1, "wanted": {"hero_class": "plumber"}}, "choose one of: bard, knight, mage"),
        ({"count": 1, "wanted": {"species": "orc"}}, "this data set has: gender, hero_class, palette"),
    ],
)
def test_bad_wishes_are_refused(artist, arguments, message):
    with pytest.raises(InputError, match=message):
        draw(artist, **arguments)
