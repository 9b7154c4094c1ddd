"""The study: its rows, its smaller data sets, its rule, and a grid that is run, interrupted, resumed and redrawn."""

import csv
import json
import signal

import numpy as np
import pytest
import torch

from src.__main__ import main
from src.config import config_to_dict, load_config
from src.data.packed import load_portraits
from src.errors import InputError
from src.evaluation.distances import Metric
from src.evaluation.evaluator import Evaluator
from src.experiments import runs
from src.experiments import study as module
from src.experiments.runs import kept_portraits, load_raw_model, write_subset
from src.experiments.study import study
from src.experiments.study_results import Run, StudyResults, Terms, read_results
from src.experiments.study_rows import PUBLISHED, QUESTIONS, ROWS, find_rows, is_possible, settings_of
from src.experiments.study_tables import markdown, question_plot, question_table
from src.experiments.study_verdict import CLEARLY, difference, finding
from src.families import find_family
from src.gan.conditional_gan import ConditionalGAN
from src.labels import LabelSpecification
from src.sampling import load_model
from src.training.checkpoint import load_checkpoint
from src.training.own_process import train_here

pytestmark = pytest.mark.usefixtures("fp32")  # what evaluates a run trains in the hardware's format
KIMG = 0.032


class StubEvaluator(Evaluator):
    """Gives metrics that tell which checkpoint the samples are of, without looking."""

    measured = []  # noqa: RUF012

    def real_metrics(self, count):
        return {"frechet_random": Metric(1.0, 0.1)}

    def metrics(self, samples):
        self.measured.append(samples)
        return {"frechet_random": Metric(float(int(samples[0][:3], 16)), 0.1)}


@pytest.fixture
def in_one_process(monkeypatch):
    """Without a process a run: quick, and what a test plants is there."""
    monkeypatch.setattr(runs, "train_apart", train_here)
    monkeypatch.setattr(runs, "CHUNK", 12)


@pytest.fixture
def quick(monkeypatch, in_one_process):
    """No evaluation: what is left is the grid itself."""
    StubEvaluator.measured = []
    monkeypatch.setattr(module, "Evaluator", StubEvaluator)
    monkeypatch.setattr(
        module,
        "sample_like_validation",
        lambda model, evaluator, seed, count: ((model.checkpoint_hash, seed), 1.0),
    )


def run(data_folder, out, rows=("cdcgan",), seeds=(0, 1), kimg=KIMG, **more):
    lines = []
    results = study(data_folder, out, rows, seeds, kimg, "smoke", log=lines.append, **more)
    return results, lines


# Rows


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("profile", ["smoke", "cpu", "rtx2070"])
def test_rows_are_valid_and_change_what_they_describe(row, profile, specification):
    def config_of(settings):
        return load_config(row.family, profile, overrides=settings)

    published = PUBLISHED if row.family == "resnet_gan" else {}
    settings = settings_of(row, profile, specification)
    config, plain = config_of(settings), config_of(published)
    if settings != published:
        assert config != plain
    assert config.kimg == plain.kimg and config.seed == plain.seed


def test_rows_that_are_the_same_but_for_what_they_are_about(specification):
    def config(name):
        row = next(row for row in ROWS if row.name == name)
        return config_to_dict(load_config(row.family, "cpu", overrides=settings_of(row, "cpu", specification)))

    label_map, classifier, base, networks = map(config, ("cdcgan", "acgan", "base", "dcgan_networks"))
    shared = label_map.keys() & classifier.keys()
    assert {name for name in shared if label_map[name] != classifier[name]} == {"kimg"}
    assert {"batch_size", "base_channels", "latent_dim", "learning_rate_discriminator", "beta1"} <= shared
    assert {name for name in networks if base[name] != networks[name]} == {"base_channels"}
    assert base.keys() - networks.keys() == {
        "patch_size",
        "colours",
        "colour_attribute",
        "harden_kimg",
        "auxiliary_weight",
    }
    assert config("no_palette")["condition_on"] == "gender,hero_class"
    assert config("no_ttur")["learning_rate_discriminator"] == base["learning_rate_generator"]


