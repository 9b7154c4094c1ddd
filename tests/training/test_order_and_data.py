"""Data order and the in-memory set."""

import numpy as np
import pytest
import torch

from src.data import packed
from src.data.packed import (
    TRAIN,
    VALIDATION,
    PackedPortraits,
    PortraitBatches,
    batch_indices,
    condition_names,
    intra_class_distance,
    load_portraits,
    to_signed,
)
from src.errors import InputError
from src.labels import LabelSpecification


def test_every_epoch_sees_every_portrait_once_and_in_its_own_order():
    stream = np.concatenate([batch_indices(seen, 8, 20, seed=3) for seen in range(0, 80, 8)])
    epochs = stream.reshape(4, 20)
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_batches_are_a_function_of_the_images_seen_and_the_seed():
    assert np.array_equal(batch_indices(40, 8, 20, 0), batch_indices(40, 8, 20, 0))
    assert not np.array_equal(batch_indices(40, 8, 20, 0), batch_indices(40, 8, 20, 1))


def test_splits_and_scaling(data_folder):
    portraits = load_portraits(data_folder)
    train = PortraitBatches(portraits, TRAIN, torch.device("cpu"))
    validation = PortraitBatches(portraits, VALIDATION, torch.device("cpu"))
    assert (len(train), len(validation)) == (36, 12)
    images, labels = train.batch(np.array([0, 5]))
    expected = portraits.images[portraits.split == 0][[0, 5]].astype(np.float32) / 127.5 - 1
    np.testing.assert_allclose(images.permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert labels.tolist() == portraits.labels[portraits.split == 0][[0, 5]].tolist()


def test_conditioning_on_some_attributes_drops_the_other_columns(data_folder):
    portraits = load_portraits(data_folder)
    fewer = portraits.conditioned_on(["palette", "gender"])
    assert fewer.specification.names == ("gender", "palette")
    assert np.array_equal(fewer.labels, portraits.labels[:, [0, 2]])
    assert condition_names("none", portraits.specification) == ()
    assert condition_names("all", portraits.specification) == ("gender", "hero_class", "palette")
    with pytest.raises(InputError, match="unknown attribute 'colour'"):
        portraits.conditioned_on(["colour"])


def test_a_set_without_attributes_is_read(data_folder):
    with np.load(data_folder / "portraits.npz") as packed:
        arrays = {**packed, "labels": packed["labels"][:, :0], "label_mappings": "{}"}
    np.savez(data_folder / "portraits.npz", **arrays)
    assert load_portraits(data_folder).labels.shape == (48, 0)


def test_missing_and_damaged_files_are_said_in_one_line(tmp_path):
    with pytest.raises(InputError, match="run `build`"):
        load_portraits(tmp_path)
    (tmp_path / "portraits.npz").write_bytes(b"PK nothing of the kind")
    with pytest.raises(InputError, match="damaged"):
        load_portraits(tmp_path)


@pytest.mark.parametrize("values_at_once", [1, 1 << 24])
def test_within_label_distance_on_planted_cells(values_at_once, monkeypatch):
    """Two cells; inside a cell two portraits differ by 51 of 255 everywhere, so by 0.4 in [-1, 1]."""
    images = np.zeros((4, 8, 8, 4), np.uint8)
    images[1], images[2], images[3] = 51, 200, 149
    monkeypatch.setattr(packed, "VALUES_AT_ONCE", values_at_once)
    portraits = PackedPortraits(
        images, np.array([[0], [0], [1], [1]]), np.zeros(4, np.uint8), LabelSpecification({"view": ("a", "b")}), ""
    )
    assert intra_class_distance(portraits) == pytest.approx(0.4, abs=1e-3)


def test_to_signed_spans_the_whole_range():
    images = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 2, 1).expand(1, 1, 2, 4)
    assert to_signed(images)[0, 0, 0].tolist() == [-1.0, 1.0]
