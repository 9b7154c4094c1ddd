"""`train --from`: a new run begins with the weights of an earlier one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from src.__main__ import main
from src.config import config_to_dict, load_config, settings_from_weights
from src.errors import InputError
from src.families import FAMILIES, find_family
from src.family import DataSpecification
from src.labels import LabelSpecification
from src.training.checkpoint import load_checkpoint
from src.training.from_weights import configure_from, matched_rows, matching, read_start
from src.training.run import train
from src.training.weights import averaged_weights, load_weights, write_weights
from tests.conftest import SPECIFICATION, make_portraits

SETTINGS = {"kimg": 0.032, "precision": "fp32"}
STILL = {"learning_rate": 0.0, "weight_decay": 0.0, "warmup_kimg": 0.0}
OTHER = LabelSpecification({"hero_class": ("archer", "knight", "mage"), "palette": ("cool", "warm")})


def write_set(folder: Path, specification: LabelSpecification, count: int = 48, size: int = 16) -> Path:
    images, labels = make_portraits(count, size)
    folder.mkdir()
    np.savez(
        folder / "portraits.npz",
        images=images,
        labels=labels[:, -len(specification.names) :],
        split=(np.arange(count) % 4 == 0).astype(np.uint8),
        filenames=np.array([f"{index:02d}.png" for index in range(count)]),
        group_ids=np.array([f"g{index // 2:02d}" for index in range(count)]),
        label_mappings=json.dumps(specification.to_mapping()),
        fingerprint=str(folder),
    )
    return folder


@pytest.fixture(scope="module")
def of(tmp_path_factory):
    """Family -> a checkpoint of it, trained a little."""
    folder = tmp_path_factory.mktemp("of")
    data, made = write_set(folder / "data", SPECIFICATION), {}

    def checkpoint(family: str) -> Path:
        if family not in made:
            made[family] = train(data, folder / family, family, "smoke", SETTINGS, log=lambda _: None).checkpoint
        return made[family]

    return checkpoint


def test_rows_are_matched_by_class_and_new_ones_begin_at_the_mean():
    given = torch.tensor([[1.0, 0.0], [3.0, 2.0], [9.0, 9.0]])  # knight, mage, null label
    own = torch.full((4, 2), -1.0)
    rows = matched_rows(own, given, ("archer", "knight", "mage"), ("knight", "mage"))
    assert rows.tolist() == [[2.0, 1.0], [1.0, 0.0], [3.0, 2.0], [9.0, 9.0]]
    assert (own == -1).all()


def test_tables_are_found_by_attribute_and_those_of_augmentations_behind_them():
    given = {f"labels.tables.{column}.weight": torch.full((3, 2), float(column)) for column in range(4)}
    own = {f"labels.tables.{column}.weight": torch.zeros(3, 2) for column in range(3)}
    found = matching(
        own, given, LabelSpecification({"b": ("x", "y")}), LabelSpecification({"a": ("z",), "b": ("x", "y")})
    )
    assert [weight[0, 0].item() for weight in found.values()] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("weights", ["checkpoint", "weights"])
def test_a_run_begins_with_average_and_discriminator(of, tmp_path, weights):
    path = of("resnet_gan")
    if weights == "weights":
        write_weights(path, tmp_path / "gan.safetensors")
        path = tmp_path / "gan.safetensors"
    data, lines = write_set(tmp_path / "data", OTHER), []
    still = {"learning_rate_generator": 0.0, "learning_rate_discriminator": 0.0}
    result = train(data, tmp_path / "out", None, "smoke", {**SETTINGS, **still}, log=lines.append, start=path)
    before, after = load_checkpoint(of("resnet_gan")), load_checkpoint(result.checkpoint)
    assert after["family"] == "resnet_gan" and after["images_seen"] == 32
    (line,) = [line for line in lines if line.startswith("starting from")]
    assert "hero_class: new archer, without bard" in line and "gender is left out" in line
    old, new = averaged_weights(before), after["state"]["generator"]
    assert torch.equal(new["colour_embedding.tables.1.weight"], old["colour_embedding.tables.2.weight"])  # palette
    assert torch.equal(new["embedding.tables.0.weight"][1:], old["embedding.tables.1.weight"][1:])
    assert torch.equal(new["embedding.tables.0.weight"][0], old["embedding.tables.1.weight"].mean(dim=0))
    parameters = [name for name in new if "tables" not in name and name.endswith(("weight", "bias", "original"))]
    assert len(parameters) > 10 and all(torch.equal(new[name], old[name]) for name in parameters)
    judge = before["state"]["discriminator"], after["state"]["discriminator"]
    assert all(torch.equal(*(state[name] for state in judge)) for name in judge[0] if name.endswith("conv.weight"))
    score = [name for name in judge[0] if "score" in name and name.endswith(("original", "bias"))]
    assert score and all(torch.equal(*(state[name] for state in judge)) for name in score)


def test_the_pyramid_starts_from_fp16_weights(of, tmp_path):
    write_weights(of("palette_pyramid"), tmp_path / "half.safetensors", half=True)
    data = write_set(tmp_path / "data", SPECIFICATION)
    result = train(
        data,
        tmp_path / "out",
        None,
        "smoke",
        {**SETTINGS, **STILL},
        log=lambda _: None,
        start=tmp_path / "half.safetensors",
    )
    given = averaged_weights(load_weights(tmp_path / "half.safetensors"))
    average = averaged_weights(load_checkpoint(result.checkpoint))
    for name, weight in given.items():
        if weight.is_floating_point():
            torch.testing.assert_close(average[name], weight.float(), rtol=0, atol=1e-7)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_begins_with_the_average(family, of, tmp_path):
    data, lines = write_set(tmp_path / "data", SPECIFICATION), []
    first = of(family)
    rates = {name: 0.0 for name in config_to_dict(load_config(family, "smoke")) if name.startswith("learning_rate")}
    values = {**SETTINGS, **rates, **({"codebook_decay": 0.999999} if family == "vqvae" else {})}
    result = train(data, tmp_path / "out", None, "smoke", values, log=lines.append, start=first)
    assert [line for line in lines if line.startswith("starting from")] == [f"starting from {first.name}"]
    before, after = (averaged_weights(load_checkpoint(path)) for path in (first, result.checkpoint))
    learned = [name for name in before if name.endswith(("weight", "bias", "original"))]
    assert learned
    for name in learned:
        torch.testing.assert_close(after[name], before[name], rtol=1e-4, atol=1e-6)


def test_an_auxiliary_classifier_is_matched_by_class(of, tmp_path):
    data = write_set(tmp_path / "data", OTHER)
    still = {"learning_rate_generator": 0.0, "learning_rate_discriminator": 0.0}
    result = train(data, tmp_path / "out", None, "smoke", {**SETTINGS, **still}, log=lambda _: None, start=of("acgan"))
    old, new = (load_checkpoint(path)["state"]["discriminator"] for path in (of("acgan"), result.checkpoint))
    for part in ("weight", "bias"):  # hero_class: archer, knight, mage from bard, knight, mage
        before, after = old[f"classifiers.1.{part}"], new[f"classifiers.0.{part}"]
        assert torch.equal(after[1:], before[1:])
        assert torch.equal(after[0], before.mean(dim=0))


def test_settings_are_the_files_and_length_is_the_profiles(of, tmp_path):
    path = train(
        write_set(tmp_path / "data", SPECIFICATION),
        tmp_path / "first",
        "dcgan",
        "smoke",
        {**SETTINGS, "latent_dim": 7, "ema_half_life_kimg": 3.0},
        log=lambda _: None,
    ).checkpoint
    result = train(tmp_path / "data", tmp_path / "out", None, "smoke", {"kimg": 0.016}, log=lambda _: None, start=path)
    config = load_checkpoint(result.checkpoint)["config"]
    assert config["latent_dim"] == 7 and config["kimg"] == 0.016
    # The average begins with trained networks: its half-life is the profile's, at once.
    assert config["ema_half_life_kimg"] == 10 and config["ema_rampup"] == 0


def test_the_section_for_runs_from_weights_comes_after_the_files_and_before_what_is_given(of, tmp_path):
    def chosen(settings=None, **given):
        config = configure_from(read_start(of("resnet_gan")), None, "smoke", settings, given).config
        return config.batch_size, config.ema_half_life_kimg

    profile = load_config("resnet_gan", "smoke")
    assert (profile.batch_size, profile.ema_half_life_kimg) == (16, 10)
    assert chosen() == (32, 4)
    assert chosen(batch_size=8) == (8, 4)
    file = tmp_path / "my.yaml"
    file.write_text("from_weights:\n  batch_size: 64\n")
    assert chosen(file) == (64, 4)


@pytest.mark.parametrize("family", ["resnet_gan", "r3gan", "vae"])
def test_a_run_from_weights_leaves_out_what_grows_from_nothing(family):
    growing = {"harden_kimg", "label_ramp_kimg", "kl_warmup_kimg"}
    values = config_to_dict(load_config(family, "cpu")) | settings_from_weights(family)
    assert growing & values.keys() and all(values[name] == 0 for name in growing & values.keys())


def test_the_rate_of_a_run_from_weights_is_its_own(of, tmp_path):
    """Whatever schedule the weights ended with: in a short run that of a card would never begin."""
    data = write_set(tmp_path / "data", SPECIFICATION)
    of_a_card = {**SETTINGS, "warmup_kimg": 25.0, "constant_kimg": 0.0, "fall_kimg": 400.0}
    path = train(data, tmp_path / "card", "palette_pyramid", "smoke", of_a_card, log=lambda _: None).checkpoint
    config = configure_from(read_start(path), None, "cpu", None, {}).config
    family = find_family("palette_pyramid")(
        config, DataSpecification(16, 4, SPECIFICATION, intra_class_distance=0.3), torch.device("cpu")
    )
    tenth = 100 * config.kimg
    assert [family.learning_rate(int(tenths * tenth)) for tenths in (1, 5, 9)] == [config.learning_rate] * 3


def test_a_file_of_settings_counts(of, tmp_path):
    """Its values, and the profile that it names; one for another family is refused."""
    data, file = write_set(tmp_path / "data", SPECIFICATION), tmp_path / "my.yaml"

    def begin(text):
        file.write_text(text)
        start = of("dcgan")
        result = train(data, tmp_path / "out", start=start, settings=file, log=lambda _: None)
        return load_checkpoint(result.checkpoint)

    content = begin("profile: smoke\nkimg: 0.008\nbatch_size: 8\nbeta1: 0.25\n")
    assert content["profile"] == "smoke" and content["images_seen"] == 8 and content["config"]["beta1"] == 0.25
    with pytest.raises(InputError, match="settings of vae, not of dcgan"):
        begin("family: vae\nprofile: smoke\n")


def test_bad_starts_are_one_line(of, tmp_path, capsys):
    data, out = str(write_set(tmp_path / "data", SPECIFICATION)), str(tmp_path / "out")
    run = ["train", "--data", data, "--out", out, "--profile", "smoke"]
    for more, words in (
        (["--from", str(tmp_path / "none.pt")], "no checkpoint at"),
        (["--from", str(of("dcgan")), "--family", "vae"], "holds a dcgan, not a vae"),
        (["--from", str(of("dcgan")), "--set", "latent_dims=3"], "latent_dim"),
    ):
        assert main([*run, *more]) == 2
        message = capsys.readouterr().err
        assert message.count("\n") == 1 and words in message
    assert not list(Path(out).rglob("*.pt"))
