"""What checkpoints and weights files have in common: a checksum of each entry, and the schema that a file is checked
against where it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from src.errors import InputError
from src.families import find_family
from src.labels import LabelSpecification
from src.schema import first_fault

FORMER_NAMES = {"within_label_distance": "intra_class_distance"}
"""Names in files of earlier versions, and what they are called now."""

LARGEST_SIZE = 4096
"""Side of portraits in pixels: a file that says more is damaged."""


class Colours(BaseModel):
    """The colours of the training portraits: uint8 [K, 3], and int64 [K], how often each occurs."""

    model_config = ConfigDict(strict=True, arbitrary_types_allowed=True)

    colours: Tensor
    counts: Tensor

    @model_validator(mode="after")
    def _belong_together(self) -> Colours:
        count = self.counts.numel()
        if not count or self.counts.dtype != torch.int64 or self.colours.dtype != torch.uint8:
            raise ValueError("must be colours and their counts")
        if self.counts.shape != (count,) or self.colours.shape != (count, 3):
            raise ValueError("must be as many colours as counts")
        return self


class Stored(BaseModel):
    """The content of a checkpoint or weights file. An older one may lack what has a default; others may hold more."""

    model_config = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False, extra="allow")

    family: str
    profile: str
    config: dict[str, bool | int | float | str]
    label_mappings: dict[str, dict[str, int]]
    data_fingerprint: str
    size: Annotated[int, Field(ge=1, le=LARGEST_SIZE)]
    channels: Literal[4]
    intra_class_distance: Annotated[float, Field(gt=0)]
    images_seen: Annotated[int, Field(ge=0)]
    average: dict[str, Tensor]
    state: dict[str, Any] = {}
    networks: dict[str, dict[str, Tensor]] = {}
    training_colours: Colours | None = None
    checksums: dict[str, str] = {}


def checked(content: Mapping[str, object], path: Path) -> dict[str, object]:
    """The content of a file, under the names of this version.

    Raises:
        InputError: damaged, of another shape, or with weights that are not finite numbers.
    """
    content = {FORMER_NAMES.get(name, name): value for name, value in content.items()}
    advice = "use an older file, or a fresh copy"
    try:
        stored = Stored.model_validate(content)
    except ValidationError as error:
        name, reason, _ = first_fault(error)
        raise InputError(f"{path} is damaged or changed by hand: {name} {reason}; {advice}") from None
    find_family(stored.family)
    LabelSpecification.from_mapping(stored.label_mappings)
    networks = {"average": stored.average, **networks_in(stored.state), **stored.networks}
    try:
        for name, checksum in content.pop("checksums", {}).items():  # a file of an earlier version has none
            if name in content and digest(content[name]) != checksum:
                raise InputError(f"{path} is damaged: {name!r} does not match its checksum; {advice}")
        for name, weights in networks.items():
            if any(not weight.isfinite().all() for weight in weights.values()):
                raise InputError(f"{path} holds weights of {name!r} that are not finite numbers; {advice}")
    except RuntimeError as error:  # tensors of a kind that no network has: sparse, without numbers
        reason = str(error).splitlines()[0][:120]
        raise InputError(f"{path} is damaged or changed by hand ({reason}); {advice}") from None
    return content


def networks_in(state: Mapping[str, object]) -> dict[str, dict[str, Tensor]]:
    """The networks in a state of training, by name: all that is made of tensors alone."""
    return {
        name: part
        for name, part in state.items()
        if isinstance(part, dict) and part and all(isinstance(each, Tensor) for each in part.values())
    }


def checksums(content: Mapping[str, object]) -> dict[str, str]:
    """SHA-256 of every entry, to be stored beside them as `checksums`."""
    return {name: digest(value) for name, value in content.items()}


def digest(value: object) -> str:
    """SHA-256 of tensors, numbers and texts in dictionaries and lists: the same wherever the tensors lie."""
    found = hashlib.sha256()
    for part in _bytes_of(value):
        found.update(part)
    return found.hexdigest()


def _bytes_of(value: object) -> Iterator[bytes | memoryview]:
    if isinstance(value, Tensor):
        yield f"{value.dtype} {list(value.shape)} ".encode()
        yield value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
    elif isinstance(value, Mapping):
        yield f"{len(value)} entries ".encode()
        for name in sorted(value, key=repr):
            yield repr(name).encode()
            yield from _bytes_of(value[name])
    elif isinstance(value, list | tuple):
        yield f"{len(value)} parts ".encode()
        for part in value:
            yield from _bytes_of(part)
    else:
        yield f"{value!r} ".encode()
