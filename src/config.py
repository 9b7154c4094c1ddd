"""Configurations: the values of a training run, from `configs/FAMILY.yaml`, checked against the family's schema.

A schema has types and ranges, the YAML file has the values. An unknown name, a wrong type or a value out of range is an
error that lists the choices: a misspelt option never trains for a day in vain.
"""

from __future__ import annotations

import difflib
import functools
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from src.errors import InputError
from src.families import find_family
from src.schema import TrainingConfig, first_fault

CONFIGS = Path(__file__).resolve().parent.parent / "configs"

# Settings that change no training step; `kimg` does where a rate falls towards the end (`fall_kimg`).
REPORTING_FIELDS = (
    "kimg",
    "epochs",
    "log_kimg",
    "sample_kimg",
    "checkpoint_kimg",
    "keep_checkpoints",
    "evaluate_kimg",
    "evaluate_count",
    "bits_count",
    "palette_snap",
    "mlflow",
)

FROM_WEIGHTS = "from_weights"
"""The section of a family's YAML file for runs that begin with weights; it comes after the profile's."""

FORMER_SETTINGS = {
    "judge_kimg": "evaluate_kimg",
    "judge_count": "evaluate_count",
    "variety_weight": "diversity_weight",
    "told_changes": "augmentation_labels",
}
"""Names in files of earlier versions, and what they are called now."""


def load_config(
    family: str, profile: str, file: Path | None = None, overrides: Mapping[str, object] | None = None
) -> TrainingConfig:
    """The family's base values, then the profile's, then the file's, then the overrides; later ones win.

    Args:
        family: a name of `FAMILIES`.
        profile: a section of the family's YAML file.
        file: see `settings_in`.
        overrides: values by name; a text is read as the field's type.

    Raises:
        InputError: an unknown family, profile or name; a value of the wrong type or out of range; a bad file.
    """
    if profile not in profile_names(family):
        raise InputError(f"unknown profile {profile!r}; choose one of: {', '.join(profile_names(family))}")
    of_family = _flattened(_read_family(family), CONFIGS / f"{family}.yaml", family, ("base", profile))
    of_file = settings_in(file, family, profile) if file else {}
    return _checked(family, {**of_family, **of_file, **_with_present_names(overrides or {})})


def config_from_checkpoint(
    family: str, values: Mapping[str, object], overrides: Mapping[str, object] | None = None
) -> TrainingConfig:
    """The configuration in a checkpoint, a weights file or a `config.json` of any version, and changes to it.

    A setting that an earlier version did not have takes the family's base value.

    Args:
        family: a name of `FAMILIES`.
        values: by name, present or former.
        overrides: values by name that replace those.

    Raises:
        InputError: as for `load_config`.
    """
    base = _read_family(family)["base"]
    return _checked(family, {**base, **_with_present_names(values), **_with_present_names(overrides or {})})


def profile_names(family: str) -> list[str]:
    """The sections of the family's YAML file but for `base` and `from_weights`.

    Raises:
        InputError: an unknown family.
    """
    return [name for name in _read_family(family) if name not in ("base", FROM_WEIGHTS)]


def settings_from_weights(family: str) -> dict[str, object]:
    """What a run that begins with weights changes, by name: the family's section `from_weights`."""
    return _flattened(_read_family(family), CONFIGS / f"{family}.yaml", family, (FROM_WEIGHTS,))


def family_and_profile_in(file: Path) -> tuple[str | None, str | None]:
    """The family and the profile that a file of settings names, as the `config.json` of a run does.

    Raises:
        InputError: a missing or unreadable file.
    """
    content = _read(Path(file))
    named = content.get("family"), content.get("profile")
    if not all(name is None or isinstance(name, str) for name in named):
        raise InputError(f"{file}: family and profile must be names, not {reprlib.repr(named)}")
    return named


def settings_in(file: Path, family: str, profile: str, from_weights: bool = False) -> dict[str, object]:
    """The values by name that a file of settings has for a family and a profile.

    The file is YAML: values by name, or the sections `base`, `smoke`, ... of `configs/FAMILY.yaml`, or both; or it is
    the `config.json` of a run. Of a run that begins with weights, the section `from_weights` counts too.

    Raises:
        InputError: a missing or unreadable file, or one for another family.
    """
    file = Path(file)
    content = _read(file)
    if (named := content.get("family") or family) != family:
        raise InputError(f"{file} has settings of {named}, not of {family}; choose that family")
    if "config" in content:  # a run's own; the rest describes its data
        content = content["config"]
    sections = ("base", profile, FROM_WEIGHTS) if from_weights else ("base", profile)
    return _flattened(content, file, family, sections)


