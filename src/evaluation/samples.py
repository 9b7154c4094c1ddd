"""The portraits to evaluate: samples of a checkpoint, or pictures by anyone in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.errors import InputError
from src.evaluation.portrait_set import PortraitSet
from src.labels import LabelSpecification
from src.limits import check_memory
from src.manifest import find_pictures, read_entries, read_portrait
from src.progress import track


@dataclass(frozen=True)
class Samples:
    """Portraits to evaluate.

    Args:
        portraits: with the labels requested, of none, some or all of the data set's attributes.
        names: one a portrait, for the report.
        origin: where they come from, for the report.
        partial_alpha: float [N], the share of a file's visible pixels that are not opaque.
    """

    portraits: PortraitSet
    names: tuple[str, ...]
    origin: dict[str, object]
    partial_alpha: np.ndarray


def sample_checkpoint(
    checkpoint: Path,
    count: int,
    seed: int,
    requested: np.ndarray,
    specification: LabelSpecification,
    fingerprint: str,
    guidance: float | None = None,
) -> Samples:
    """Samples with labels as frequent as among the validation portraits, so that both can be compared.

    Sample i has the labels of row i of `requested`, which are gone through again and again. `sample` with its seed and
    labels gives it again.

    Args:
        checkpoint: file.
        count: how many.
        seed: the first portrait's seed.
        requested: int64 [M, A], labels, in an order without pattern.
        specification: the attributes and classes behind `requested`.
        fingerprint: of the data set.
        guidance: how much the labels are exaggerated; None: as configured.

    Raises:
        InputError: no such checkpoint, or one of other attributes, classes or size than the data set's; guidance of a
            family without it.
    """
    from src.sampling import load_model, sample

    model = load_model(checkpoint, guidance)
    check_memory(16 * count * model.family.data.size**2, f"{count:,} samples", "evaluate fewer (-n)")
    conditions = model.labels.names if model.family.conditional else ()
    for name in conditions:
        if specification.attributes.get(name) != model.labels.attributes[name]:
            raise InputError(
                f"{checkpoint} is conditioned on {name!r} with other classes than this data set has; name the data "
                "folder it was trained on"
            )
    known = specification.restricted_to(conditions)
    columns = [specification.names.index(name) for name in known.names]
    labels = requested[np.arange(count) % len(requested)][:, columns]

    cells, cell_of = np.unique(labels, axis=0, return_inverse=True)
    portraits: list[np.ndarray] = [np.empty(0)] * count
    seeds = [0] * count
    next_seed = seed
    for index, cell in enumerate(track(cells, "sampling")):
        places = np.flatnonzero(cell_of.reshape(-1) == index)
        sampled = sample(model, len(places), next_seed, known.decode(cell))
        next_seed += len(places)
        for place, portrait, its_seed in zip(places, sampled.portraits, sampled.seeds, strict=True):
            portraits[place], seeds[place] = portrait, its_seed
    origin = {
        "checkpoint": Path(checkpoint).name,
        "checkpoint_hash": model.checkpoint_hash,
        "family": model.family_name,
        "seed": seed,
        "guidance": getattr(model.family.config, "guidance_weight", None),
        "trained_on_this_data": model.data_fingerprint == fingerprint,
    }
    names = tuple(f"seed {its_seed}" for its_seed in seeds)
    return Samples(PortraitSet(np.stack(portraits), labels, known), names, origin, np.zeros(count))


def read_samples(folder: Path, count: int, size: int, specification: LabelSpecification) -> Samples:
    """Read pictures by anyone, with the labels that `manifest.json` (of `sample`) or `labels.csv` give, if any.

    Args:
        folder: where the pictures lie, also in folders below; those named `grid.png` are none.
        count: the most to read; of more, a fixed random choice. They come in a fixed random order.
        size: side that every picture must have.
        specification: the data set's attributes. One that is not given for every picture is not evaluated.

    Raises:
        InputError: no such folder, no pictures, a damaged one or one of another size, an unknown class.
    """
    folder = Path(folder)
    found = find_pictures(folder)
    # In random order: names often begin with the labels, and the first few pictures must stand for all.
    all_names = list(found)
    names = tuple(all_names[index] for index in np.random.RandomState(0).permutation(len(found))[:count])
    portraits = np.empty((len(names), size, size, 4), np.uint8)
    partial_alpha = np.empty(len(names))
    for index, name in enumerate(track(names, "reading")):
        path = found[name]
        portrait = read_portrait(path)
        if portrait.shape != portraits.shape[1:]:
            height, width = portrait.shape[:2]
            raise InputError(
                f"{path} is {width}x{height}, the data set's portraits are {size}x{size}; "
                "bring the pictures to that size with `prepare --size`"
            )
        portraits[index] = portrait
        partial_alpha[index] = _partial_alpha(path)
    known, labels = _read_labels(folder, names, specification)
    origin = {"images": folder.name, "pictures_found": len(found)}
    return Samples(PortraitSet(portraits, labels, known), names, origin, partial_alpha)


def _partial_alpha(path: Path) -> float:
    """The share of visible pixels that are not opaque; `read_rgba`, which has read the file before, makes them so."""
    from PIL import Image

    with Image.open(path) as image:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
    visible = alpha[alpha > 0]
    return float((visible < 255).mean()) if len(visible) else 0.0


def _read_labels(
    folder: Path, names: tuple[str, ...], specification: LabelSpecification
) -> tuple[LabelSpecification, np.ndarray]:
    """Those attributes that every picture has a label of, and the labels int64 [N, A]."""
    entries = read_entries(folder)
    rows = [entries[name]["labels"] if name in entries else {} for name in names]
    known = specification.restricted_to([name for name in specification.names if all(row.get(name) for row in rows)])
    try:
        labels = [known.encode(row) for row in rows]
    except InputError as error:
        raise InputError(f"labels in {folder}: {error}") from None
    return known, np.array(labels, np.int64).reshape(len(names), len(known.names))
