"""From a checkpoint to portraits."""

import dataclasses
import json
import shlex

import numpy as np
import pytest
import torch
from PIL import Image

from src.__main__ import main
from src.errors import InputError
from src.export.gallery import redraw_command
from src.images import read_rgba
from src.manifest import read_entries
from src.palettes.files import read_palette, write_palette
from src.palettes.snap import snap
from src.sampling import load_model, sample, vary, write_samples
from src.training.checkpoint import load_checkpoint
from src.training.run import train
from tests.conftest import SPECIFICATION, make_portraits


def packed_folder(tmp_path_factory):
    """A data folder with random portraits, all of them to train on."""
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
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = packed_folder(tmp_path_factory)
    settings = {"batch_size": 8, "base_channels": 4, "latent_dim": 12, "kimg": 0.064, "precision": "fp32"}
    result = train(folder, folder / "out", "resnet_gan", "smoke", settings, log=lambda line: None)
    return result.checkpoint


@pytest.fixture(scope="module")
def model(checkpoint):
    return load_model(checkpoint)


def test_the_same_seed_and_labels_give_the_same_portrait_in_any_company(model):
    requested = {"gender": "feminine"}
    many = sample(model, 21, seed=5, requested=requested)
    for index in (0, 7, 20):
        alone = sample(model, 1, seed=5 + index, requested=requested)
        assert alone.labels[0] == many.labels[index]
        assert np.array_equal(alone.portraits[0], many.portraits[index])
    assert not np.array_equal(many.portraits[0], many.portraits[1])


def test_labels_asked_for_are_kept_and_the_others_drawn(model):
    sampled = sample(model, 40, requested={"hero_class": "mage"})
    assert {labels["hero_class"] for labels in sampled.labels} == {"mage"}
    assert {labels["gender"] for labels in sampled.labels} == {"feminine", "masculine"}
    free = sample(model, 40)
    assert [labels["palette"] for labels in free.labels] == [labels["palette"] for labels in sampled.labels]


def test_portraits_are_rgba_with_binary_alpha(model):
    portraits = sample(model, 3).portraits
    assert portraits.shape == (3, 16, 16, 4) and portraits.dtype == np.uint8
    assert set(np.unique(portraits[..., 3])) <= {0, 255}
    assert (portraits[portraits[..., 3] == 0] == 0).all()


