"""The loop: exact resume, interruption, divergence, files, refusals."""

import csv
import importlib.util
import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from src.errors import InputError, TrainingDiverged
from src.gan.conditional_gan import ConditionalGAN
from src.palettes.snap import cluster_palette, colour_table
from src.training import log as training_log
from src.training.checkpoint import load_checkpoint
from src.training.distributed import Processes
from src.training.estimate import measure
from src.training.grids import COLUMNS
from src.training.interrupt import StopRequest
from src.training.log import read_metrics
from src.training.run import train
from src.zoo.vqvae import VQVAE
from tests.same import assert_same

SMALL = {"batch_size": 8, "base_channels": 4, "latent_dim": 12, "embedding_dim": 4, "log_kimg": 0.016}


def run(data_folder, out, kimg, resume=False, family="resnet_gan", **values):
    lines = []
    result = train(
        data_folder, out, family, "smoke", {**SMALL, "kimg": kimg, **values}, resume=resume, log=lines.append
    )
    return result, lines


@pytest.mark.usefixtures("either_format")
def test_resuming_with_lazy_penalties_gives_the_same_bits_as_going_on(data_folder, tmp_path):
    """The contract test holds every family to this with its smoke profile; here R1 falls on both sides."""
    settings = {"r1_gamma": 1.0, "r1_interval": 2}
    run(data_folder, tmp_path / "whole", 0.048, **settings)
    run(data_folder, tmp_path / "halves", 0.024, **settings)
    run(data_folder, tmp_path / "halves", 0.048, resume=True, family=None)
    whole, halves = (load_checkpoint(tmp_path / name / "checkpoints" / "latest.pt") for name in ("whole", "halves"))
    assert whole["images_seen"] == 48
    assert_same(whole, halves)


def test_another_seed_gives_another_run(data_folder, tmp_path):
    run(data_folder, tmp_path / "a", 0.016)
    run(data_folder, tmp_path / "b", 0.016, seed=1)
    a, b = (load_checkpoint(tmp_path / name / "checkpoints" / "latest.pt")["average"] for name in "ab")
    assert any(not torch.equal(a[name], b[name]) for name in a)


def test_epochs_are_passes_over_the_training_portraits(data_folder, tmp_path):
    settings = {**SMALL, "epochs": 2}
    result = train(data_folder, tmp_path, "resnet_gan", "smoke", settings, log=lambda line: None)
    assert result.images_seen == 72  # of 36
    assert json.loads((tmp_path / "config.json").read_text())["config"]["kimg"] == 0.072
    result, _ = run(data_folder, tmp_path, 0.08, resume=True, family=None)
    assert result.images_seen == 80
    (tmp_path / "longer.yaml").write_text("kimg: 0.096")
    train(data_folder, tmp_path / "b", "resnet_gan", "smoke", settings, log=lambda line: None)
    file = {"resume": True, "settings": tmp_path / "longer.yaml"}
    assert train(data_folder, tmp_path / "b", log=lambda line: None, **file).images_seen == 96
    with pytest.raises(InputError, match="not both"):
        run(data_folder, tmp_path, 0.08, epochs=2)