def test_every_row_answers_a_question_and_a_base_comes_along():
    asked = {row for question in QUESTIONS for row in question.rows}
    assert asked | {"base"} == {row.name for row in ROWS}
    assert [row.name for row in find_rows(["acgan"])] == ["cdcgan", "acgan"]
    assert [row.name for row in find_rows(["half", "no_ema"])] == ["base", "no_ema", "half"]
    with pytest.raises(InputError, match="unknown row 'no_luck'; choose from: base, palette_head"):
        find_rows(["no_luck"])


def test_data_without_palettes_leave_that_row_out():
    no_palette = next(row for row in ROWS if row.without)
    assert not is_possible(no_palette, LabelSpecification({"view": ("back", "front")}))
    only = LabelSpecification({"palette": ("cool", "warm")})
    assert settings_of(no_palette, "cpu", only)["condition_on"] == "none"


# Smaller data


def test_subsets_are_whole_groups_within_each_other_and_keep_all_of_the_validation_split():
    random = np.random.RandomState(0)
    groups = np.repeat([f"g{index:03d}" for index in range(100)], random.randint(1, 8, 100))
    split = np.isin(groups, [f"g{index:03d}" for index in range(0, 100, 5)]).astype(np.uint8)
    train = split == 0
    kept = [kept_portraits(split, groups, share) for share in (1.0, 0.5, 0.25, 0.125)]
    assert kept[0].all()
    for larger, smaller, share in zip(kept, kept[1:], (0.5, 0.25, 0.125), strict=False):
        assert (larger | ~smaller).all() and smaller[~train].all()
        assert share <= (smaller & train).sum() / train.sum() < share + 8 / train.sum()
        for group in np.unique(groups[train]):
            assert len(set(smaller[groups == group])) == 1
    assert not np.array_equal(kept[1], kept_portraits(split, groups, 0.5, seed=1))


def test_a_subset_is_a_data_folder_with_a_fingerprint_of_its_own(data_folder, tmp_path):
    packed = dict(np.load(data_folder / "portraits.npz"))
    packed["group_ids"] = np.array([f"g{index % 4}{index // 8}" for index in range(48)])  # as a split should be
    np.savez(data_folder / "portraits.npz", **packed)
    whole, part = load_portraits(data_folder), load_portraits(write_subset(data_folder, tmp_path / "half", 0.5))
    assert part.fingerprint != whole.fingerprint and (part.split == 0).sum() == 18
    assert np.array_equal(part.images[part.split == 1], whole.images[whole.split == 1])
    assert np.array_equal(part.labels[part.split == 1], whole.labels[whole.split == 1])
    written = (tmp_path / "half" / "portraits.npz").stat().st_mtime_ns
    write_subset(data_folder, tmp_path / "half", 0.5)
    assert (tmp_path / "half" / "portraits.npz").stat().st_mtime_ns == written
    write_subset(data_folder, tmp_path / "half", 0.25)
    assert (load_portraits(tmp_path / "half").split == 0).sum() == 10


# The rule


def metrics(*values, spread=0.0):
    return [Metric(value, spread) for value in values]


def test_the_rule_on_planted_metrics():
    # Deviations 1 and 1, so s = 1 and, with two seeds each, the difference's standard error is 1 too.
    row, base = metrics(10 - 0.5**0.5, 10 + 0.5**0.5), metrics(-(0.5**0.5), 0.5**0.5)
    found = difference("frechet_random", row, base, typical=0.0)
    assert found.standard_error == pytest.approx(1.0) and found.settled and found.word == "worse"
    assert not difference("frechet_random", row, base, typical=10 / CLEARLY + 0.01).settled
    loud = metrics(*(each.value for each in row), spread=10 / CLEARLY + 0.01)
    assert not difference("frechet_random", loud, loud[:0] + metrics(0.0, 0.0, spread=10 / CLEARLY + 0.01), 0.0).settled
    # Eight seeds a row halve the standard error of two.
    many = difference("recall", row * 4, base * 4, typical=2.0)
    assert many.standard_error == pytest.approx(2.0 * (2 / 8) ** 0.5) and many.word == "better"
    assert difference("diversity", row, base, 0.0).word == "higher"
    assert not difference("recall", row[:1], base, 0.0).settled
    assert not difference("copies_share", metrics(0.0, 0.0), metrics(0.0, 0.0), 0.0).settled


