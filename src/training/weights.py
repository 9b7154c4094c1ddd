"""Weights to pass on: a trained sampler and all that sampling with it needs, in one safetensors file.

A checkpoint goes on training and is several times as large. In the file's metadata, readable by any safetensors
library: family, profile, configuration, labels, the fingerprint of the training data, how long it was trained.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from src.errors import InputError
from src.files import replacing
from src.training.checkpoint import load_checkpoint, mistaken_for_weights
from src.training.checkpoint_schema import FORMER_NAMES, Stored, checked, checksums, networks_in

FORMAT = "hero_portraits_1"

OWN_WEIGHTS = Path(__file__).resolve().parents[2] / "artifacts_gan" / "checkpoints" / "heroes_64.safetensors"
"""Those that come with the project, trained on its own drawings."""

GAN_WEIGHTS = OWN_WEIGHTS.with_name("heroes_64_resnet_gan.safetensors")
"""A generator and a discriminator, trained on the same; notebook 03 starts from them."""

DESCRIPTION = (
    *("family", "profile", "config", "label_mappings", "data_fingerprint", "size", "channels"),
    *("intra_class_distance", "images_seen"),
)
"""What a file says besides its tensors."""

NETWORK = "network."
"""What the names of tensors begin with that are not the sampler's."""

COLOURS, COUNTS = "training_colours.colours", "training_colours.counts"
"""Names of two tensors that are not weights: the colours of the training portraits, for snapping."""


def write_weights(checkpoint: Path, out: Path, half: bool = False) -> None:
    """The averaged sampler of a checkpoint, as a file to pass on, and with it the other networks of an adversarial
    family: training can start from such a file too.

    Args:
        checkpoint: from `train`.
        out: a `.safetensors` file.
        half: as 16-bit floating-point numbers, in half the space; samples are computed in fp32 all the same.

    Raises:
        InputError: no such checkpoint, a weights file in its place, another ending, or a file that cannot be written.
    """
    out = Path(out)
    if out.suffix != ".safetensors":
        raise InputError(f"{out} must end in .safetensors")
    if Path(checkpoint).suffix == ".safetensors":
        raise InputError(f"{checkpoint} is a weights file already; name a checkpoint of `train` (.pt)")
    content = load_checkpoint(checkpoint)
    # In the form that `load_weights` gives back.
    kept = {name: content[name] for name in DESCRIPTION} | {
        "average": _stored(averaged_weights(content), half),
        "networks": {
            name: _stored(state, half)
            for name, state in networks_in(content["state"]).items()
            if state.keys() != averaged_weights(content).keys()
        },
    }
    tensors = dict(kept["average"])
    for network, state in kept["networks"].items():
        tensors |= {f"{NETWORK}{network}.{name}": weight for name, weight in state.items()}
    if colours := content.get("training_colours"):  # a checkpoint of an older version has none
        kept["training_colours"] = colours
        tensors |= {COLOURS: colours["colours"], COUNTS: colours["counts"]}
    metadata = {name: json.dumps(kept[name]) for name in DESCRIPTION} | {"checksums": json.dumps(checksums(kept))}
    file = _in_order(save(tensors, {"format": FORMAT, **metadata}))
    try:
        with replacing(out) as temporary:
            temporary.write_bytes(file)
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}); look at the path and the disk") from None


def _in_order(file: bytes) -> bytes:
    """A safetensors file with its metadata in alphabetical order: the library's own order differs from call to call,
    and the same checkpoint shall give the same file, and samples of it the same manifest."""
    length = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the tensors are aligned to 8 bytes
    return len(text).to_bytes(8, "little") + text + file[8 + length :]


def _stored(weights: Mapping[str, Tensor], half: bool) -> dict[str, Tensor]:
    """Weights as safetensors takes them: in memory of their own."""
    whole = {name: weight.contiguous().clone() for name, weight in weights.items()}
    if not half:
        return whole
    return {name: weight.half() if weight.is_floating_point() else weight for name, weight in whole.items()}


def averaged_weights(content: dict[str, object]) -> dict[str, Tensor]:
    """The state of the averaged sampler in what `load_weights` gives."""
    return {name.removeprefix("module."): weight for name, weight in content["average"].items() if name != "n_averaged"}


def load_weights(path: Path) -> dict[str, object]:
    """A checkpoint's content, or a weights file's in the same form, without the state of training.

    Raises:
        InputError: missing, damaged or foreign.
    """
    if Path(path).suffix != ".safetensors":
        return load_checkpoint(path)
    if not Path(path).is_file():
        raise InputError(f"no weights at {path}; name another file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError) as error:
        if mistaken := mistaken_for_weights(Path(path)):
            raise InputError(f"{path} {mistaken}") from None
        raise InputError(f"{path} cannot be read as weights ({str(error)[:120]}); fetch it again") from None
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path} holds no weights of this project; name a file that `python run.py weights` wrote")
    try:
        content = {name: json.loads(metadata[name]) for name in metadata.keys() & {*Stored.model_fields, *FORMER_NAMES}}
    except (ValueError, RecursionError):
        raise InputError(f"{path} is damaged: its description is not JSON; fetch it again") from None
    if COLOURS in tensors:
        content["training_colours"] = {"colours": tensors.pop(COLOURS), "counts": tensors.pop(COUNTS, None)}
    networks: dict[str, dict[str, Tensor]] = {}
    for name in [name for name in tensors if name.startswith(NETWORK)]:
        network, _, weight = name.removeprefix(NETWORK).partition(".")
        networks.setdefault(network, {})[weight] = tensors.pop(name)
    return checked({**content, "average": tensors, "networks": networks}, Path(path))