@pytest.mark.usefixtures("either_format")
def test_what_a_run_leaves_behind(data_folder, tmp_path):
    out = tmp_path / "out"
    result, lines = run(data_folder, out, 0.064, sample_kimg=0.032, checkpoint_kimg=0.032)
    assert result.images_seen == 64 and not result.interrupted
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    events = {name for name in names if name.startswith("tensorboard/events.")}
    assert len(events) == (importlib.util.find_spec("tensorboard") is not None)
    assert names - events == {
        "config.json",
        "metrics.csv",
        "samples/reals.png",
        "samples/fakes_init.png",
        "samples/fakes_000000_032.png",
        "samples/fakes_000000_064.png",
        "checkpoints/000000.pt",
        "checkpoints/latest.pt",
    }
    config = json.loads((out / "config.json").read_text())
    assert config["family"] == "resnet_gan" and config["config"]["kimg"] == 0.064
    with open(out / "metrics.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["kimg"]) for row in rows] == [0.016, 0.032, 0.048, 0.064]
    expected = {
        "loss_discriminator",
        "loss_generator",
        "logit_real",
        "logit_fake",
        "logit_validation",
        "r1",
        "diversity",
    }
    assert expected <= set(rows[0])
    announced = "\n".join(lines)
    assert "36 portraits to train on, 12 for validation" in announced and "images a second" in announced
    assert lines[-1].startswith("saved to ") and ".pt; the grids are in" in lines[-1]


def test_a_likelihood_is_measured_with_every_grid_on_the_same_portraits(data_folder, tmp_path):
    settings = {"kimg": 0.064, "sample_kimg": 0.032, "log_kimg": 0.016, "bits_count": 6, "precision": "fp32"}
    lines = []
    train(data_folder, tmp_path, "palette_pyramid", "smoke", settings, log=lines.append)
    with open(tmp_path / "metrics.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    measured = [row for row in rows if row["bits_validation"]]
    assert [float(row["kimg"]) for row in measured] == [0.032, 0.064]
    for name in ("bits", "bits_palette", "bits_8", "bits_16"):
        first, last = (float(row[f"{name}_train"]) for row in measured)
        assert last < first and float(measured[-1][f"{name}_validation"]) > 0
    # Random portraits have a colour a pixel; the family learns from seven.
    assert lines[0] == "48 of 48 portraits had more than 7 colours and were reduced"


def test_a_fresh_run_moves_the_earlier_one_out_of_the_way(data_folder, tmp_path):
    out = tmp_path / "out"
    run(data_folder, out, 0.016)
    before = (out / "checkpoints" / "latest.pt").read_bytes()
    _, lines = run(data_folder, out, 0.016, seed=5)
    assert (out / "earlier_runs" / "001" / "checkpoints" / "latest.pt").read_bytes() == before
    assert load_checkpoint(out / "checkpoints" / "latest.pt")["config"]["seed"] == 5
    assert any("moved to" in line for line in lines)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupt_finishes_the_step_saves_and_can_be_resumed_exactly(data_folder, tmp_path, monkeypatch, name):
    if not hasattr(signal, name):
        pytest.skip("not on this system")
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)  # under `nohup` it is ignored
    run(data_folder, tmp_path / "whole", 0.064)
    original = ConditionalGAN.train_step

    def interrupt_in_the_middle(self, reals, labels, images_seen):
        if images_seen == 40:
            signal.raise_signal(number)
        return original(self, reals, labels, images_seen)

    monkeypatch.setattr(ConditionalGAN, "train_step", interrupt_in_the_middle)
    out = tmp_path / "stopped"
    result, lines = run(data_folder, out, 0.064)
    monkeypatch.undo()
    signal.signal(number, before)
    assert result.interrupted and result.images_seen == 48
    assert any("interrupted" in line for line in lines)
    run(data_folder, out, 0.064, resume=True)
    assert_same(
        load_checkpoint(tmp_path / "whole" / "checkpoints" / "latest.pt"),
        load_checkpoint(out / "checkpoints/latest.pt"),
    )


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="not on this system")
def test_under_nohup_a_closed_terminal_stops_nothing():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as request:
            signal.raise_signal(signal.SIGHUP)
        assert not request.stopped
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    "failure, error, message",
    [
        (OSError(28, "No space left on device"), OSError, "No space left"),
        (BrokenPipeError(), InputError, "nobody reads .* saved to .*; go on with --resume"),
    ],
)
def test_a_report_that_cannot_be_written_saves_first(data_folder, tmp_path, failure, error, message):
    """A full disk, or a reader of the log who is gone; before the first step that is no matter."""

    def full(line):
        if "0.05 / " in line or "left" not in line:
            raise failure

    settings = {**SMALL, "kimg": 0.064, "checkpoint_kimg": 100.0}
    with pytest.raises(error, match=message):
        train(data_folder, tmp_path, "resnet_gan", "smoke", settings, log=full)
    assert load_checkpoint(tmp_path / "checkpoints" / "latest.pt")["images_seen"] == 48


def test_minutes_end_with_a_save_and_can_be_resumed_exactly(data_folder, tmp_path):
    def train_on(out, resume, **length):
        values = {**SMALL, "kimg": length.pop("kimg")} if "kimg" in length else SMALL
        lines = []
        train(data_folder, tmp_path / out, "resnet_gan", "smoke", values, resume, lines.append, **length)
        return lines, load_checkpoint(tmp_path / out / "checkpoints" / "latest.pt")

    for resume in (False, True):  # a step each, however short the time
        lines, content = train_on("timed", resume, minutes=1e-9)
        record = json.loads((tmp_path / "timed" / "config.json").read_text())
        assert content["images_seen"] == 1000 * record["config"]["kimg"] == 8 * (1 + resume)
        assert any("the time is up at 0.0" in line and "resume to go on" in line for line in lines)
        assert (tmp_path / "timed" / "samples" / f"fakes_000000_{8 * (1 + resume):03d}.png").is_file()
    whole = train_on("whole", False, kimg=0.016)[1]
    assert content["config"].pop("kimg") != whole["config"].pop("kimg")
    assert_same(content, whole)
    with pytest.raises(InputError, match="not both"):
        train_on("timed", True, minutes=1.0, kimg=3.0)


