"""A set too large to hold is mapped, and trains to the same bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from src.data import packed as data
from src.data.packed import TRAIN, VALIDATION, PortraitBatches, load_portraits
from src.errors import InputError
from src.training.checkpoint import load_checkpoint
from src.training.run import train
from tests.conftest import make_portraits
from tests.same import assert_same

SETTINGS = {"batch_size": 8, "kimg": 0.032, "base_channels": 4, "latent_dim": 12, "precision": "fp32"}


@pytest.fixture
def mapped(monkeypatch):
    monkeypatch.setattr(data, "MAP_ABOVE", 0)


def unpacked(folder):
    return sorted(path.name for path in folder.glob("*.unpacked.npy"))


@pytest.mark.parametrize(("limit", "is_mapped"), [(48 * 16 * 16 * 4 - 1, True), (48 * 16 * 16 * 4 + 200, False)])
def test_the_unpacked_size_decides(data_folder, monkeypatch, limit, is_mapped):
    with np.load(data_folder / "portraits.npz") as packed:
        content = {**packed, "images": np.zeros((48, 16, 16, 4), np.uint8)}
    np.savez_compressed(data_folder / "portraits.npz", **content)
    assert (data_folder / "portraits.npz").stat().st_size < 10_000
    monkeypatch.setattr(data, "MAP_ABOVE", limit)
    assert isinstance(load_portraits(data_folder).images, np.memmap) == is_mapped


def test_batches_are_the_same_and_nothing_is_read_into_memory(data_folder, mapped, monkeypatch):
    portraits = load_portraits(data_folder)
    assert isinstance(portraits.images, np.memmap) and len(unpacked(data_folder)) == 1
    monkeypatch.setattr(data, "MAP_ABOVE", 1 << 40)
    held = load_portraits(data_folder)
    assert not isinstance(held.images, np.memmap)
    indices = np.array([5, 0, 5, 11])
    for split in (TRAIN, VALIDATION):
        one, other = (PortraitBatches(each, split, torch.device("cpu")) for each in (portraits, held))
        assert len(one) == len(other) and one.images is None
        assert_same(one.batch(indices), other.batch(indices))


def test_training_on_a_mapped_set_gives_the_same_bits(data_folder, tmp_path, monkeypatch):
    for name, limit in (("held", 1 << 40), ("mapped", 0)):
        monkeypatch.setattr(data, "MAP_ABOVE", limit)
        train(data_folder, tmp_path / name, "resnet_gan", "smoke", SETTINGS, log=lambda line: None)
    states = [load_checkpoint(tmp_path / name / "checkpoints" / "latest.pt") for name in ("held", "mapped")]
    assert_same(*states)
    lines = []
    settings = {"batch_size": 8, "kimg": 0.008}
    train(data_folder, tmp_path / "pyramid", "palette_pyramid", "smoke", settings, log=lines.append)
    assert any("recolouring is not learned" in line for line in lines)


def test_another_set_of_the_same_name_is_unpacked_anew(data_folder, mapped):
    load_portraits(data_folder)
    before = unpacked(data_folder)
    with np.load(data_folder / "portraits.npz") as packed:
        content = dict(packed)
    content["images"], content["fingerprint"] = make_portraits(48, seed=9)[0], np.array("another")
    np.savez_compressed(data_folder / "portraits.npz", **content)
    assert np.array_equal(load_portraits(data_folder).images, content["images"])
    assert len(unpacked(data_folder)) == 1 and unpacked(data_folder) != before


def test_a_damaged_file_is_refused_as_ever(data_folder, mapped):
    path = data_folder / "portraits.npz"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="is damaged"):
        load_portraits(data_folder)
    assert not unpacked(data_folder)


def test_an_unpacked_file_that_was_cut_short_is_unpacked_again(data_folder, mapped):
    images = np.array(load_portraits(data_folder).images)
    [name] = unpacked(data_folder)
    (data_folder / name).write_bytes((data_folder / name).read_bytes()[:5000])
    assert np.array_equal(load_portraits(data_folder).images, images)
