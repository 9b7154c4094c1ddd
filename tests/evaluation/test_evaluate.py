"""The whole evaluation, on sets whose faults were planted."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from src.__main__ import main
from src.data.packed import load_portraits
from src.errors import InputError
from src.evaluation import distances, label_classifier, report_rows, two_sample_test
from src.evaluation import evaluate as evaluation
from src.evaluation import evaluator as module
from src.evaluation.changed_attribute import Change
from src.evaluation.controls import copies
from src.evaluation.distances import Metric
from src.evaluation.evaluator import Evaluator
from src.evaluation.report import number
from src.evaluation.samples import read_samples, sample_checkpoint
from src.images import write_png
from src.labels import LabelSpecification
from src.painter import paint_heroes
from src.tables import write_table
from src.training.run import train
from tests.conftest import SPECIFICATION, make_portraits

# What evaluates a run trains in the hardware's format. What it learns and how sure it is, `honest` alone looks at.
pytestmark = pytest.mark.usefixtures("fp32", "quick_evaluation")
ATTRIBUTES = ("gender", "hero_class", "palette")
SILENT = {"log": lambda line: None}


def heroes(seeds):
    """Heroes of 20 silhouettes a seed, in three colours each: images, class names, groups."""
    images, rows, groups = [], [], []
    for seed in seeds:
        for name, spec, picture in paint_heroes(60, seed, recolours=3):
            images.append(picture)
            rows.append({attribute: getattr(spec, attribute) for attribute in ATTRIBUTES})
            groups.append(f"{seed}_{name.rsplit('_', 1)[0]}")
    return np.stack(images), rows, np.array(groups)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A data folder of 240 heroes, a third of the silhouettes for validation, and 60 heroes that are in neither."""
    folder = tmp_path_factory.mktemp("world")
    images, rows, groups = heroes(range(4))
    specification = LabelSpecification.from_values({name: [row[name] for row in rows] for name in ATTRIBUTES})
    _, number = np.unique(groups, return_inverse=True)
    np.savez(
        folder / "portraits.npz",
        images=images,
        labels=np.array([specification.encode(row) for row in rows]),
        split=(number % 3 == 0).astype(np.uint8),
        group_ids=groups,
        label_mappings=json.dumps(specification.to_mapping()),
        fingerprint="planted",
    )
    unseen, requested, _ = heroes([4])
    return folder, unseen, requested


def write_folder(folder, images, requested=None):
    names = [f"{index:03d}.png" for index in range(len(images))]
    for name, image in zip(names, images, strict=True):
        write_png(folder / name, image)
    if requested is not None:
        rows = [{"filename": name, **row} for name, row in zip(names, requested, strict=True)]
        write_table(folder / "labels.csv", ("filename", *ATTRIBUTES), rows)
    return folder


@pytest.fixture(scope="module")
def honest(world, tmp_path_factory):
    """The evaluation of heroes that nobody trained on: JSON's content and the folder it is in."""
    data, unseen, requested = world
    out = tmp_path_factory.mktemp("honest")
    images = write_folder(out / "images", unseen, requested)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_classifier, "IMAGES_SEEN", 192)
        patch.setattr(module, "SCORE_IMAGES_SEEN", 64)
        patch.setattr(distances, "HALVES", 4)
        patch.setattr(two_sample_test, "BOOTSTRAPS", 20)
        patch.setattr(report_rows, "TWO_SAMPLE_STEPS", 4)
        patch.setattr(report_rows, "TWO_SAMPLE_SEEDS", (0, 1))
        content = evaluation.evaluate(data, out / "metrics.json", images=images, **SILENT)
    return content, out


def test_the_json_holds_what_the_design_promises(honest):
    content, out = honest
    assert json.loads((out / "metrics.json").read_text()) == json.loads(json.dumps(content))
    for side in ("samples", "real"):
        for key in ("frechet_random", "kid_random", "coverage", "recall", "colours_median", "copies_share"):
            assert isinstance(content[side][key], float), key
        assert {f"accuracy_{name}" for name in ATTRIBUTES} <= content[side].keys()
    assert content["samples"]["count"] == 60 and content["real"]["count"] == 81
    assert content["compared_at"] == 60
    assert (out / "metrics.html").stat().st_size > 50_000