def test_files_and_manifest(model, tmp_path):
    sampled = sample(model, 5, seed=2, requested={"gender": "masculine", "hero_class": "bard", "palette": "warm"})
    grid = write_samples(sampled, tmp_path, model)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert len(manifest) == 5 and grid.is_file()
    for index, (name, entry) in enumerate(manifest.items()):
        assert np.array_equal(np.asarray(Image.open(tmp_path / name)), sampled.portraits[index])
        assert entry["seed"] == 2 + index
        assert entry["labels"] == {"gender": "masculine", "hero_class": "bard", "palette": "warm"}
        assert len(entry["checkpoint"]) == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "at least 1"),
        ({"count": 1, "seed": -1}, "between 0"),
        ({"count": 10**9}, "1,000,000,000 portraits need"),
        ({"count": 10**30}, "portraits need"),
        ({"count": 1, "requested": {"hero_class": "plumber"}}, "choose one of: bard, knight, mage"),
        ({"count": 1, "requested": {"species": "orc"}}, "this data set has: gender, hero_class, palette"),
    ],
)
def test_bad_wishes_are_refused(model, arguments, message):
    with pytest.raises(InputError, match=message):
        sample(model, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "gender=feminine", "--gender", "masculine"], "gender is given twice"),
        (["--label", "gender=feminine", "--label", "gender=masculine"], "gender is given twice"),
        (["--palette-snap", "9" * 5000], "a palette has 2 to 256 colours, not 999999999..."),
    ],
)
def test_what_contradicts_itself_or_has_no_end_is_refused(checkpoint, tmp_path, capsys, arguments, message):
    assert main(["sample", "--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


def test_a_varied_hero_has_every_class_and_is_itself_in_its_own(model, tmp_path):
    requested = {"gender": "masculine", "hero_class": "bard", "palette": "warm"}
    classes = model.labels.attributes["palette"]
    heroes, varied = sample(model, 3, 2, requested), vary(model, "palette", 3, 2, requested)
    assert [labels["palette"] for labels in varied.labels] == [*classes] * 3
    assert varied.seeds == tuple(seed for seed in (2, 3, 4) for _ in classes)
    assert np.array_equal(varied.portraits[classes.index("warm") :: len(classes)], heroes.portraits)
    grid = np.asarray(Image.open(write_samples(varied, tmp_path, model)))
    assert grid.shape[0] < grid.shape[1] * 3 / len(classes) + 8  # a row a hero
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert len(manifest) == 3 * len(classes)
    assert manifest["hero_masculine_bard_warm_000002.png"].keys() == {"seed", "labels", "checkpoint"}
    other = manifest["hero_masculine_bard_cool_000002_was_warm.png"]
    assert other["varied_from"] == requested and other["labels"] == {**requested, "palette": "cool"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vary", "species"], "unknown attribute 'species'; this data set has: gender, hero_class, palette"),
        (["--vary", "palette", "--keep", "2"], "resnet_gan samples without keep; leave --keep out"),
        (["--keep", "2"], "name their attribute with --vary"),
        (["--vary", "palette", "-n", "0"], "at least 1"),
        (["--from", "8"], "name the picture with --like"),
        (["--like", "missing.png", "--vary", "palette"], "leave --vary, --palette-file and --truncation out"),
        (["--like", "missing.png"], "missing.png"),
    ],
)
def test_bad_variations_are_refused(checkpoint, tmp_path, capsys, arguments, message):
    assert main(["sample", "--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_snapping_portraits_are_written_as_drawn(model, tmp_path):
    sampled = sample(model, 2)
    write_samples(sampled, tmp_path, model)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert {path.name for path in tmp_path.iterdir()} == {*manifest, "manifest.json", "grid.png"}
    assert all(entry.keys() == {"seed", "labels", "checkpoint"} for entry in manifest.values())


def test_snapped_samples_hold_only_colours_of_the_training_set(checkpoint, model, tmp_path):
    raw = sample(model, 11, seed=3)
    arguments = ["sample", "--checkpoint", str(checkpoint), "--out", str(tmp_path), "-n", "11", "--seed", "3"]
    assert main([*arguments, "--palette-snap", "6"]) == 0
    palette = read_palette(tmp_path / "palette.hex")
    assert len(palette) == 6 and np.array_equal(palette, read_palette(tmp_path / "palette.gpl"))
    assert {tuple(colour) for colour in palette} <= {tuple(colour) for colour in model.colours.colours}
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for (name, entry), portrait in zip(manifest.items(), raw.portraits, strict=True):
        assert entry["palette_snap"] == "6"
        written = np.asarray(Image.open(tmp_path / name))
        assert np.array_equal(written, snap(portrait, palette))
        assert np.array_equal(written[..., 3], portrait[..., 3])
    write_samples(raw, tmp_path / "raw", model)
    grid, raw_grid = (np.asarray(Image.open(folder / "grid.png")) for folder in (tmp_path, tmp_path / "raw"))
    assert np.array_equal(grid[:, : raw_grid.shape[1]], raw_grid)
    write_samples(dataclasses.replace(raw, portraits=snap(raw.portraits, palette)), tmp_path / "snapped", model)
    assert np.array_equal(grid[:, raw_grid.shape[1] :], np.asarray(Image.open(tmp_path / "snapped" / "grid.png")))


def test_the_checkpoint_carries_the_training_sets_colours(checkpoint, model):
    from tests.conftest import make_portraits

    images, _ = make_portraits(32)
    assert model.colours.counts.sum() == (images[..., 3] > 0).sum()
    assert len(model.colours.colours) <= 4096
    table = load_checkpoint(checkpoint)["training_colours"]
    assert table["colours"].dtype == torch.uint8 and table["counts"].dtype == torch.int64


def test_a_checkpoint_without_colours_takes_a_palette_file_alone(checkpoint, tmp_path, capsys):
    content = load_checkpoint(checkpoint)
    del content["training_colours"]
    torch.save(content, tmp_path / "old.pt")
    arguments = ["sample", "--checkpoint", str(tmp_path / "old.pt"), "--out", str(tmp_path / "out"), "-n", "1"]
    assert main([*arguments, "--palette-snap", "8"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "give a palette file" in message
    assert not (tmp_path / "out").exists()
    write_palette(tmp_path / "two.hex", np.array([[0, 0, 0], [255, 255, 255]], np.uint8))
    assert main([*arguments, "--palette-snap", str(tmp_path / "two.hex")]) == 0
    (entry,) = json.loads((tmp_path / "out" / "manifest.json").read_text()).values()
    assert entry["palette_snap"] == "two.hex"


def test_truncation_shortens_latents_and_is_a_dial_of_variety(model):
    requested = {"gender": "feminine", "hero_class": "mage", "palette": "cool"}
    whole, less = (sample(model, 24, requested=requested, truncation=truncation).portraits for truncation in (1.0, 0.2))
    assert np.array_equal(whole, sample(model, 24, requested=requested).portraits)
    spread = [np.abs(np.diff(portraits.astype(int), axis=0)).mean() for portraits in (whole, less)]
    assert spread[1] < 0.7 * spread[0]
    latents = torch.randn(3, model.family.latent_dim)
    assert torch.equal(model.family.truncated(latents, 0.2), 0.2 * latents)
    for wrong in (0.0, 1.5, -1.0):
        with pytest.raises(InputError, match="truncation must be above 0 and at most 1"):
            sample(model, 1, truncation=wrong)


def test_guidance_is_a_dial_of_families_that_have_it(model, checkpoint, data_folder, tmp_path, capsys):
    with pytest.raises(InputError, match="resnet_gan samples without guidance"):
        load_model(checkpoint, guidance=2.0)
    settings = {"kimg": 0.064, "guidance_weight": 1.0}
    guided = train(data_folder, tmp_path, "palette_pyramid", "smoke", settings, log=lambda line: None).checkpoint
    sampled = [sample(load_model(guided, weight), 8).portraits for weight in (None, 1.0, 4.0)]
    assert np.array_equal(sampled[0], sampled[1]) and not np.array_equal(sampled[0], sampled[2])
    for wrong in (-1.0, float("nan")):
        with pytest.raises(InputError, match="guidance_weight must be "):
            load_model(guided, wrong)
    arguments = ["sample", "--checkpoint", str(guided), "--out", str(tmp_path / "out"), "-n", "1"]
    assert main([*arguments, "--guidance", "-1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "out").exists()
    assert main([*arguments, "--guidance", "4"]) == 0


@pytest.fixture(scope="module")
def pyramid(tmp_path_factory):
    """A checkpoint of a family that can draw in given colours."""
    folder = packed_folder(tmp_path_factory)
    settings = {"kimg": 0.032, "precision": "fp32", "bits_count": 4}
    return train(folder, folder / "out", "palette_pyramid", "smoke", settings, log=lambda line: None).checkpoint


def test_heroes_in_the_colours_of_a_palette_file(pyramid, tmp_path):
    colours = {(0, 90, 220), (60, 140, 240), (90, 200, 255)}
    palette = tmp_path / "sea.hex"
    palette.write_text("".join(f"{red:02x}{green:02x}{blue:02x}\n" for red, green, blue in colours))
    out = tmp_path / "out"
    arguments = ["sample", "--checkpoint", str(pyramid), "--out", str(out), "-n", "5", "--gender", "feminine"]
    assert main([*arguments, "--palette-file", str(palette)]) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert len(manifest) == 5
    for name, entry in manifest.items():
        # The category is that of the colours; the gender is the one asked for.
        assert entry["palette_file"] == "sea.hex"
        assert entry["labels"]["palette"] == "cool" and entry["labels"]["gender"] == "feminine"
        pixels = read_rgba(out / name)
        assert {tuple(colour) for colour in pixels[pixels[..., 3] > 0][:, :3].tolist()} <= colours


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--palette", "warm"], "give one of them"),
        (["--palette-snap", "4"], "leave --vary and --palette-snap out"),
        (["--vary", "gender"], "leave --vary and --palette-snap out"),
    ],
)
def test_a_palette_file_beside_what_contradicts_it_is_refused(pyramid, tmp_path, capsys, more, message):
    palette = tmp_path / "two.hex"
    palette.write_text("0000ff\n00ff00\n")
    arguments = ["sample", "--checkpoint", str(pyramid), "--out", str(tmp_path / "out"), "--palette-file", str(palette)]
    assert main([*arguments, *more]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


def test_a_palette_of_few_colours_is_better_snapped_to(pyramid, tmp_path, capsys):
    arguments = ["sample", "--checkpoint", str(pyramid), "--out", str(tmp_path / "out"), "-n", "1"]
    for count, said in ((15, True), (16, False)):
        palette = tmp_path / f"{count}.hex"
        palette.write_text("".join(f"{9 * number:06x}\n" for number in range(count)))
        assert main([*arguments, "--palette-file", str(palette)]) == 0
        assert ("has 15 colours, fewer than heroes are drawn with" in capsys.readouterr().err) == said


def test_a_number_of_colours_is_refused_before_samples_are_made(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("src.sampling.load_model", lambda *_: pytest.fail("sampled"))
    assert main(["sample", "--out", str(tmp_path / "out"), "--snap", "0"]) == 2
    assert "snapped to 1 to 256 colours, not 0" in capsys.readouterr().err


def test_other_families_say_that_they_cannot_draw_in_given_colours(checkpoint, tmp_path, capsys):
    palette = tmp_path / "two.hex"
    palette.write_text("0000ff\n00ff00\n")
    arguments = ["sample", "--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), "-n", "1"]
    assert main([*arguments, "--palette-file", str(palette)]) == 2
    assert "--palette-snap" in capsys.readouterr().err


def test_class_names_make_no_paths(model, tmp_path):
    names = ("half-elf: mage?", "x/../../../y", "..\\z*", "a" * 300, "con ", "é/ü")
    sampled = sample(model, len(names), seed=0)
    labels = tuple({**each, "gender": name} for each, name in zip(sampled.labels, names, strict=True))
    out = tmp_path / "x" / "y" / "out"
    write_samples(dataclasses.replace(sampled, labels=labels), out, model)
    files = [path for path in (tmp_path / "x").rglob("*") if path.is_file()]
    assert len(files) == len(names) + 2 and all(path.parent == out for path in files)
    assert all(not set(path.name) & set('<>:"/\\|?* ') and len(path.name) < 200 for path in files)
    entries = json.loads((out / "manifest.json").read_text(encoding="utf-8")).values()
    assert [entry["labels"]["gender"] for entry in entries] == list(names)


def test_two_runs_into_one_folder_keep_both_in_the_manifest(model, tmp_path):
    write_samples(sample(model, 2, seed=0), tmp_path, model)
    gone = next(iter(json.loads((tmp_path / "manifest.json").read_text())))
    (tmp_path / gone).unlink()
    write_samples(sample(model, 2, seed=10), tmp_path, model)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert sorted(entry["seed"] for entry in manifest.values()) == [1, 10, 11] and gone not in manifest
    for of_another_program in ("[1]", '{"name": "a game", "icons": []}', '{"pages": {"name": "a game"}}'):
        (tmp_path / "manifest.json").write_text(of_another_program)
        with pytest.raises(InputError, match="choose another --out"):
            write_samples(sample(model, 1), tmp_path, model)
        assert (tmp_path / "manifest.json").read_text() == of_another_program


@pytest.mark.parametrize("arguments", [["--truncation", "0.5", "--gender", "feminine"], ["--vary", "palette"]])
def test_the_command_in_a_gallery_samples_the_same_portrait(checkpoint, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    assert main(["sample", "--checkpoint", str(checkpoint), "--out", "in", "-n", "2", "--seed", "4", *arguments]) == 0
    entries = read_entries(tmp_path / "in")
    name = next(name for name in reversed(entries) if ("varied_from" in entries[name]) == ("--vary" in arguments))
    assert main(shlex.split(redraw_command(entries[name], str(checkpoint)))[2:]) == 0
    assert np.array_equal(read_rgba(tmp_path / "in" / name), read_rgba(tmp_path / "redrawn" / name))


def test_names_that_become_the_same_stay_apart(model, tmp_path):
    sampled = sample(model, 3, seed=7)
    labels = tuple({**sampled.labels[0], "gender": name} for name in ("a b", "a-b", "A/B"))
    write_samples(dataclasses.replace(sampled, labels=labels, seeds=(7, 7, 7)), tmp_path, model)
    assert len(list(tmp_path.glob("hero_*.png"))) == 3
    assert [entry["labels"]["gender"] for entry in read_entries(tmp_path).values()] == ["a b", "a-b", "A/B"]


def test_what_can_be_refused_early_is_refused_before_samples_are_made(checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("src.sampling.sample", lambda *_, **__: pytest.fail("sampled in vain"))
    (tmp_path / "file").touch()
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "manifest.json").write_text("[]")
    (tmp_path / "app" / "palette.gpl").write_text("GIMP Palette\n0 0 0 mine\n255 255 255 too\n")
    arguments = ["sample", "--checkpoint", str(checkpoint), "--out"]
    for given, message in (
        ([str(tmp_path / "file")], "cannot be written"),
        ([str(tmp_path / "app"), "--palette-snap", str(tmp_path / "app" / "palette.gpl")], "would be overwritten"),
        ([str(tmp_path / "out"), "--palette-snap", "typo.gpl"], "neither a number of colours nor a palette file"),
        ([str(tmp_path / "out"), "--palette-snap", "1"], "a palette has 2 to 256 colours"),
    ):
        assert main([*arguments, *given]) == 2
        assert message in capsys.readouterr().err
    assert "mine" in (tmp_path / "app" / "palette.gpl").read_text() and not (tmp_path / "out").exists()


def test_portraits_that_replace_others_of_their_name_are_counted(checkpoint, tmp_path, capsys):
    arguments = ["sample", "--checkpoint", str(checkpoint), "--out", str(tmp_path), "-n"]
    for more, replaced in ((["3"], 0), (["3"], 0), (["2", "--truncation", "0.5"], 2)):
        assert main([*arguments, *more]) == 0
        said = capsys.readouterr().out
        assert ("replaced" in said) == bool(replaced) and f"{replaced} of them replaced" * bool(replaced) in said
