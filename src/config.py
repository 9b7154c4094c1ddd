"""Typed configurations: a dataclass a family, a profile as a set of values, overrides from text.

An unknown name or a wrong type is an error that lists the names: a misspelt option never trains for a day in vain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, get_type_hints

from src.errors import InputError


@dataclass(frozen=True)
class TrainingConfig:
    """What the training loop itself needs to know. Families extend it with their own fields.

    Budgets, intervals and half-lives are in kimg: thousands of real images the model has seen.
    """

    # How long, and from which seed.
    kimg: float = 20.0
    seed: int = 0
    batch_size: int = 32
    # auto: bf16 where the hardware has it, else fp16 on CUDA, else fp32.
    precision: str = "auto"
    # Attributes the networks are conditioned on: `all`, `none`, or names joined by commas. Palette conditioning is
    # switched off with `gender,hero_class`.
    condition_on: str = "all"
    # The generator that draws samples is an exponential moving average with this half-life ...
    ema_half_life_kimg: float = 10.0
    # ... but never longer than this share of the images seen: early on, an average would lag far behind.
    ema_rampup: float = 0.05
    # Reporting.
    log_kimg: float = 1.0
    # 0: once an epoch.
    sample_kimg: float = 10.0
    checkpoint_kimg: float = 10.0
    keep_checkpoints: int = 3
    # A cheap look at the averaged sampler, where the loop was given a judge: so many samples, so often; the checkpoint
    # with the best look is kept as `best.pt`. 0: never.
    evaluate_kimg: float = 10.0
    evaluate_count: int = 256
    # Of so many training and validation portraits the exact likelihood is measured with every grid, for families that
    # have one. 0: never.
    bits_count: int = 64
    # A number of colours, or a palette file (.gpl, .hex, .pal, .png): the grids show the samples snapped to that
    # palette beside the raw ones.
    palette_snap: str = ""
    # The MLflow experiment that is told what `metrics.csv` is told; empty: none.
    mlflow: str = ""


# What may change when a run is resumed without a word: none of these changes what a training step does.
REPORTING_FIELDS = (
    "kimg",
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

Config = TypeVar("Config", bound=TrainingConfig)


def make_config(config_class: type[Config], *layers: Mapping[str, object]) -> Config:
    """A configuration from its defaults and layers of values; later layers win. A text is read as its field's type.

    Raises:
        InputError: an unknown name or a value of the wrong type.
    """
    types = get_type_hints(config_class)
    values: dict[str, object] = {}
    for layer in layers:
        for name, value in layer.items():
            if name not in types:
                raise InputError(f"unknown setting {name!r}; the settings are: {', '.join(sorted(types))}")
            kind = types[name]
            values[name] = _from_text(name, value, kind) if isinstance(value, str) else _checked(name, value, kind)
    return config_class(**values)


def parse_assignments(assignments: Sequence[str]) -> dict[str, str]:
    """`["batch_size=64", ...]` -> `{"batch_size": "64", ...}`; `make_config` reads each text as its field's type.

    Raises:
        InputError: no `=`.
    """
    values = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise InputError(f"{assignment!r} is not of the form name=value")
        values[name] = text
    return values


def config_to_dict(config: TrainingConfig) -> dict[str, object]:
    """Every field by name, ready for JSON."""
    return dataclasses.asdict(config)


def differences(before: TrainingConfig, after: TrainingConfig) -> list[str]:
    """`name: before -> after` for every field that differs, but for those that only say how long and how often."""
    return [
        f"{name}: {old} -> {getattr(after, name)}"
        for name, old in config_to_dict(before).items()
        if name not in REPORTING_FIELDS and getattr(after, name) != old
    ]


def _from_text(name: str, text: str, kind: type) -> object:
    if kind is bool:
        words = {
            "true": True,
            "1": True,
            "yes": True,
            "on": True,
            "false": False,
            "0": False,
            "no": False,
            "off": False,
        }
        if text.lower() not in words:
            raise InputError(f"{name} is true or false, not {text!r}")
        return words[text.lower()]
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"{name} takes a value of type {kind.__name__}, not {text!r}") from None


def _checked(name: str, value: object, kind: type) -> object:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise InputError(f"{name} takes a value of type {kind.__name__}, not {value!r}")
    return value
