"""Small data for the tests: nothing here needs a file from outside the repository."""

import json

import numpy as np
import pytest
import torch

from src.device import NATIVE_BF16
from src.labels import LabelSpecification

SPECIFICATION = LabelSpecification(
    {"gender": ("feminine", "masculine"), "hero_class": ("bard", "knight", "mage"), "palette": ("cool", "warm")}
)


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def fp32():
    """`precision: auto` is fp32 on every CPU, in other processes too; tolerances are of that format."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NATIVE_BF16, "0")
        yield


@pytest.fixture
def specification() -> LabelSpecification:
    return SPECIFICATION


def make_portraits(count: int, size: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random blobs: images uint8 [count, size, size, 4] with binary alpha, labels int64 [count, 3]."""
    random = np.random.RandomState(seed)
    images = random.randint(0, 256, (count, size, size, 4)).astype(np.uint8)
    images[..., 3] = np.where(random.rand(count, size, size) < 0.6, 255, 0)
    images[..., :3] *= images[..., 3:] > 0
    labels = np.stack([random.randint(0, n, count) for n in SPECIFICATION.sizes], axis=1).astype(np.int64)
    return images, labels


@pytest.fixture
def data_folder(tmp_path):
    """A data folder whose `portraits.npz` holds 48 random 16x16 portraits, a quarter of them held out."""
    images, labels = make_portraits(48)
    folder = tmp_path / "data"
    folder.mkdir()
    np.savez(
        folder / "portraits.npz",
        images=images,
        labels=labels,
        split=(np.arange(48) % 4 == 0).astype(np.uint8),
        filenames=np.array([f"{index:02d}.png" for index in range(48)]),
        group_ids=np.array([f"g{index // 2:02d}" for index in range(48)]),
        label_mappings=json.dumps(SPECIFICATION.to_mapping()),
        fingerprint="planted",
    )
    return folder


def with_optimizers(family):
    """The family, ready to train."""
    family.build_optimizers()
    return family
