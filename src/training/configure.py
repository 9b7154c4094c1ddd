"""What a run trains: family, profile and configuration, from the arguments or the checkpoint, checked beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from src.config import config_from_checkpoint, differences, family_and_profile_in, load_config, settings_in
from src.data.packed import PackedPortraits, condition_names
from src.device import default_profile, pick_device
from src.errors import InputError
from src.families import DEFAULT_FAMILY, find_family
from src.labels import LabelSpecification
from src.schema import TrainingConfig

OTHER_DATA = (
    "build the same data; or leave out --resume (notebook 03: RESUME=False), and the run moves to earlier_runs/; "
    "or begin with its weights (--from)"
)


@dataclass(frozen=True)
class Run:
    """What a run trains.

    Args:
        family: a name of `FAMILIES`.
        profile: the profile that the configuration began with.
        config: the configuration.
    """

    family: str
    profile: str
    config: TrainingConfig


def configure(
    checkpoint: Mapping[str, object] | None,
    family: str | None,
    profile: str | None,
    settings: Path | None,
    overrides: Mapping[str, object],
    log: Callable[[str], None],
) -> Run:
    """A fresh run, or that of a checkpoint with the changes asked for.

    Args:
        checkpoint: its content, to resume; None for a fresh run.
        family, profile, settings, overrides: as for `train`.
        log: takes a line for every change that matters to what is trained.

    Raises:
        InputError: an unknown name, a value that no run can use, or another run than the checkpoint's.
    """
    if checkpoint is None:
        named_family, named_profile = family_and_profile_in(settings) if settings else (None, None)
        family = family or named_family or DEFAULT_FAMILY
        profile = profile or named_profile or default_profile(pick_device())
        return Run(family, profile, load_config(family, profile, settings, overrides))

    resumed = checkpoint["family"], checkpoint["profile"]
    if family not in (None, checkpoint["family"]):
        raise InputError(f"the run to resume trains {checkpoint['family']!r}, not {family!r}; choose another --out")
    values = {**(settings_in(settings, *resumed) if settings else {}), **overrides}
    if "kimg" in values:  # in place of a length in epochs
        values.setdefault("epochs", 0)
    if "kimg" not in values and profile not in (None, checkpoint["profile"]):
        raise InputError(
            f"the run to resume has profile {checkpoint['profile']!r}; resume with that, or with --kimg alone"
        )
    if profile not in (None, checkpoint["profile"]):
        log(f"the run keeps its profile, {checkpoint['profile']}; --profile {profile} is for a new run")
    before = config_from_checkpoint(checkpoint["family"], checkpoint["config"])
    config = config_from_checkpoint(checkpoint["family"], checkpoint["config"], values)
    if config.seed != before.seed:
        raise InputError(f"the run to resume has seed {before.seed}; resume with that, or choose another --out")
    for change in differences(before, config):
        log(f"resuming with a change: {change}")
    return Run(*resumed, config)


def attributes_to_condition_on(run: Run, specification: LabelSpecification) -> tuple[str, ...]:
    """The attributes that the networks are conditioned on; none of an unconditional family.

    Raises:
        InputError: attributes were named for an unconditional family.
    """
    condition_on = run.config.condition_on
    if find_family(run.family).conditional:
        return condition_names(condition_on, specification)
    if condition_on not in ("all", "none"):
        raise InputError(
            f"{run.family} samples without labels, so condition_on={condition_on} means nothing to it; "
            "leave it out, or train a conditional family"
        )
    return ()


def check_data(checkpoint: Mapping[str, object], portraits: PackedPortraits) -> None:
    """Refuse other data than those that the run to resume was trained on.

    Raises:
        InputError: other labels, or other portraits.
    """
    saved = LabelSpecification.from_mapping(checkpoint["label_mappings"])
    if saved.to_mapping() != portraits.specification.to_mapping():
        raise InputError(
            f"the run to resume was trained with the labels {saved.to_mapping()}, the data have "
            f"{portraits.specification.to_mapping()}; {OTHER_DATA}"
        )
    if checkpoint["data_fingerprint"] != portraits.fingerprint:
        raise InputError(f"the run to resume was trained on other data (the fingerprints differ); {OTHER_DATA}")
