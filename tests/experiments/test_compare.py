"""Comparing families: the metrics in the table, going on, families that fail, the page."""

import csv
import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from src.__main__ import main
from src.errors import InputError
from src.experiments import compare_pictures, runs
from src.experiments.compare import compare, cost_of
from src.experiments.compare_pictures import show_source
from src.experiments.compare_table import findings, markdown_table
from src.experiments.markdown_tables import REALS
from src.experiments.runs import count_parameters
from src.families import FAMILIES, find_family
from src.gan.cdcgan import ConditionalDCGAN
from src.gan.conditional_gan import ConditionalGAN
from src.sampling import load_model
from src.training import report
from src.training.checkpoint import load_checkpoint
from src.training.estimate import Estimate
from src.training.grids import grid_labels
from src.training.own_process import train_here
from src.training.run import train

pytestmark = pytest.mark.usefixtures("fp32")  # what evaluates a run trains in the hardware's format
PAGE = ("compare.csv", "compare.json", "compare.md", "compare.png", "curves.png")


@pytest.fixture(autouse=True)
def quick(monkeypatch, quick_evaluation):
    """Samples and steps enough for a table, not for its metrics."""
    monkeypatch.setattr(runs, "CHUNK", 12)
    monkeypatch.setattr(compare_pictures, "GRID_ROWS", 2)


@pytest.fixture
def in_one_process(monkeypatch):
    """Without a process a family: quick, and what a test plants is there."""
    monkeypatch.setattr(runs, "train_apart", train_here)


def run(data_folder, out, families, kimg=0.032, **more):
    lines = []
    rows = compare(data_folder, out, families, "smoke", kimg=kimg, log=lines.append, **more)
    return {row["family"]: row for row in rows}, lines


def test_every_family_has_its_row_and_its_pictures(data_folder, tmp_path, in_one_process, monkeypatch):
    out = tmp_path / "out"
    for module in (report, compare_pictures):
        monkeypatch.setattr(module, "grid_labels", lambda labels: grid_labels(labels)[:3])
    rows, _ = run(data_folder, out, None, kimg=0.016)
    assert list(rows) == [*FAMILIES, REALS]
    for name in FAMILIES:
        row, model = rows[name], load_model(out / name / "checkpoints" / "latest.pt")
        assert row["status"] == "trained" and row["kimg"] == 0.016, row["note"]
        networks = nn.ModuleDict(model.family.networks)
        assert row["parameters"] == sum(weight.numel() for weight in networks.parameters() if weight.requires_grad)
        assert row["seconds_to_sample_64"] > 0 and row["evaluated"] == 12
        assert row["frechet_reals"] == rows[REALS]["frechet_random"]
        with Image.open(out / "grids" / f"{name}.png") as grid:
            assert grid.height == 2 * 34 + 2
    assert all((out / name).is_file() for name in PAGE)
    with open(out / "compare.csv", newline="", encoding="utf-8") as file:
        assert [row["family"] for row in csv.DictReader(file)] == list(rows)
    with Image.open(out / "compare.png") as picture:
        assert picture.height == (len(FAMILIES) + 1) * 34 + 2
    # Same labels, same latents: the grid's rows are rows of the one that training wrote.
    newest = max((out / "resnet_gan" / "samples").glob("fakes_[0-9]*.png"))
    with Image.open(newest) as whole, Image.open(out / "grids" / "resnet_gan.png") as chosen:
        rows = [np.asarray(picture)[:-2, 84:] for picture in (whole.convert("RGB"), chosen.convert("RGB"))]
    whole, chosen = (pixels.reshape(-1, 34, *pixels.shape[1:]).astype(int) for pixels in rows)
    assert len(whole) == 3 and len(chosen) == 2
    for row, index in zip(chosen, (0, 2), strict=True):
        # Batches of another size may differ in the last bit, and so here and there a pixel's opacity.
        assert (np.abs(row - whole[index]) > 2).mean() < 0.01
    assert (np.abs(chosen[1] - whole[1]) > 2).mean() > 0.1


def test_what_is_finished_is_kept_and_a_larger_budget_trains_on(data_folder, tmp_path, in_one_process):
    out = tmp_path / "out"
    first, _ = run(data_folder, out, ["cdcgan"])
    checkpoint = out / "cdcgan" / "checkpoints" / "latest.pt"
    written = checkpoint.stat().st_mtime_ns
    again, lines = run(data_folder, out, ["cdcgan", "dcgan"])
    assert "trained before: kept" in lines and checkpoint.stat().st_mtime_ns == written
    assert again["cdcgan"] == first["cdcgan"] and again["dcgan"]["status"] == "trained"
    # Paths as seen from beside the artifacts folder: a notebook's outputs show no folder of the machine.
    assert not any(str(tmp_path.parent) in line for line in lines)
    assert any(line.startswith(f"saved to {Path(tmp_path.name) / 'out' / 'dcgan'}") for line in lines)
    longer, lines = run(data_folder, out, ["cdcgan"], kimg=0.064)
    assert any("resuming cdcgan at 0.03 kimg of 0.064" in line for line in lines)
    assert longer["cdcgan"]["kimg"] == 0.064 and longer["dcgan"] == again["dcgan"]