def planted(**rows):
    """Results of these metrics: row -> one value of `frechet_random` a seed, None for a run that diverged."""
    runs = {
        name: tuple(
            Run(
                name, seed, 30.0, {}, "trained", "", {"frechet_random": Metric(value, 0.1), "recall": Metric(0.5, 0.01)}
            )
            if value is not None
            else Run(name, seed, 30.0, {}, "diverged", "loss is not a finite number at 7.00 kimg", {})
            for seed, value in enumerate(values)
        )
        for name, values in rows.items()
    }
    return StudyResults(Terms("planted", "cpu", 30.0, 1000), {"frechet_random": Metric(1.0, 0.1)}, runs)


def test_sentences_follow_the_metrics_of_their_row():
    results = planted(base=[10.0, 11.0], no_r1=[30.0, 31.0], half=[11.0, 12.0], no_augment=[None, 40.0], no_ttur=[None])
    said = finding(results, "no_r1", "base")
    assert said.startswith("`no_r1` against `base` (2 against 2 seeds, 30 kimg): worse: Fréchet (30.5 against 10.5)")
    assert said.endswith("unsettled by this budget: recall.")
    assert "no difference is settled by this budget" in finding(results, "half", "base")
    one = finding(results, "no_augment", "base")
    assert "seed 0 diverged (loss is not a finite number at 7.00 kimg)" in one and "with one seed" in one
    assert (
        finding(results, "no_ttur", "base") == "`no_ttur`: seed 0 diverged (loss is not a finite number at 7.00 kimg)."
    )
    assert finding(results, "quarter", "base") == "`quarter` has not been run yet."
    assert "`cdcgan` has no evaluated run" in finding(planted(acgan=[1.0]), "acgan", "cdcgan")


def test_tables_and_plots_show_means_spreads_and_the_ceiling():
    results = planted(base=[10.0, 11.0], no_r1=[30.0])
    question = next(question for question in QUESTIONS if question.name == "r1")
    lines = question_table(results, question).splitlines()
    assert lines[2].startswith("| `base` |") and "| 2 | 10.5 ± 0.71 | 0.5 ± 0 |" in lines[2]
    assert "| 1 | 30 ± 0.1* |" in lines[3]
    assert lines[4].startswith("| validation portraits | the ceiling |  | 1 ± 0.1* |")
    assert len({line.count("|") for line in lines}) == 1
    assert all(f"## {question.title}" in markdown(results) for question in QUESTIONS)
    plot = question_plot(results, question)
    assert [label.get_text() for label in plot.axes[0].get_xticklabels()] == ["base", "no_r1"]
    assert question_plot(planted(), question) is None


# The grid


