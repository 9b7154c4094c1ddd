"""Networks that measure a data set are trained once and kept in its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from src.files import replacing
from src.training.checkpoint_schema import digest


def kept_path(data: Path, kind: str, fingerprint: str, seed: int) -> Path:
    """Where a network of a data set and seed is kept.

    Args:
        data: the data folder.
        kind: what the network is, the first words of the file's name.
        fingerprint: of the data set.
        seed: of its training.
    """
    return Path(data) / f"{kind}_{fingerprint[:16]}_{seed}.safetensors"


def read_network(path: Path, network: nn.Module, version: str) -> dict[str, str] | None:
    """Put the kept weights into a network.

    Returns:
        What was written beside them; None, and the network as it was, where the file is missing, damaged or of
        another version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        checksum = metadata.pop("checksum", None)  # a file of an earlier version has none
        if metadata.get("version") != version or checksum not in (None, digest([weights, metadata])):
            return None
        network.load_state_dict(weights)
    except (SafetensorError, OSError, RuntimeError, ValueError):
        return None
    return metadata


def write_network(
    path: Path,
    network: nn.Module,
    version: str,
    log: Callable[[str], None],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Keep a network's weights under a version, with words beside them; where nothing can be written, say so."""
    weights = {name: weight.detach().cpu().contiguous() for name, weight in network.state_dict().items()}
    metadata = {**(metadata or {}), "version": version}
    try:
        with replacing(path) as temporary:
            save_file(weights, temporary, {**metadata, "checksum": digest([weights, metadata])})
    except (SafetensorError, OSError) as error:
        log(f"{path} cannot be written ({error}): the network is trained again the next time")
