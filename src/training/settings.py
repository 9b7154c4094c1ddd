"""What a run trains: family, profile and configuration, from the arguments or the checkpoint, checked beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from src.config import TrainingConfig, config_to_dict, differences, make_config
from src.data.packed import PackedPortraits, condition_names
from src.device import default_profile, pick_device
from src.errors import InputError
from src.families import DEFAULT_FAMILY, find_family
from src.labels import LabelSpecification


@dataclass(frozen=True)
class Settings:
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
    overrides: Mapping[str, object],
    log: Callable[[str], None],
) -> Settings:
    """The settings of a fresh run, or those of a checkpoint with the changes asked for.

    Args:
        checkpoint: its content, to resume; None for a fresh run.
        family, profile, overrides: as for `train`.
        log: takes a line for every change that matters to what is trained.

    Raises:
        InputError: an unknown name, a value that no run can use, or another run than the checkpoint's.
    """
    if checkpoint is None:
        family, profile = family or DEFAULT_FAMILY, profile or default_profile(pick_device())
        family_class = find_family(family)
        if profile not in family_class.profiles:
            raise InputError(f"unknown profile {profile!r}; choose one of: {', '.join(family_class.profiles)}")
        config = make_config(family_class.config_class, family_class.profiles[profile], overrides)
        check_values(config)
        return Settings(family, profile, config)

    if family not in (None, checkpoint["family"]):
        raise InputError(f"the run to resume trains {checkpoint['family']!r}, not {family!r}; choose another --out")
    if "kimg" not in overrides and profile not in (None, checkpoint["profile"]):
        raise InputError(
            f"the run to resume has profile {checkpoint['profile']!r}; resume with that, or with --kimg alone"
        )
    config_class = find_family(checkpoint["family"]).config_class
    before = make_config(config_class, checkpoint["config"])
    config = make_config(config_class, checkpoint["config"], overrides)
    if config.seed != before.seed:
        raise InputError(f"the run to resume has seed {before.seed}; resume with that, or choose another --out")
    check_values(config)
    for change in differences(before, config):
        log(f"resuming with a change: {change}")
    return Settings(checkpoint["family"], checkpoint["profile"], config)


def check_values(config: TrainingConfig) -> None:
    """Refuse numbers that no run can use.

    Raises:
        InputError: there is one.
    """
    defaults = type(config)()
    for name, value in config_to_dict(config).items():
        # A whole number that is 0 by default may be 0: the seed, the blocks of a network that is optional.
        least = 1 if isinstance(value, int) and getattr(defaults, name) else 0
        if isinstance(value, int | float) and not isinstance(value, bool) and not least <= value < 2**32:
            raise InputError(f"{name} must be at least {least}, not {value}")
    if config.batch_size % 2:
        raise InputError(f"batch_size must be even, not {config.batch_size}")
    for name in ("kimg", "log_kimg", "checkpoint_kimg"):
        if not getattr(config, name) > 0:
            raise InputError(f"{name} must be positive, not {getattr(config, name)}")


def attributes_to_condition_on(settings: Settings, specification: LabelSpecification) -> tuple[str, ...]:
    """The attributes that the networks are conditioned on; none of an unconditional family.

    Raises:
        InputError: attributes were named for an unconditional family.
    """
    condition_on = settings.config.condition_on
    if find_family(settings.family).conditional:
        return condition_names(condition_on, specification)
    if condition_on not in ("all", "none"):
        raise InputError(
            f"{settings.family} draws without labels, so condition_on={condition_on} means nothing to it; "
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
            f"{portraits.specification.to_mapping()}; build the same data, or start afresh without --resume"
        )
    if checkpoint["data_fingerprint"] != portraits.fingerprint:
        raise InputError(
            "the run to resume was trained on other data (the fingerprints differ); "
            "build the same data, or start afresh without --resume"
        )