def test_a_grid_is_run_breadth_first_once_and_its_tables_redrawn(data_folder, tmp_path, quick):
    out = tmp_path / "out"
    results, lines = run(data_folder, out)
    heads = [line.split(": ")[1].split(" (")[0] for line in lines if line.startswith("---")]
    assert heads == ["base, seed 0", "cdcgan, seed 0", "base, seed 1", "cdcgan, seed 1"]
    assert "4 runs are left: about " in "\n".join(lines)
    assert {name: [run.seed for run in runs] for name, runs in results.runs.items()} == {
        "base": [0, 1],
        "cdcgan": [0, 1],
    }
    with open(out / "study.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 and rows[-1]["row"] == "validation portraits"
    assert json.loads((out / "study.json").read_text())["rows"]["cdcgan"]["seeds"] == [0, 1]

    checkpoints = {path: path.stat().st_mtime_ns for path in out.rglob("*.pt")}
    page = (out / "study.md").read_text(encoding="utf-8")
    (out / "study.md").unlink()
    again, lines = run(data_folder, out, kimg=None)
    assert lines == ["4 of 4 runs are finished; each is 0.032 kimg"] and again == results
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.pt")} == checkpoints
    assert (out / "study.md").read_text(encoding="utf-8") == page and len(StubEvaluator.measured) == 4

    run(data_folder, out, kimg=0.064, seeds=(0,))
    assert load_checkpoint(out / "runs" / "cdcgan_seed0" / "checkpoints" / "latest.pt")["images_seen"] == 64
    assert [run.seed for run in read_results(out).runs["cdcgan"]] == [0]  # the other is shorter than the study now


def test_an_interrupt_saves_redraws_and_goes_on_to_the_same_bits(data_folder, tmp_path, quick, monkeypatch):
    run(data_folder, tmp_path / "whole", kimg=0.048, seeds=(0,))
    original = ConditionalGAN.train_step

    def interrupt(self, reals, labels, images_seen):
        if images_seen == 16 and type(self).__name__ == "ConditionalDCGAN":
            signal.raise_signal(signal.SIGINT)
        return original(self, reals, labels, images_seen)

    out = tmp_path / "halves"
    monkeypatch.setattr(ConditionalGAN, "train_step", interrupt)
    command = ["study", "--data", str(data_folder), "--out", str(out), "--rows", "cdcgan", "--profile", "smoke"]
    assert main([*command, "--seeds", "0", "--kimg", "0.048"]) == 130
    monkeypatch.setattr(ConditionalGAN, "train_step", original)
    assert "`cdcgan` has not been run yet." in (out / "study.md").read_text(encoding="utf-8")
    assert list(read_results(out).runs) == ["base"]
    assert main([*command, "--seeds", "0"]) == 0
    a, b = (
        load_checkpoint(tmp_path / name / "runs" / "cdcgan_seed0" / "checkpoints" / "latest.pt")["average"]
        for name in ("whole", "halves")
    )
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_that_diverges_is_a_finding(data_folder, tmp_path, quick, monkeypatch):
    original = find_family("cdcgan").train_step

    def poisoned(self, reals, labels, images_seen):
        scalars = original(self, reals, labels, images_seen)
        factor = float("nan") if type(self).__name__ == "ConditionalDCGAN" else 1.0
        return {**scalars, "loss_generator": scalars["loss_generator"] * factor}

    monkeypatch.setattr(ConditionalGAN, "train_step", poisoned)
    results, lines = run(data_folder, tmp_path, seeds=(0,))
    (diverged,) = results.runs["cdcgan"]
    assert diverged.status == "diverged" and diverged.note.endswith("is not a finite number at 0.03 kimg")
    assert "`cdcgan`: seed 0 diverged (loss_generator is not" in (tmp_path / "study.md").read_text(encoding="utf-8")
    assert str(tmp_path) not in (tmp_path / "study.md").read_text(encoding="utf-8")
    _, lines = run(data_folder, tmp_path, seeds=(0,))
    assert lines == ["2 of 2 runs are finished; each is 0.032 kimg"]


def test_a_run_that_fails_is_noted_and_tried_again(data_folder, tmp_path, quick, monkeypatch):
    original = ConditionalGAN.train_step

    def broken(self, *arguments):
        if type(self).__name__ == "ConditionalDCGAN":
            raise RuntimeError("planted")
        return original(self, *arguments)

    monkeypatch.setattr(ConditionalGAN, "train_step", broken)
    results, _ = run(data_folder, tmp_path, seeds=(0,))
    assert [one.status for one in results.runs["cdcgan"]] == ["failed"]
    assert "`cdcgan`: seed 0 failed (RuntimeError: planted)." in (tmp_path / "study.md").read_text(encoding="utf-8")
    monkeypatch.setattr(ConditionalGAN, "train_step", original)
    results, lines = run(data_folder, tmp_path, seeds=(0,))
    assert lines[0].startswith("1 of 2 runs are finished") and results.runs["cdcgan"][0].status == "trained"


def test_raw_weights_are_evaluated_without_a_run_of_their_own(data_folder, tmp_path, quick):
    results, _ = run(data_folder, tmp_path, ["no_ema"], seeds=(0,))
    assert list(results.runs) == ["base", "no_ema"]
    assert [path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()] == ["base_seed0"]
    checkpoint = tmp_path / "runs" / "base_seed0" / "checkpoints" / "latest.pt"
    content = load_checkpoint(checkpoint)
    raw, averaged = (load(checkpoint).sampler.state_dict() for load in (load_raw_model, load_model))
    assert all(torch.equal(raw[name], weight) for name, weight in content["state"]["generator"].items())
    assert any(not torch.equal(raw[name], averaged[name]) for name in raw)
    assert not load_raw_model(checkpoint).sampler.training


def test_less_data_is_what_the_run_was_trained_on(data_folder, tmp_path, quick):
    run(data_folder, tmp_path, ["quarter"], seeds=(0,))
    content = load_checkpoint(tmp_path / "runs" / "quarter_seed0" / "checkpoints" / "latest.pt")
    assert content["data_fingerprint"] == load_portraits(tmp_path / "data_quarter").fingerprint != "planted"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("terms.json", '{"data_fingerprint": 1, "profile": 2, "kimg": "x", "count": null}'),
        ("terms.json", '{"data_fingerprint": "planted", "profile": "smoke", "kimg": 0, "count": 1}'),
        ("terms.json", "[" * 100_000),
        ("ceiling.json", "x"),
        ("ceiling.json", '{"frechet_random": 5}'),
        ("runs/cdcgan_seed0.json", '{"row": "cdcgan"}'),
        ("runs/cdcgan_seed0/config.json", "x"),
        ("runs/cdcgan_seed0/config.json", '{"family": "vae", "config": {}}'),
    ],
)
def test_a_damaged_record_is_refused_before_anything_is_trained(data_folder, tmp_path, quick, name, content):
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(InputError, match=path.name) as caught:
        run(data_folder, tmp_path / "out")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert [each for each in (tmp_path / "out").rglob("*") if each.is_file()] == [path]