def test_an_unfinished_family_goes_on_to_the_same_bits(data_folder, tmp_path, in_one_process, monkeypatch):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    run(data_folder, whole, ["cdcgan"], kimg=0.064)
    original = ConditionalGAN.train_step

    def interrupt(self, reals, labels, images_seen):
        if images_seen == 32:
            signal.raise_signal(signal.SIGINT)
        return original(self, reals, labels, images_seen)

    monkeypatch.setattr(ConditionalGAN, "train_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(data_folder, halves, ["cdcgan", "dcgan"], kimg=0.064)
    monkeypatch.setattr(ConditionalGAN, "train_step", original)
    assert "| cdcgan | interrupted | 0.048" in (halves / "compare.md").read_text(encoding="utf-8")
    rows, lines = run(data_folder, halves, ["cdcgan"], kimg=0.064)
    assert rows["cdcgan"]["status"] == "trained" and "resuming cdcgan at 0.05 kimg of 0.064" in lines
    a, b = (load_checkpoint(out / "cdcgan" / "checkpoints" / "latest.pt")["average"] for out in (whole, halves))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_minutes_become_kimg_once(data_folder, tmp_path, in_one_process, monkeypatch):
    speeds, lengths = iter([160.0, 320.0, 1.0]), []

    def measured(_, config, *__):
        lengths.append(config.kimg)
        return Estimate(next(speeds), None)

    monkeypatch.setattr(runs, "measure", measured)
    for minutes, kimg in ((0.002, 0.0384), (0.002, 0.0384), (0.004, 0.0768)):
        compare(data_folder, tmp_path / "out", ["cdcgan"], "smoke", minutes=minutes, log=lambda _: None)
        record = json.loads((tmp_path / "out" / "compare.json").read_text())
        assert record["families"]["cdcgan"]["kimg"] == pytest.approx(kimg)
    # Measured again over the length that the first speed allows: 0.002 minutes of 160 images a second.
    assert lengths[1:] == [pytest.approx(0.0192)]


def test_one_family_that_diverges_and_one_that_fails_leave_the_others_alone(
    data_folder, tmp_path, in_one_process, monkeypatch
):
    def broken(self, *_):
        raise RuntimeError("planted")

    monkeypatch.setattr(find_family("dcgan"), "sample", broken)
    absurd = {"resnet_gan": {"learning_rate_generator": 4e9, "learning_rate_discriminator": 4e9}}
    names = ["resnet_gan", "dcgan", "cdcgan"]
    rows, lines = run(data_folder, tmp_path / "out", names, kimg=0.128, overrides=absurd)
    assert [rows[name]["status"] for name in names] == ["diverged", "failed", "trained"]
    assert "not a finite number" in rows["resnet_gan"]["note"] and rows["dcgan"]["note"] == "RuntimeError: planted"
    page = (tmp_path / "out" / "compare.md").read_text(encoding="utf-8")
    assert "- dcgan: RuntimeError: planted" in page and str(tmp_path) not in page
    said = " ".join(findings(list(rows.values())))
    assert "resnet_gan diverged: " in said and "dcgan failed: RuntimeError: planted" in said
    _, lines = run(data_folder, tmp_path / "out", names, kimg=0.128, overrides=absurd)
    assert "diverged before: kept" in lines


def test_settings_that_make_no_network_are_a_row(data_folder, tmp_path, in_one_process):
    rows, _ = run(data_folder, tmp_path / "out", ["resnet_gan"], overrides={"resnet_gan": {"latent_dim": 13}})
    assert rows["resnet_gan"]["status"] == "failed" and "multiple of 4" in rows["resnet_gan"]["note"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--families", "cdcgan,dalle"], "unknown family 'dalle'"),
        (["--profile", "laptop"], "unknown profile 'laptop'"),
        (["--minutes", "0"], "minutes must be positive"),
        (["--kimg", "nan"], "kimg must be positive"),
        (["--families", ","], "no family is named; choose from: resnet_gan"),
        (["--families", " "], "no family is named"),
        (["--families", ""], "no family is named"),
        (["--seed", "-1"], "seed must be greater than or equal to 0"),
        (["--seed", "99999999999"], "seed must be less than"),
    ],
)
def test_bad_arguments_are_one_line_and_status_2(data_folder, tmp_path, capsys, arguments, message):
    assert main(["compare", "--data", str(data_folder), "--out", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert not (tmp_path / "out").exists()


TERMS = {"data_fingerprint": "planted", "profile": "smoke", "seed": 0}


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"5",
        json.dumps(TERMS).encode(),
        json.dumps({**TERMS, "families": []}).encode(),
        json.dumps({**TERMS, "families": {"cdcgan": 5}}).encode(),
        json.dumps({**TERMS, "families": {"cdcgan": {"kimg": -1}}}).encode(),
        json.dumps({**TERMS, "families": {"cdcgan": {"images_per_second": 0}}}).encode(),
        json.dumps({**TERMS, "families": {"cdcgan": {"row": [1]}}}).encode(),
        json.dumps({**TERMS, "families": {"cdcgan": {"row": {"family": "cdcgan"}}}}).encode(),
        json.dumps({**TERMS, "seed": "0", "families": {}}).encode(),
        json.dumps({**TERMS, "families": {}, "reals": 5}).encode(),
    ],
)
def test_a_damaged_record_is_refused_in_one_line(data_folder, tmp_path, content):
    path = tmp_path / "out" / "compare.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"compare\.json .*(choose another --out|save it as UTF-8)") as caught:
        compare(data_folder, path.parent, ["cdcgan"], "smoke", log=lambda _: None)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert path.read_bytes() == content and len(list(path.parent.iterdir())) == 1