def test_a_setting_may_be_named_as_before(data_folder, tmp_path):
    _, lines = run(data_folder, tmp_path, 0.008, variety_weight="0.5")
    assert "variety_weight is now called diversity_weight" in lines
    assert json.loads((tmp_path / "config.json").read_text())["config"]["diversity_weight"] == 0.5


def test_a_batch_that_no_memory_holds_is_refused_before_anything_moves(data_folder, tmp_path, monkeypatch):
    run(data_folder, tmp_path, 0.008)
    monkeypatch.setattr("src.training.run.measure", measure)
    for resume in (False, True):
        with pytest.raises(InputError, match=r"batches of 100,000,000 portraits need .* lower --set batch_size"):
            run(data_folder, tmp_path, 10**9, resume=resume, batch_size=10**8)
    assert not (tmp_path / "earlier_runs").exists()


def test_metrics_of_a_run_without_a_checkpoint_are_kept(data_folder, tmp_path):
    (tmp_path / "metrics.csv").write_text("kimg,loss\n0.5,1.25\n")
    run(data_folder, tmp_path, 0.008)
    assert (tmp_path / "earlier_runs" / "001" / "metrics.csv").read_text() == "kimg,loss\n0.5,1.25\n"


def test_divergence_stops_the_run_and_keeps_the_last_good_checkpoint(data_folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run(data_folder, out, 0.032)
    good = (out / "checkpoints" / "latest.pt").read_bytes()
    original = ConditionalGAN.train_step

    def poisoned(self, reals, labels, images_seen):
        scalars = original(self, reals, labels, images_seen)
        return {**scalars, "loss_generator": scalars["loss_generator"] * float("nan")}

    monkeypatch.setattr(ConditionalGAN, "train_step", poisoned)
    with pytest.raises(TrainingDiverged, match=r"loss_generator.*last good checkpoint"):
        run(data_folder, out, 0.064, resume=True, checkpoint_kimg=0.008)
    assert (out / "checkpoints" / "latest.pt").read_bytes() == good


def test_weights_that_are_not_finite_are_never_saved(data_folder, tmp_path, monkeypatch):
    original = ConditionalGAN.train_step

    def poisoned(self, reals, labels, images_seen):
        scalars = original(self, reals, labels, images_seen)
        with torch.no_grad():
            self.generator.first.weight[0, 0] = float("inf")
        return scalars

    monkeypatch.setattr(ConditionalGAN, "train_step", poisoned)
    with pytest.raises(TrainingDiverged, match="there is no checkpoint yet"):
        run(data_folder, tmp_path / "out", 0.032)
    assert not list((tmp_path / "out").glob("checkpoints/*.pt"))


def test_resuming_refuses_what_does_not_fit(data_folder, tmp_path):
    out = tmp_path / "out"
    run(data_folder, out, 0.016)
    with pytest.raises(InputError, match="seed 0"):
        run(data_folder, out, 0.032, resume=True, seed=1)
    with pytest.raises(InputError, match=r"trains 'resnet_gan'"):
        run(data_folder, out, 0.032, resume=True, family="cdcgan")
    with pytest.raises(InputError, match="does not fit"):
        run(data_folder, out, 0.032, resume=True, base_channels=8)
    packed = dict(np.load(data_folder / "portraits.npz"))
    np.savez(data_folder / "portraits.npz", **{**packed, "fingerprint": "another"})
    with pytest.raises(InputError, match="other data"):
        run(data_folder, out, 0.032, resume=True)


def test_naming_the_same_seed_as_text_resumes(data_folder, tmp_path):
    """`--set seed=0` gives the seed as text."""
    run(data_folder, tmp_path / "out", 0.016)
    result, _ = run(data_folder, tmp_path / "out", 0.032, resume=True, seed="0")
    assert result.images_seen == 32


def test_a_change_on_resume_is_announced(data_folder, tmp_path):
    run(data_folder, tmp_path / "out", 0.016)
    _, lines = run(data_folder, tmp_path / "out", 0.032, resume=True, r1_gamma=3.0)
    assert any("r1_gamma: 1.0 -> 3.0" in line for line in lines)


def test_a_table_that_another_program_holds_open_ends_no_run(data_folder, tmp_path, monkeypatch):
    """Excel on Windows; what it missed is in the next report's table."""
    refusals, write = [1], training_log.write_table

    def refuse(path, columns, rows):
        if path.name == "metrics.csv" and refusals:
            raise PermissionError(13, "held open", str(path), refusals.pop())
        write(path, columns, rows)

    monkeypatch.setattr(training_log, "write_table", refuse)
    result, lines = run(data_folder, tmp_path / "out", 0.032, log_kimg=0.016)
    assert result.images_seen == 32 and sum("metrics.csv cannot be written now" in line for line in lines) == 1
    assert [row["kimg"] for row in read_metrics(tmp_path / "out" / "metrics.csv")] == [0.016, 0.032]


def test_the_profile_of_a_run_stays_and_that_is_said(data_folder, tmp_path):
    run(data_folder, tmp_path / "out", 0.016)
    lines = []
    train(data_folder, tmp_path / "out", None, "cpu", {"kimg": 0.032}, resume=True, log=lines.append)
    assert any("the run keeps its profile, smoke" in line for line in lines)


def test_a_run_that_is_at_its_end_says_no_more_than_that(data_folder, tmp_path):
    run(data_folder, tmp_path / "out", 0.016)
    _, lines = run(data_folder, tmp_path / "out", 0.016, resume=True)
    assert any("already trained to 0.016 kimg" in line for line in lines)
    assert not any(line.startswith("saved") for line in lines)


def test_a_run_resumes_with_the_rates_that_are_asked_for(data_folder, tmp_path):
    out = tmp_path / "out"
    run(data_folder, out, 0.016)
    before = load_checkpoint(out / "checkpoints" / "latest.pt")["state"]
    still = {"learning_rate_generator": 0.0, "learning_rate_discriminator": 0.0}
    run(data_folder, out, 0.032, resume=True, **still)
    after = load_checkpoint(out / "checkpoints" / "latest.pt")["state"]
    for network in ("generator", "discriminator"):
        learned = [name for name in before[network] if name.endswith(("weight", "bias", "original"))]
        assert learned and all(torch.equal(after[network][name], before[network][name]) for name in learned)
    moments = (each["optimizer_generator"]["state"][0]["step"].item() for each in (before, after))
    assert [*moments] == [2, 4]


def test_all_processes_get_what_the_first_one_validates(data_folder, tmp_path, monkeypatch):
    """Else it would stop by a validation loss alone, and leave the others waiting."""
    order = []
    validate, synchronise = VQVAE.validate, Processes.synchronise
    monkeypatch.setattr(VQVAE, "validate", lambda *given: order.append("validate") or validate(*given))
    monkeypatch.setattr(Processes, "synchronise", lambda *given: order.append("synchronise") or synchronise(*given))
    train(data_folder, tmp_path / "out", "vqvae", "smoke", {"kimg": 0.008, "batch_size": 8}, log=lambda _: None)
    assert order == ["validate", "synchronise"]


def test_the_record_of_a_run_trains_the_same_again_and_a_file_resumes(data_folder, tmp_path):
    run(data_folder, tmp_path / "first", 0.016, family="cdcgan", seed=5, r1_gamma=3.0)
    record, again = tmp_path / "first" / "config.json", tmp_path / "again"
    train(data_folder, again, settings=record, log=lambda line: None)
    assert json.loads((again / "config.json").read_text()) == json.loads(record.read_text())
    first, second = (load_checkpoint(out / "checkpoints" / "latest.pt") for out in (tmp_path / "first", again))
    assert_same(first, second)
    (tmp_path / "my.yaml").write_text("kimg: 0.032\nsmoke:\n  r1_gamma: 4\n")
    lines = []
    train(data_folder, again, resume=True, settings=tmp_path / "my.yaml", log=lines.append)
    assert load_checkpoint(again / "checkpoints" / "latest.pt")["images_seen"] == 32
    assert any("r1_gamma: 3.0 -> 4.0" in line for line in lines)
    with pytest.raises(InputError, match="settings of cdcgan, not of wgan"):
        train(data_folder, tmp_path / "other", "wgan", settings=record)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rat": 1.0}, "unknown setting 'learning_rat'.*learning_rate_generator"),
        ({"latent_dim": 13}, "multiple of 4"),
        ({"augment": "flip,spin"}, "unknown augmentation 'spin'"),
        ({"condition_on": "genre"}, "unknown attribute 'genre'"),
    ],
)
def test_bad_settings_are_refused_in_one_line(data_folder, tmp_path, values, message):
    with pytest.raises(InputError, match=message) as caught:
        run(data_folder, tmp_path / "out", **{"kimg": 0.016, **values})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {"condition_on": "gender,hero_class"},
        {"condition_on": "none"},
        {"spectral_norm": False},
        {"loss": "non_saturating"},
        {"r1_gamma": 0.0},
        {"augment": ""},
        {"augment": "colour"},
        {"instance_noise": 0.0},
        {"diversity_weight": 0.0},
        {"ema_half_life_kimg": 0.0},
        {"learning_rate_generator": 4e-4},
    ],
)
def test_every_piece_can_be_switched(data_folder, tmp_path, values):
    result, _ = run(data_folder, tmp_path / "out", 0.016, **values)
    assert result.images_seen == 16
    assert Path(result.checkpoint).is_file()