def test_a_folder_is_for_one_study(data_folder, tmp_path, quick):
    run(data_folder, tmp_path, seeds=(0,))
    with pytest.raises(InputError, match=r"a study of 0.032 kimg, more than 0.016; choose another --out"):
        run(data_folder, tmp_path, kimg=0.016)
    with pytest.raises(InputError, match="count 1000, not 500"):
        run(data_folder, tmp_path, count=500)
    path = tmp_path / "runs" / "cdcgan_seed0" / "config.json"
    content = json.loads(path.read_text())
    content["config"]["beta1"] = 0.75
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"trained with other settings \(beta1: 0.75 -> 0.5\)"):
        run(data_folder, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "base,no_luck"], "unknown row 'no_luck'"),
        (["--rows", ","], "no row is named; choose from: base"),
        (["--rows", ""], "no row is named"),
        (["--seeds", "0,0"], "seeds must be different"),
        (["--seeds", "99999999999"], "seed must be less than"),
        (["--kimg", "nan"], "kimg must be positive"),
        (["--profile", "laptop"], "unknown profile 'laptop'"),
        (["--count", "7"], "at least 8"),
    ],
)
def test_bad_arguments_are_one_line_and_status_2(data_folder, tmp_path, capsys, arguments, message):
    assert main(["study", "--data", str(data_folder), "--out", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error
    assert not (tmp_path / "out").exists()


def test_a_whole_study_with_the_real_evaluator(data_folder, tmp_path, in_one_process, quick_evaluation):
    results, _ = run(data_folder, tmp_path, ["no_ema", "no_palette"], seeds=(0,))
    for name in ("base", "no_ema", "no_palette"):
        for one in results.runs[name]:
            assert set(one.metrics) == set(results.ceiling)
    assert "copies_share" in results.measures
    page = (tmp_path / "study.md").read_text(encoding="utf-8")
    assert "`no_palette` against `base` (1 against 1 seed, 0.032 kimg): " in page