def test_unseen_heroes_are_not_flagged_as_copies(honest):
    content, _ = honest
    assert content["flags"] == ["few_samples"]  # 60, of 81 portraits
    # The palette is evaluated by the rule, and the painter paints by the rule.
    assert content["samples"]["accuracy_palette"] > 0.8
    assert content["samples"]["frechet_random"] < content["controls"]["shuffled"]["frechet_random"] / 3


def test_labels_that_never_occur_together_in_training_have_metrics_of_their_own(world, tmp_path):
    data, unseen, requested = world
    folder = tmp_path / "data"
    folder.mkdir()
    with np.load(data / "portraits.npz") as file:
        packed = dict(file)
    specification = LabelSpecification.from_mapping(json.loads(str(packed["label_mappings"])))
    warm = specification.attributes["palette"].index("warm")
    feminine = specification.attributes["gender"].index("feminine")
    apart = (packed["labels"][:, 0] == feminine) & (packed["labels"][:, 2] == warm)
    packed["split"] = np.where(apart, 1, packed["split"]).astype(np.uint8)
    np.savez(folder / "portraits.npz", **packed)
    # The samples of that combination are painted in another palette: the rule sees it, and only there.
    asked = [row["gender"] == "feminine" and row["palette"] == "warm" for row in requested]
    seen_in_training = {tuple(row) for row in packed["labels"][packed["split"] == 0].tolist()}
    never = [tuple(specification.encode(row)) not in seen_in_training for row in requested]
    images = unseen.copy()
    repeats = 5  # enough samples of it
    for index in np.flatnonzero(asked):
        images[index] = images[next(other for other, row in enumerate(requested) if row["palette"] == "cool")]
    many = [
        (image, row)
        for image, row, new in zip(images, requested, never, strict=True)
        for _ in range(repeats if new else 1)
    ]
    written = write_folder(tmp_path / "images", [image for image, _ in many], [row for _, row in many])
    content = evaluation.evaluate(folder, tmp_path / "metrics.json", images=written, **SILENT)
    samples, real = content["samples"], content["real"]
    assert samples["count"] > real["count"] and "few_samples" not in content["flags"]
    assert samples["unseen_combinations"] == repeats * sum(never) and real["unseen_combinations"] >= apart.sum()
    expected = 1 - sum(asked) / sum(never)
    assert samples["measures"]["unseen_accuracy_palette"]["value"] == pytest.approx(expected, abs=0.12)
    assert real["measures"]["unseen_accuracy_palette"]["value"] > 0.9
    assert "never occur together" in (tmp_path / "metrics.html").read_text(encoding="utf-8")


def test_planted_faults_are_seen_and_by_the_measures_that_should(honest):
    content, _ = honest
    tells = content["which_measure_tells"]
    assert {"kid_random", "pixel_art_distance_colours", "pixel_art_distance_blur"} <= set(tells["blurred"])
    assert {"pixel_art_distance_colours", "pixel_art_distance_flat"} <= set(tells["grained"])
    assert {"frechet_random", "kid_random", "precision"} <= set(tells["shuffled"])
    # No distance between distributions finds fault with copies.
    assert "copies_share" in tells["copies"]
    assert not [name for name in tells["copies"] if name.startswith(("frechet", "kid", "precision", "recall"))]


def test_the_two_sample_test_stands_beside_every_set(honest):
    content, out = honest
    names = ("two_sample_accuracy", "two_sample_auc")
    for each in (content["samples"], content["real"], *content["controls"].values()):
        for name in names:
            assert 0 <= each[name] <= 1 and each["measures"][name]["spread"] >= 0
    # Validation portraits cannot be compared with themselves: training portraits stand for them.
    assert content["real"]["two_sample_test"] == content["controls"]["copies"]["two_sample_test"]
    assert content["real"]["two_sample_test"]["compared"] == "training portraits"
    page = (out / "metrics.html").read_text(encoding="utf-8")
    assert "Can a network distinguish" in page and number(content["samples"]["two_sample_accuracy"]) in page
    # Nobody knows where the eyes of these are: there is no record in the folder.
    assert "two_eyes_found" not in content["samples"] and "two eyes and a mouth" not in page


