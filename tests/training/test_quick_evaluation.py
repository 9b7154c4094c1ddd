"""Looking at samples while training: the best checkpoint, resuming, and that training does not notice."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from src.__main__ import main
from src.config import load_config
from src.data.packed import load_portraits
from src.evaluation.quick_metrics import quick_metrics
from src.families import FAMILIES
from src.sampling import load_model
from src.training.checkpoint import load_checkpoint
from src.training.grids import to_rgba
from src.training.log import read_metrics
from src.training.quick_evaluation import BEST_BY, QuickEvaluation, is_best
from src.training.run import train
from tests.same import assert_same

SMALL = {"batch_size": 8, "base_channels": 4, "latent_dim": 12, "embedding_dim": 4, "evaluate_kimg": 0.016}
# The format in which a checkpoint is sampled from: with that, samples of the run are compared.
SMALL["precision"] = "fp32"


def run(data_folder, out, kimg, evaluator, **values):
    settings = {**SMALL, "kimg": kimg, **values}
    return train(data_folder, out, "cdcgan", "smoke", settings, resume=True, log=lambda _: None, evaluator=evaluator)


def planted(*distances):
    """An evaluator that gives these distances one after the other, whatever it sees."""
    left = list(distances)
    return lambda samples, reals: {BEST_BY: left.pop(0)}


def seen(path):
    return load_checkpoint(path)["images_seen"]


def test_best_is_the_checkpoint_with_the_lowest_distance_and_survives_pruning(data_folder, tmp_path):
    run(data_folder, tmp_path, 0.08, planted(5.0, 2.0, 3.0, 2.0, 9.0), checkpoint_kimg=0.016, keep_checkpoints=1)
    folder = tmp_path / "checkpoints"
    assert seen(folder / "best.pt") == 32 and seen(folder / "latest.pt") == 80
    assert [row[BEST_BY] for row in read_metrics(tmp_path / "metrics.csv") if BEST_BY in row] == [5, 2, 3, 2, 9]
    assert not list(folder.glob(".*"))


def test_a_resumed_run_remembers_how_good_the_best_was(data_folder, tmp_path):
    run(data_folder, tmp_path, 0.032, planted(5.0, 2.0))
    run(data_folder, tmp_path, 0.064, planted(3.0, 2.5))
    assert seen(tmp_path / "checkpoints" / "best.pt") == 32
    run(data_folder, tmp_path, 0.08, planted(1.0))
    assert seen(tmp_path / "checkpoints" / "best.pt") == 80


def test_looking_changes_no_bit_of_training_and_asks_for_the_same_every_time(data_folder, tmp_path):
    shown = []

    def evaluator(samples, reals):
        torch.manual_seed(len(shown))  # whatever an evaluator does to torch's generators
        shown.append((samples, reals))
        return {BEST_BY: 1.0}

    run(data_folder, tmp_path / "with", 0.064, evaluator)
    run(data_folder, tmp_path / "without", 0.064, None)
    states = [load_checkpoint(tmp_path / name / "checkpoints" / "latest.pt") for name in ("with", "without")]
    assert_same(states[0], states[1])
    assert len(shown) == 4 and not (tmp_path / "without" / "checkpoints" / "best.pt").exists()
    portraits = load_portraits(data_folder)
    validation = {image.tobytes() for image in portraits.images[portraits.split == 1]}
    for samples, reals in shown:
        assert samples.shape == (12, 16, 16, 4) and {real.tobytes() for real in reals} == validation
        assert np.array_equal(reals, shown[0][1])

    # A second way to the last samples: the checkpoint's average, the same latents, the labels of those portraits.
    model = load_model(tmp_path / "with" / "checkpoints" / "latest.pt")
    labels = [portraits.labels[(portraits.images == real).all(axis=(1, 2, 3))][0] for real in reals]
    random = np.random.RandomState(0)
    random.permutation(12)
    latents = torch.from_numpy(random.standard_normal((12, 12)).astype(np.float32))
    again = to_rgba(model.family.sample(model.sampler, latents, torch.from_numpy(np.stack(labels))))
    assert np.abs(again.astype(int) - samples.astype(int)).max() <= 1


def test_resuming_with_the_real_evaluator_leaves_the_same_table(data_folder, tmp_path):
    run(data_folder, tmp_path / "whole", 0.064, quick_metrics)
    run(data_folder, tmp_path / "halves", 0.032, quick_metrics)
    run(data_folder, tmp_path / "halves", 0.064, quick_metrics)
    whole, halves = (read_metrics(tmp_path / name / "metrics.csv") for name in ("whole", "halves"))
    for name in (BEST_BY, "coverage"):
        looks = [[row[name] for row in rows if name in row] for rows in (whole, halves)]
        assert looks[0] == looks[1] and len(looks[0]) == 4
    a, b = (seen(tmp_path / name / "checkpoints" / "best.pt") for name in ("whole", "halves"))
    assert a == b


def test_without_an_interval_nobody_looks(data_folder, tmp_path):
    run(data_folder, tmp_path, 0.032, planted(), evaluate_kimg=0.0)
    assert not (tmp_path / "checkpoints" / "best.pt").exists()


def test_what_cannot_sample_is_not_looked_at_and_training_portraits_stand_in(data_folder):
    portraits = load_portraits(data_folder)
    portraits.split[:] = 0
    quick_evaluation = QuickEvaluation(planted(1.0), portraits, 5, 12, 0, torch.device("cpu"))
    assert len(quick_evaluation.reals) == 5

    class Mute:
        cannot_sample = "the prior is not trained yet"

    assert quick_evaluation.metrics(Mute(), None) == {}


@pytest.mark.parametrize(("distance", "best"), [(1.9, True), (2.0, False), (float("nan"), False)])
def test_only_what_is_lower_than_all_before_is_best(distance, best):
    earlier = [{"kimg": 1.0, BEST_BY: 3.0}, {"kimg": 2.0}, {"kimg": 3.0, BEST_BY: 2.0}]
    assert is_best({BEST_BY: distance}, earlier) is best
    assert not is_best({}, earlier)


def test_quick_metrics_know_reals_from_noise():
    random = np.random.RandomState(0)

    def heroes(count, shade):
        images = np.zeros((count, 16, 16, 4), np.uint8)
        for image in images:
            top, left = random.randint(2, 6, 2)
            image[top : top + 8, left : left + 8] = (*random.randint(*shade, 3), 255)
        return images

    reals, like, dark = heroes(64, (150, 256)), heroes(64, (150, 256)), heroes(64, (0, 60))
    good, bad = quick_metrics(like, reals), quick_metrics(dark, reals)
    assert abs(good["kid_random"]) < 0.05 * bad["kid_random"]
    assert good["coverage"] > 0.8 and bad["coverage"] < 0.2
    assert quick_metrics(reals, reals)["coverage"] == 1.0


def test_the_command_line_looks_by_itself_and_samples_from_the_best(data_folder, tmp_path):
    out = tmp_path / "out"
    common = ["--set", "evaluate_kimg=0.064", "--family", "cdcgan", "--profile", "smoke"]
    assert main(["train", "--data", str(data_folder), "--out", str(out), *common]) == 0
    with open(out / "metrics.csv", newline="", encoding="utf-8") as file:
        looks = [row["kimg"] for row in csv.DictReader(file) if row["kid_random"]]
    assert looks == ["0.064", "0.128"]
    best = out / "checkpoints" / "best.pt"
    assert main(["sample", "--checkpoint", str(best), "--out", str(tmp_path / "sampled"), "-n", "2"]) == 0
    with Image.open(tmp_path / "sampled" / "grid.png") as grid:
        assert grid.width > 16


def test_every_family_is_looked_at_seldom_enough():
    """At most once a checkpoint on the card, and no family samples for minutes."""
    for name in FAMILIES:
        card = load_config(name, "rtx2070")
        assert card.evaluate_kimg >= card.checkpoint_kimg, name
        smoke = load_config(name, "smoke")
        assert smoke.evaluate_kimg > smoke.kimg, name
