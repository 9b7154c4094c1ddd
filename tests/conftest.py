"""Small data for the tests: nothing here needs a file from outside the repository."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from src.device import NATIVE_BF16
from src.evaluation.report import Picture
from src.labels import LabelSpecification
from src.training.estimate import Estimate
from src.training.grids import grid_labels

# Of a hundred examples by default; others every time.
settings.register_profile("nightly", max_examples=2000, derandomize=False)

SPECIFICATION = LabelSpecification(
    {"gender": ("feminine", "masculine"), "hero_class": ("bard", "knight", "mage"), "palette": ("cool", "warm")}
)

LONGEST = (
    "test_notebook_contents.py",
    "test_family_contract.py",
    "test_distributed.py",
    "test_evaluate.py",
    "test_study.py",
    "test_compare.py",
    "test_loop.py",
)


def pytest_collection_modifyitems(items):
    """The longest files first: one that began last would keep a single process busy while the others wait."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))


@pytest.fixture(scope="session", autouse=True)
def temporary_folder(tmp_path_factory):
    """Where runs of the tests leave their locks: pytest removes it."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr("tempfile.tempdir", str(folder))
        yield


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


def shorten_runs(patch: pytest.MonkeyPatch) -> None:
    """No run takes steps to say how long it will be, and its grids have two rows."""
    for name in ("training.run", "experiments.runs"):
        patch.setattr(f"src.{name}.measure", lambda *_: Estimate(100.0, None))
    patch.setattr("src.training.report.grid_labels", lambda labels: grid_labels(labels)[:2])


@pytest.fixture(autouse=True)
def quick_runs():
    """`shorten_runs` for every test; `tests/training` looks at the estimate and the rows themselves."""
    with pytest.MonkeyPatch.context() as patch:
        shorten_runs(patch)
        yield


def shorten_evaluation(patch: pytest.MonkeyPatch) -> None:
    """Evaluators whose networks have hardly learned and whose spreads come from two halves; reports without plots."""
    for name, value in (
        ("label_classifier.IMAGES_SEEN", 64),
        ("evaluator.SCORE_IMAGES_SEEN", 64),
        ("distances.HALVES", 2),
        ("report_rows.TWO_SAMPLE_STEPS", 2),
        ("report_rows.TWO_SAMPLE_SEEDS", (0,)),
        ("two_sample_test.BOOTSTRAPS", 20),
        ("report.plotted", lambda figure, caption: Picture("", caption)),
    ):
        patch.setattr(f"src.evaluation.{name}", value)


@pytest.fixture
def quick_evaluation():
    """`shorten_evaluation` for one test."""
    with pytest.MonkeyPatch.context() as patch:
        shorten_evaluation(patch)
        yield


@pytest.fixture(scope="module")
def fp32():
    """`precision: auto` is fp32 on every CPU, in other processes too; tolerances are of that format."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NATIVE_BF16, "0")
        yield


@pytest.fixture(params=["0", "1"], ids=["fallback", "bf16"])
def either_format(request):
    """`precision: auto` becomes each of the two formats that this hardware can have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NATIVE_BF16, request.param)
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


def write_data(folder: Path) -> Path:
    """Make a data folder whose `portraits.npz` holds 48 random 16x16 portraits, a quarter of them for validation."""
    images, labels = make_portraits(48)
    folder.mkdir(exist_ok=True)
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


@pytest.fixture
def data_folder(tmp_path):
    return write_data(tmp_path / "data")


def stored_content(**changes: object) -> dict[str, object]:
    """What a checkpoint holds, of one small network."""
    weights = {"weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(3)}
    content = {
        "family": "vae",
        "profile": "smoke",
        "config": {"kimg": 0.1, "batch_size": 8, "mirror_data": False, "precision": "fp32"},
        "label_mappings": SPECIFICATION.to_mapping(),
        "data_fingerprint": "planted",
        "size": 16,
        "channels": 4,
        "intra_class_distance": 0.5,
        "images_seen": 64,
        "average": weights,
        "state": {"network": weights, "optimizer": {"state": {0: {"step": 8, "betas": (0.5, 0.9)}}}},
        "training_colours": {"colours": torch.zeros((1, 3), dtype=torch.uint8), "counts": torch.tensor([7])},
    }
    return {**content, **changes}


def with_optimizers(family):
    """The family, ready to train."""
    family.build_optimizers()
    return family
