"""Configurations: values from YAML, layers over them, and what is refused."""

import json

import pytest
import yaml

from src.config import (
    CONFIGS,
    FORMER_SETTINGS,
    FROM_WEIGHTS,
    REPORTING_FIELDS,
    config_from_checkpoint,
    config_to_dict,
    differences,
    family_and_profile_in,
    former_names_among,
    load_config,
    parse_assignments,
    profile_names,
    settings_from_weights,
    settings_in,
)
from src.errors import InputError
from src.families import FAMILIES, find_family
from src.schema import TrainingConfig


@pytest.mark.parametrize("family", FAMILIES)
def test_the_yaml_file_has_every_value_once_and_profiles_only_what_differs(family):
    content = yaml.safe_load((CONFIGS / f"{family}.yaml").read_text(encoding="utf-8"))
    schema = find_family(family).config_class
    assert content["base"].keys() == schema.model_fields.keys()
    assert all(field.is_required() for field in schema.model_fields.values())
    assert settings_from_weights(family) == content.get(FROM_WEIGHTS, {})
    for profile in profile_names(family):
        assert all(content["base"][name] != value for name, value in content[profile].items())
        values = {**content["base"], **content[profile]}
        loaded = config_to_dict(load_config(family, profile))
        assert loaded == values
        assert all(type(loaded[name]) is type(value) for name, value in values.items())


def test_no_file_is_of_no_family():
    assert {path.stem for path in CONFIGS.iterdir()} == set(FAMILIES)


@pytest.mark.parametrize(
    ("family", "profile", "values"),
    [
        ("resnet_gan", "cpu", {"kimg": 30.0, "batch_size": 16, "base_channels": 32, "colours": 31, "r1_gamma": 1.0}),
        (
            "resnet_gan",
            "rtx2070",
            {"kimg": 12000.0, "batch_size": 64, "base_channels": 128, "ema_half_life_kimg": 20.0},
        ),
        ("cdcgan", "cpu", {"loss": "non_saturating", "beta1": 0.5, "augment": "", "diversity_weight": 0.0}),
        ("wgan", "cpu", {"learning_rate": 4e-4, "critic_steps": 3, "constraint": "gradient_penalty"}),
        ("vae", "rtx2070", {"latent_dim": 128, "kl_weight": 0.1, "kl_warmup_kimg": 100.0}),
        ("diffusion", "cpu", {"sampler": "dpm", "ddim_steps": 12, "learning_rate": 5e-4, "checkpoint_kimg": 10.0}),
        ("diffusion", "rtx2070", {"augmentation_labels": True, "guidance_weight": 1.5}),
        ("palette_pyramid", "smoke", {"finer_widths": "16,16,8", "passes": "5", "temperature": "1", "colours": 7}),
    ],
)
def test_values_that_results_were_measured_with(family, profile, values):
    assert values.items() <= config_to_dict(load_config(family, profile)).items()


def test_later_layers_win_and_texts_are_read_as_the_fields_type(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("kimg: 3\nr1_gamma: 4e-1\nbeta1: 0.25\n")
    overrides = {"kimg": "7.5", "batch_size": "8", "spectral_norm": "false", "condition_on": "none"}
    config = load_config("resnet_gan", "smoke", file, overrides)
    assert (config.kimg, config.batch_size, config.spectral_norm, config.condition_on) == (7.5, 8, False, "none")
    assert (config.r1_gamma, config.beta1) == (0.4, 0.25)  # the file's
    assert (config.base_channels, config.beta2) == (4, 0.9)  # the profile's, the base's
    assert isinstance(load_config("resnet_gan", "smoke", overrides={"kimg": 5}).kimg, float)
    assert load_config("palette_pyramid", "cpu", overrides={"passes": 8}).passes == "8"


def test_a_file_may_have_the_sections_of_the_familys_own(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("family: wgan\nprofile: cpu\nclip: 0.5\nbase:\n  beta1: 0.1\n  beta2: 0.2\ncpu:\n  beta2: 0.3\n")
    assert family_and_profile_in(file) == ("wgan", "cpu")
    assert settings_in(file, "wgan", "cpu") == {"clip": 0.5, "beta1": 0.1, "beta2": 0.3}
    assert settings_in(file, "wgan", "smoke") == {"clip": 0.5, "beta1": 0.1, "beta2": 0.2}
    with pytest.raises(InputError, match="settings of wgan, not of vae"):
        settings_in(file, "vae", "cpu")
    file.write_text("cpu:\n  beta2: 0.3\nfrom_weights:\n  beta2: 0.4\n")
    assert settings_in(file, "wgan", "cpu") == {"beta2": 0.3}
    assert settings_in(file, "wgan", "cpu", from_weights=True) == {"beta2": 0.4}


def test_the_record_of_a_run_gives_its_configuration_again(tmp_path):
    config = load_config("diffusion", "smoke", overrides={"learning_rate": 1e-5, "seed": 3, "palette_snap": "16"})
    run = {"family": "diffusion", "profile": "smoke", "config": config_to_dict(config), "size": 64}
    (tmp_path / "config.json").write_text(json.dumps(run))
    assert family_and_profile_in(tmp_path / "config.json") == ("diffusion", "smoke")
    assert load_config("diffusion", "cpu", tmp_path / "config.json") == config
    assert config_from_checkpoint("diffusion", run["config"]) == config


def test_records_of_earlier_versions_are_read():
    former = {"judge_kimg": 7.0, "judge_count": 9, "told_changes": True, "kimg": 3.0}
    config = config_from_checkpoint("diffusion", former, {"kimg": "4"})
    assert (config.evaluate_kimg, config.evaluate_count, config.augmentation_labels) == (7.0, 9, True)
    assert (config.kimg, config.ddim_steps) == (4.0, 50)  # the change; what that version did not have yet
    assert set(FORMER_SETTINGS.values()) <= {
        name for family in FAMILIES for name in find_family(family).config_class.model_fields
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 1.5}, "batch_size must be a valid integer"),
        ({"batch_size": "many"}, "batch_size must be a valid integer, not 'many'"),
        ({"batch_size": True}, "^batch_size must be a number or a text, not True"),
        ({"batch_size": 9}, "batch_size must be a multiple of 2, not 9"),
        ({"kimg": "long"}, "kimg must be a valid number, not 'long'"),
        ({"kimg": float("inf")}, "kimg must be a finite number"),
        ({"kimg": float("nan")}, "kimg must be a finite number, not nan"),
        ({"kimg": 0.0}, "kimg must be greater than 0, not 0.0"),
        ({"seed": None}, "seed must be a valid integer, not None"),
        ({"seed": -1}, "seed must be greater than or equal to 0, not -1"),
        ({"base_channels": 0}, "base_channels must be greater than or equal to 1, not 0"),
        ({"beta1": 1.5}, "beta1 must be less than 1, not 1.5"),
        ({"spectral_norm": "perhaps"}, "spectral_norm must be a valid boolean, not 'perhaps'"),
        ({"augment_probability": 1.1}, "augment_probability must be less than or equal to 1, not 1.1"),
        ({"loss": "lsgan"}, "unknown loss 'lsgan'; choose one of: hinge, non_saturating"),
        ({"precision": "fp8"}, "unknown precision 'fp8'; choose one of: auto, fp32, bf16, fp16"),
        ({"bath_size": 8}, "unknown setting 'bath_size'; the settings are: batch_size, .*augment, "),
        ({"diversity": 8}, "unknown setting 'diversity'; the settings are: diversity_weight, "),
    ],
)
def test_a_bad_value_is_one_line_that_lists_the_choices(values, message):
    with pytest.raises(InputError, match=message) as refused:
        load_config("resnet_gan", "smoke", overrides=values)
    assert "\n" not in str(refused.value)


