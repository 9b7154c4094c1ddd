"""`train --from FILE`: a new run that begins with the weights of an earlier one, on other data.

G starts as the file's moving average, D as the file's D if it has one; optimizers start anew. Label embeddings are
matched by the names of the classes: a class that the file does not know begins at the mean of those that it knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from src.config import (
    REPORTING_FIELDS,
    config_from_checkpoint,
    config_to_dict,
    family_and_profile_in,
    load_config,
    settings_from_weights,
    settings_in,
)
from src.device import default_profile, pick_device
from src.errors import InputError
from src.family import Family
from src.labels import LabelSpecification
from src.schema import TrainingConfig
from src.training.configure import Run, configure
from src.training.weights import averaged_weights, load_weights

TABLE = re.compile(r"(?:^|.*\.)(?:tables|classifiers)\.(\d+)\.(?:weight|bias|parametrizations\.weight\.original)$")
"""One attribute's table, with a row a class, in the name of a parameter: an embedding, with spectral normalisation or
without, or a classifier."""

NEW_FIELDS = (*REPORTING_FIELDS, "batch_size", "seed", "precision", "condition_on", "ema_half_life_kimg")
"""Settings of the new run's profile; all others are those that the weights were trained with, or `from_weights`."""


@dataclass(frozen=True)
class Start:
    """What a file of weights gives to a new run.

    Args:
        path: of the file.
        content: from `load_weights`.
    """

    path: Path
    content: Mapping[str, object]

    @property
    def labels(self) -> LabelSpecification:
        """The attributes and classes that the weights were trained with."""
        return LabelSpecification.from_mapping(self.content["label_mappings"])


def read_start(path: Path) -> Start:
    """A checkpoint or weights file to start from.

    Raises:
        InputError: missing, damaged or foreign.
    """
    return Start(Path(path), load_weights(Path(path)))


def configure_from(
    start: Start, family: str | None, profile: str | None, settings: Path | None, overrides: Mapping[str, object]
) -> Run:
    """The run's family and settings: those of the file, but for `NEW_FIELDS`, which the profile gives, and for the
    section `from_weights` of the family's own.

    Args:
        start: the file.
        family, profile, settings, overrides: as for `train`; a profile that `settings` names counts too.

    Raises:
        InputError: another family than the file's, an unknown name, or a value that no run can use.
    """
    of_file = str(start.content["family"])
    if family not in (None, of_file):
        raise InputError(f"{start.path} holds a {of_file}, not a {family}; leave --family out, or start from nothing")
    _, named_profile = family_and_profile_in(settings) if settings else (None, None)
    profile = profile or named_profile or default_profile(pick_device())
    of_profile = config_to_dict(load_config(of_file, profile))
    values = {name: of_profile[name] for name in NEW_FIELDS}
    values["ema_rampup"] = 0.0  # the average begins with trained networks
    values |= settings_from_weights(of_file)
    values |= settings_in(settings, of_file, profile, from_weights=True) if settings else {}
    return Run(of_file, profile, config_from_checkpoint(of_file, start.content["config"], {**values, **overrides}))


def planned_config(
    start: Path | None, family: str, profile: str | None, overrides: Mapping[str, object]
) -> TrainingConfig:
    """The configuration of a fresh run before it begins; arguments and errors as for `train`."""
    if start is not None:
        return configure_from(read_start(start), family, profile, None, overrides).config
    return configure(None, family, profile, None, overrides, print).config


def take_over(start: Start, family: Family, log: Callable[[str], None]) -> None:
    """Give the networks of a family the weights of a file.

    The sampler takes the file's moving average. Other networks (a discriminator) take their own weights, where the file
    has them.

    Args:
        start: the file.
        family: with its networks built.
        log: takes one line that says what differs, where something does.

    Raises:
        InputError: the file has nothing that fits.
    """
    state = {**start.content.get("networks", {}), **start.content.get("state", {})}
    anew: list[str] = []
    taken = 0
    networks = family.networks
    if not any(network is family.sampler for network in networks.values()):
        networks = {"sampler": family.sampler}  # an autoencoder: its networks are the parts of its sampler
    for name, network in networks.items():
        weights = averaged_weights(start.content) if network is family.sampler else state.get(name)
        if weights is None:
            anew.append(name)
            continue
        matched = matching(network.state_dict(), weights, family.data.labels, start.labels)
        anew += [f"{name}.{each}" for each in network.state_dict() if each not in matched]
        taken += len(matched)
        network.load_state_dict(matched, strict=False)
    if not taken:
        raise InputError(
            f"{start.path} has no weights that fit these networks; start from another file, or from nothing"
        )
    before, now = start.labels.attributes, family.data.labels.attributes
    notes = [f"{name}: {_classes(now[name], before.get(name))}" for name in now if now[name] != before.get(name)]
    notes += [f"{name} is left out" for name in before if name not in now]
    if start.content["size"] != family.data.size:
        notes.append(f"portraits of {family.data.size} pixels in place of {start.content['size']}")
    if anew:
        notes.append(f"{len(anew)} tensors start anew ({', '.join(anew[:2])}{', ...' if len(anew) > 2 else ''})")
    log(f"starting from {start.path.name}{': ' if notes else ''}{'; '.join(notes)}")


def matching(
    own: Mapping[str, Tensor], given: Mapping[str, Tensor], labels: LabelSpecification, given_labels: LabelSpecification
) -> dict[str, Tensor]:
    """Those weights of a network that a file can give, by name: of the same shape, or a table of labels.

    Args:
        own, given: the states of the network and of the file's.
        labels, given_labels: which classes the rows of their tables stand for.
    """
    found = {}
    for name, weight in own.items():
        table = TABLE.match(name)
        if table and int(table[1]) < len(labels.names):
            attribute = labels.names[int(table[1])]
            source = None
            if attribute in given_labels.names:
                source = given.get(_of_column(name, given_labels.column(attribute)))
            if source is not None and source.shape[1:] == weight.shape[1:]:
                classes, known = labels.attributes[attribute], given_labels.attributes[attribute]
                found[name] = matched_rows(weight, source.to(weight), classes, known)
            continue
        # A table of something else, of augmentation labels, is counted from the last attribute on.
        moved = len(given_labels.names) - len(labels.names)
        name_there = _of_column(name, int(table[1]) + moved) if table else name
        if name_there in given and given[name_there].shape == weight.shape:
            found[name] = given[name_there].to(weight)
    return found


def matched_rows(own: Tensor, given: Tensor, classes: tuple[str, ...], known: tuple[str, ...]) -> Tensor:
    """A table [classes (+ null label), D], or a bias of as many, from another one, row by row.

    Args:
        own: the table to fill.
        given: the table to take from.
        classes, known: the classes that their first rows stand for.
    """
    rows = own.clone()
    rows[: len(classes)] = given[: len(known)].mean(dim=0)
    for index, name in enumerate(classes):
        if name in known:
            rows[index] = given[known.index(name)]
    if len(own) == len(classes) + 1 and len(given) == len(known) + 1:
        rows[-1] = given[-1]
    return rows


def _of_column(name: str, column: int) -> str:
    """The same table's name in a network that has the attribute at another place."""
    start, end = TABLE.match(name).span(1)
    return f"{name[:start]}{column}{name[end:]}"


def _classes(now: tuple[str, ...], before: tuple[str, ...] | None) -> str:
    if before is None:
        return "new attribute"
    new, gone = [name for name in now if name not in before], [name for name in before if name not in now]
    parts = [f"new {', '.join(new)}"] if new else []
    return ", ".join([*parts, f"without {', '.join(gone)}"] if gone else parts)