def test_a_few_unlabelled_samples_with_copies_and_faces_that_can_be_found(world, tmp_path, monkeypatch):
    data, unseen, _ = world
    portraits, planted = load_portraits(data), unseen[:20].copy()
    planted[::4] = copies(portraits.images[portraits.split == 0][::25][:5], seed=0)
    ratios = {"precision": 0.75, "recall": 0.5, "truth": 0.9, "found": None}
    reliability = {name: ratios for name in ("two_eyes", "mouth", "eye_pixels", "mouth_pixels")}
    evaluator = SimpleNamespace(
        reliability={"taught": 640, "asked": 319, **reliability},
        metrics=lambda portraits, groups: {
            "two_eyes_found": Metric(0.25 if groups is None else 0.5, 0.01),
            "mouth_found": Metric(0.0, 0.0),
        },
    )
    monkeypatch.setattr(Evaluator, "faces", lambda self: evaluator)
    images = write_folder(tmp_path / "images", planted)
    content = evaluation.evaluate(data, tmp_path / "metrics.json", images=images, **SILENT)
    assert content["samples"]["two_eyes_found"] == 0.25 and content["real"]["two_eyes_found"] == 0.5
    assert content["samples"]["of_real"] == {"two_eyes_found": 0.5, "mouth_found": None}
    assert content["real"]["face_finder"]["two_eyes"]["precision"] == 0.75
    page = (tmp_path / "metrics.html").read_text(encoding="utf-8")
    assert "two eyes and a mouth" in page and "640 training portraits" in page
    assert "copies" in content["flags"] and content["samples"]["copies_share"] >= 0.2
    assert content["samples"]["accuracy_gender"] is None and content["real"]["accuracy_gender"] is not None
    # 20 samples are too few for the two-sample test: it is left out.
    assert content["samples"]["two_sample_accuracy"] is None and "Too few portraits" in page


def test_labels_come_from_a_manifest_or_a_table(world, tmp_path):
    data, unseen, requested = world
    specification = load_portraits(data).specification
    by_table = read_samples(write_folder(tmp_path / "table", unseen[:4], requested[:4]), 100, 64, specification)
    folder = write_folder(tmp_path / "manifest", unseen[:4])
    entries = {f"{index:03d}.png": {"seed": index, "labels": row} for index, row in enumerate(requested[:4])}
    (folder / "manifest.json").write_text(json.dumps(entries))
    write_png(folder / "grid.png", unseen[0][:32])
    by_manifest = read_samples(folder, 100, 64, specification)
    order = [int(name.removesuffix(".png")) for name in by_manifest.names]
    expected = [specification.encode(requested[index]) for index in order]
    assert by_table.portraits.labels.tolist() == by_manifest.portraits.labels.tolist() == expected
    assert sorted(order) == [0, 1, 2, 3] and np.array_equal(by_manifest.portraits.portraits, unseen[order])
    (folder / "manifest.json").write_text(json.dumps({name: {"labels": {"gender": "feminine"}} for name in entries}))
    some = read_samples(folder, 100, 64, specification)
    assert some.portraits.specification.names == ("gender",) and some.portraits.labels.shape == (4, 1)


def test_partial_alpha_of_a_file_is_measured_before_it_is_made_binary(world, tmp_path):
    data, unseen, _ = world
    soft = np.full((64, 64, 4), 200, np.uint8)
    soft[:, :32, 3] = 255
    folder = write_folder(tmp_path / "images", [soft, unseen[0]])
    read = read_samples(folder, 9, 64, load_portraits(data).specification)
    shares = dict(zip(read.names, read.partial_alpha, strict=True))
    assert shares == {"000.png": 0.5, "001.png": 0.0} and set(np.unique(read.portraits.portraits[..., 3])) <= {0, 255}


def test_a_checkpoint_gets_the_requested_labels(data_folder, tmp_path):
    settings = {"batch_size": 8, "base_channels": 4, "latent_dim": 12, "kimg": 0.008}
    result = train(data_folder, tmp_path / "out", "resnet_gan", "smoke", settings, log=lambda line: None)
    portraits = load_portraits(data_folder)
    requested = portraits.labels[:10]
    samples = sample_checkpoint(result.checkpoint, 25, 3, requested, portraits.specification, portraits.fingerprint)
    assert samples.portraits.portraits.shape == (25, 16, 16, 4)
    assert np.array_equal(samples.portraits.labels, requested[np.arange(25) % 10])
    assert len(set(samples.names)) == 25 and samples.origin["trained_on_this_data"]
    other = sample_checkpoint(result.checkpoint, 1, 3, requested, portraits.specification, "other")
    assert not other.origin["trained_on_this_data"]
    assert other.origin["guidance"] is None
    foreign = LabelSpecification({**portraits.specification.attributes, "gender": ("orc", "troll")})
    with pytest.raises(InputError, match="other classes"):
        sample_checkpoint(result.checkpoint, 1, 0, requested, foreign, "other")