def test_grids_show_snapped_samples_beside_the_raw_ones_and_training_stays_the_same(data_folder, tmp_path):
    run(data_folder, tmp_path / "raw", 0.032)
    run(data_folder, tmp_path / "snapped", 0.016)
    _, lines = run(data_folder, tmp_path / "snapped", 0.032, resume=True, palette_snap="4")
    assert not any("resuming with a change" in line for line in lines)
    raw, snapped = (
        np.asarray(Image.open(tmp_path / name / "samples" / "fakes_000000_032.png")) for name in ("raw", "snapped")
    )
    width = 2 + COLUMNS * (2 * 16 + 2)  # eight portraits of 16 pixels, doubled, with gaps
    assert snapped.shape[1] == raw.shape[1] + width
    assert np.array_equal(snapped[:, : raw.shape[1]], raw)
    images = np.load(data_folder / "portraits.npz")
    table = colour_table(images["images"][images["split"] == 0])
    palette = {tuple(colour) for colour in cluster_palette(table, 4).tolist()}
    beside = {tuple(colour) for colour in snapped[:, raw.shape[1] :].reshape(-1, 3).tolist()}
    assert beside <= palette | {(128, 128, 128), (255, 255, 255)}  # the background and the gaps
    assert beside & palette
    a, b = (load_checkpoint(tmp_path / name / "checkpoints" / "latest.pt") for name in ("raw", "snapped"))
    assert b["config"].pop("palette_snap") == "4" and a["config"].pop("palette_snap") == ""
    assert_same(a, b)