def test_unknown_families_and_profiles_list_those_there_are():
    with pytest.raises(InputError, match="unknown family 'gan'; choose one of: resnet_gan, r3gan"):
        load_config("gan", "cpu")
    with pytest.raises(InputError, match="unknown profile 'cray'; choose one of: smoke, cpu, rtx2070"):
        load_config("vae", "cray")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no settings at .*my.yaml"),
        (b"kimg: [1\n", "cannot be read as YAML"),
        (b"\xff\xfe\xfa", "cannot be read as YAML"),
        (b"- kimg\n", "holds no settings"),
        (b"cpu: 3\n", "cpu in .*my.yaml holds no settings"),
        (b"config: 3\n", "holds no settings"),
        (b"config:\n- 3\n", "holds no settings"),
        (b"gpu:\n  kimg: 3\n", "unknown setting 'gpu'"),
        (b"on: 3\n", "unknown setting 'True'"),
        (b"family: [a]\n", "settings of"),
        (b"kl_weight: " + b"[" * 5000, "cannot be read as YAML"),
        (b"a: &a [x, x, x]\nb: &b [*a, *a, *a]\nkl_weight: [*b, *b, *b]\n", "must be a valid number"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, text, message):
    file = tmp_path / "my.yaml"
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(InputError, match=message) as refused:
        load_config("vae", "cpu", file)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 600


@pytest.mark.parametrize("text", ["family: [vae]\n", "profile: {cpu: 1}\n", "family: 5\n"])
def test_names_in_a_file_are_names(tmp_path, text):
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(InputError, match="must be names"):
        family_and_profile_in(tmp_path / "my.yaml")


def test_a_former_name_is_accepted_everywhere_and_said(tmp_path):
    overrides = {"judge_kimg": "7", "kimg": "4"}
    config = load_config("diffusion", "smoke", overrides=overrides)
    again = config_from_checkpoint("diffusion", config_to_dict(load_config("diffusion", "smoke")), overrides)
    assert config.evaluate_kimg == again.evaluate_kimg == 7
    assert former_names_among(overrides) == ["judge_kimg is now called evaluate_kimg"]


def test_a_name_given_twice_must_have_one_value():
    assert parse_assignments(["a=1", "b=x=y", "a=1"]) == {"a": "1", "b": "x=y"}
    with pytest.raises(InputError, match="gender is given twice, as 'feminine' and 'masculine'"):
        parse_assignments(["gender=feminine", "gender=masculine"])


def test_a_value_that_the_yaml_file_lacks_is_an_error(monkeypatch):
    monkeypatch.setattr("src.config._read_family", lambda family: {"base": {"kimg": 1.0}, "smoke": None})
    with pytest.raises(InputError, match=r"configs/vae.yaml has no value for epochs"):
        load_config("vae", "smoke")


def test_assignments():
    assert parse_assignments(["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}
    for wrong in ("a", "=1"):
        with pytest.raises(InputError, match="name=value"):
            parse_assignments([wrong])


def test_differences_leave_out_what_changes_no_step():
    before, after = (
        load_config("vae", "cpu", overrides={"kimg": kimg, "batch_size": size, "log_kimg": kimg})
        for kimg, size in ((1.0, 8), (2.0, 16))
    )
    assert differences(before, after) == ["batch_size: 8 -> 16"]
    falling = [
        load_config("palette_pyramid", "cpu", overrides={"kimg": kimg, "fall_kimg": 1.0}) for kimg in (1.0, 10.0)
    ]
    assert differences(*falling) == ["kimg: 1.0 -> 10.0"]
    assert set(REPORTING_FIELDS) <= TrainingConfig.model_fields.keys()