def test_a_folder_is_for_one_comparison(data_folder, tmp_path, in_one_process):
    run(data_folder, tmp_path / "out", ["cdcgan"])
    with pytest.raises(InputError, match="seed 0, not 1; choose another --out"):
        run(data_folder, tmp_path / "out", ["cdcgan"], seed=1)
    with pytest.raises(InputError, match="cdcgan was trained here with"):
        run(data_folder, tmp_path / "out", ["cdcgan"], overrides={"cdcgan": {"base_channels": 8}})
    packed = dict(np.load(data_folder / "portraits.npz"))
    np.savez(data_folder / "portraits.npz", **{**packed, "fingerprint": "another"})
    with pytest.raises(InputError, match="data_fingerprint planted, not another"):
        run(data_folder, tmp_path / "out", ["cdcgan"])


def test_cost_is_the_median_speed_and_the_sum_of_the_time(tmp_path):
    lines = ["kimg,loss_generator,images_per_second", "1.0,1.0,10", "2.0,1.0,100", "4.0,1.0,50"]
    (tmp_path / "metrics.csv").write_text("\n".join(lines) + "\n")
    cost = cost_of(tmp_path / "metrics.csv")
    assert cost["kimg"] == 4.0 and cost["seconds_per_kimg"] == pytest.approx(20.0)
    assert cost["training_minutes"] == pytest.approx((100 + 10 + 40) / 60)
    assert cost_of(tmp_path / "none.csv") == {}


def test_frozen_weights_are_not_counted():
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2).requires_grad_(False))
    assert count_parameters(network) == 3 * 4 + 4 + 4 + 4


def test_findings_and_table_follow_the_metrics():
    rows = [
        {
            "family": "vae",
            "status": "trained",
            "note": "",
            "frechet_random": 4.0,
            "frechet_reals": 1.0,
            "accuracy_view": 0.25,
        },
        {"family": "wgan", "status": "trained", "note": "", "parameters": 3_512_345},
        {
            "family": "dcgan",
            "status": "trained",
            "note": "",
            "frechet_random": 5.0,
            "frechet_reals": 2.0,
            "accuracy_view": 0.5,
        },
        {"family": "unseen reals", "frechet_random": 1.0, "frechet_reals": 1.0, "accuracy_view": 0.995},
    ]
    said = findings(rows)
    assert "dcgan (2.5), vae (4); validation portraits have 1." in said[0]
    assert (
        "the requested view: dcgan (50%), vae (25%); of validation portraits it reads 100%." in said[1]
        and len(said) == 2
    )
    lines = markdown_table(rows).splitlines()
    assert lines[0] == "| family | state | parameters | frechet random | frechet reals | accuracy view |"
    assert lines[3] == "| wgan | trained | 3.51 M |  |  |  |" and lines[4] == "| dcgan | trained |  | 5 | 2 | 0.5 |"


def test_source_is_shown_as_it_is():
    shown = show_source(ConditionalDCGAN.build_generator).data
    assert shown.startswith("def build_generator(self)") and "return ConditionalDCGANGenerator(" in shown


def test_an_interrupt_reaches_the_familys_own_process_which_saves(data_folder, tmp_path):
    out, lines = tmp_path / "out", []

    def interrupting(line):
        if " kimg  " in line and not any(" kimg  " in earlier for earlier in lines):  # training has begun
            lines.append(line)
            signal.raise_signal(signal.SIGINT)
        lines.append(line)

    often = {"cdcgan": {"log_kimg": 0.032}}
    with pytest.raises(KeyboardInterrupt):
        compare(data_folder, out, ["cdcgan"], "smoke", kimg=1000, overrides=often, log=interrupting)
    assert any("interrupted at" in line for line in lines) and not any("{" in line for line in lines)
    assert "| cdcgan | interrupted |" in (out / "compare.md").read_text(encoding="utf-8")
    entry = json.loads((out / "compare.json").read_text())["families"]["cdcgan"]
    assert 0.1 < entry["peak_memory_bytes"] / 2**30 < 3
    # The same bits as of a run in this process.
    apart = load_checkpoint(out / "cdcgan" / "checkpoints" / "latest.pt")
    settings = {**apart["config"], "kimg": apart["images_seen"] / 1000}
    here = train(data_folder, tmp_path / "here", "cdcgan", "smoke", settings, log=lambda _: None).checkpoint
    average = load_checkpoint(here)["average"]
    assert all(torch.equal(weight, average[name]) for name, weight in apart["average"].items())