def parse_assignments(assignments: Sequence[str]) -> dict[str, str]:
    """`["batch_size=64", ...]` -> `{"batch_size": "64", ...}`; `load_config` reads each text as its field's type.

    Raises:
        InputError: no `=`, or one name with two values.
    """
    values: dict[str, str] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise InputError(f"{assignment!r} is not of the form name=value")
        if values.setdefault(name, text) != text:
            raise InputError(f"{name} is given twice, as {values[name]!r} and {text!r}; give it once")
    return values


def former_names_among(values: Mapping[str, object]) -> list[str]:
    """A line for every setting that is named as in earlier versions, with its present name."""
    return [f"{name} is now called {FORMER_SETTINGS[name]}" for name in values if name in FORMER_SETTINGS]


def config_to_dict(config: TrainingConfig) -> dict[str, object]:
    """Every field by name, ready for JSON."""
    return config.model_dump()


def differences(before: TrainingConfig, after: TrainingConfig) -> list[str]:
    """`name: before -> after` for every field that differs, but for those that only say how long and how often."""
    silent = {*REPORTING_FIELDS}
    if getattr(before, "fall_kimg", 0) > 0:
        silent.remove("kimg")  # a rate that falls towards the end depends on where the end is
    return [
        f"{name}: {old} -> {getattr(after, name)}"
        for name, old in config_to_dict(before).items()
        if name not in silent and getattr(after, name) != old
    ]


@functools.cache
def _read_family(family: str) -> dict[str, dict[str, object]]:
    find_family(family)  # refuses an unknown name
    return _read(CONFIGS / f"{family}.yaml")


def _read(file: Path) -> dict[str, object]:
    """The content of a YAML or JSON file of settings."""
    if not file.is_file():
        raise InputError(f"no settings at {file}; name a YAML file, or the config.json of a run")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"{file} cannot be read as YAML ({' '.join(str(error).split())[:200]})") from None
    return _mapping(content, str(file))


def _mapping(content: object, where: str) -> dict[str, object]:
    if content is not None and not isinstance(content, dict):
        raise InputError(f"{where} holds no settings; write them as `name: value`, one a line")
    return content or {}


def _flattened(content: object, file: Path, family: str, sections: Sequence[str]) -> dict[str, object]:
    """Values outside of all sections, then those of these sections; later ones win."""
    content = _mapping(content, str(file))
    others = {"family", "profile", "base", FROM_WEIGHTS, *profile_names(family)}
    values = {name: value for name, value in content.items() if name not in others}
    for section in sections:
        values |= _mapping(content.get(section), f"{section} in {file}")
    return _with_present_names(values)


def _with_present_names(values: Mapping[str, object]) -> dict[str, object]:
    return {FORMER_SETTINGS.get(name, name): value for name, value in values.items()}


def _checked(family: str, values: Mapping[str, object]) -> TrainingConfig:
    """The family's configuration of these values.

    Raises:
        InputError: what is wrong with the first bad value, in one line.
    """
    try:
        return find_family(family).config_class.model_validate({str(name): value for name, value in values.items()})
    except ValidationError as invalid:
        error = invalid.errors(include_url=False)[0]
        name, reason, value = first_fault(invalid)
    if error["type"] == "extra_forbidden":
        known = sorted(find_family(family).config_class.model_fields)
        closest = difflib.get_close_matches(name, known)
        listed = ", ".join([*closest, *(other for other in known if other not in closest)])
        raise InputError(f"unknown setting {name!r}; the settings are: {listed}")
    if error["type"] == "missing":
        raise InputError(f"configs/{family}.yaml has no value for {name}")
    if error["type"] == "literal_error":
        choices = error["ctx"]["expected"].replace(" or ", ", ").replace("'", "")
        raise InputError(f"unknown {name} {reprlib.repr(value)}; choose one of: {choices}")
    if error["type"] == "value_error":
        # Without a name where several values do not go together.
        raise InputError(f"{name} {error['ctx']['error']}".strip())
    raise InputError(f"{name} {reason}, not {reprlib.repr(value)}")