def test_a_bad_palette_is_refused_before_the_earlier_run_is_moved(data_folder, tmp_path):
    run(data_folder, tmp_path / "out", 0.016)
    with pytest.raises(InputError, match="neither a number of colours nor a palette file"):
        run(data_folder, tmp_path / "out", 0.016, palette_snap="none.hex")
    assert not (tmp_path / "out" / "earlier_runs").exists()


def test_mirrored_data_are_half_of_the_portraits_and_only_where_asked_for(data_folder, tmp_path, monkeypatch):
    seen, step = [], ConditionalGAN.train_step

    def spy(family, reals, labels, images_seen):
        seen.append(reals.clone())
        return step(family, reals, labels, images_seen)

    monkeypatch.setattr(ConditionalGAN, "train_step", spy)
    run(data_folder, tmp_path / "plain", 0.064)
    plain, seen[:] = torch.cat(seen), []
    run(data_folder, tmp_path / "mirrored", 0.064, mirror_data=True)
    mirrored = torch.cat(seen)
    changed = (plain != mirrored).flatten(1).any(dim=1)
    assert 16 <= changed.sum() <= 48  # of 64
    assert torch.equal(mirrored[changed], plain[changed].flip(3))


def test_a_run_that_stops_early_says_so(data_folder, tmp_path):
    values = {"batch_size": 8, "kimg": 0.8, "window_kimg": 0.008, "patience_kimg": 0.016}
    lines = []
    result = train(data_folder, tmp_path, "dcgan", "smoke", values, log=lines.append)
    assert result.images_seen < 800 and not result.interrupted
    assert f"dcgan stopped by itself at {result.images_seen / 1000:.2f} kimg (early stopping)" in lines
    assert result.checkpoint.is_file()