def test_a_conditional_checkpoint_is_asked_to_change_a_label(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    images, labels = make_portraits(120)
    np.savez(
        data / "portraits.npz",
        images=images,
        labels=labels,
        split=(np.arange(120) % 3 == 0).astype(np.uint8),
        group_ids=np.arange(120).astype(str),
        label_mappings=json.dumps(SPECIFICATION.to_mapping()),
        fingerprint="planted",
    )
    settings = {"batch_size": 8, "base_channels": 4, "latent_dim": 12, "kimg": 0.008}
    trained = train(data, tmp_path / "out", "resnet_gan", "smoke", settings, log=lambda line: None)
    content = evaluation.evaluate(data, tmp_path / "metrics.json", trained.checkpoint, count=40, **SILENT)
    measures = content["samples"]["measures"]
    for name in ATTRIBUTES:
        assert f"kept_{name}" in measures and f"changed_accuracy_{name}" in measures
    assert "predicted as changed" in (tmp_path / "metrics.html").read_text(encoding="utf-8")


def test_a_change_is_seen_where_it_was_made(world, monkeypatch):
    """Heroes changed in name only, to their own palettes, then to the next ones; the rule sees what was painted."""
    data, unseen, requested = world
    specification = load_portraits(data).specification
    labels = np.array([specification.encode(row) for row in requested])
    model = SimpleNamespace(labels=specification)
    evaluator = Evaluator(data, **SILENT)
    for step, expected in ((0, 1.0), (1, 0.0)):
        asked = labels.copy()
        asked[:, 2] = (labels[:, 2] + step) % specification.sizes[2]
        change = Change(Metric(0.5, 0.1), unseen, asked)
        monkeypatch.setattr(module, "change_attributes", lambda model, seed, found=change: {"palette": found})
        metrics = evaluator.control(model)
        assert metrics["kept_palette"] == change.kept
        assert metrics["changed_accuracy_palette"].value == pytest.approx(expected, abs=0.1)


def test_bad_input_is_one_line(world, tmp_path, capsys):
    data, unseen, requested = world
    small = write_folder(tmp_path / "small", unseen[:3, :32, :32])
    few = write_folder(tmp_path / "few", unseen[:3])
    odd = write_folder(tmp_path / "odd", unseen[:2], [{**row, "gender": "orc"} for row in requested[:2]])
    (tmp_path / "none").mkdir()
    for folder, message in (
        (small, "32x32"),
        (few, "at least 20"),
        (odd, "choose one of: feminine, masculine"),
        (tmp_path / "none", "no pictures"),
        (tmp_path / "nowhere", "not a folder"),
    ):
        arguments = ["evaluate", "--images", str(folder), "--data", str(data), "--out", str(tmp_path / "x.json")]
        assert main(arguments) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
    arguments = ["evaluate", "--images", str(few), "--data", str(data)]
    for more, message in (
        (["--out", "x.json", "--seed", "-1"], "the seed must lie between 0 and 4294967295, not -1"),
        (["--out", "x.json", "--seed", "99999999999"], "the seed must lie between"),
        (["--out", str(tmp_path / "x.HTML")], "name the JSON"),
        (["--out", str(tmp_path)], "is a folder; name a file"),
        (["--out", "."], "is a folder; name a file"),
    ):
        assert main([*arguments, *more]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and message in error
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", "--data", str(data), "--out", "x.json"])
    assert caught.value.code == 2


def test_the_page_needs_no_other_file(honest):
    """Nothing is fetched, every picture is inside, every section is there, and the JSON's metrics are shown."""
    page = (honest[1] / "metrics.html").read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"]{0,22})', page)
    assert len(sources) >= 8 and all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in re.sub(r'src="[^"]*"', "", page) and "<script" not in page and "url(" not in page
    for heading in ("Distances", "requested labels?", "Is it pixel art?", "Did it copy?", "The controls"):
        assert heading in page
    assert number(honest[0]["samples"]["frechet_random"]) in page
