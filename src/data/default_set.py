"""Where the raw images come from: a person's own folder, or, while that is empty, the default heroes."""

from __future__ import annotations

from pathlib import Path

from src.data.intake import is_image_name
from src.data.origin import Origin, source_labels, write_origin
from src.painter import paint_set

PAINTED = "painted"
LABELS = "labels.csv"

ORIGIN = Origin(
    name="the default heroes",
    where="painted by this project's own painter (`python -m src paint`)",
    licence="that of this project, MIT",
)


def has_images(folder: Path) -> bool:
    """Whether a file in the folder, however deep, has the name of an image."""
    return Path(folder).is_dir() and any(is_image_name(path.name) for path in Path(folder).rglob("*") if path.is_file())


def source_folder(images: Path, data: Path) -> Path:
    """The folder of raw images: `images` where it holds any, else that of the default heroes in the data folder."""
    return Path(images) if has_images(images) else Path(data) / PAINTED


def labels_table(folder: Path) -> Path | None:
    """The given labels that lie beside raw images as `labels.csv`, if they do."""
    table = Path(folder) / LABELS
    return table if table.is_file() else None


def images_or_painted(images: Path, data: Path, count: int = 7600, seed: int = 0) -> Path:
    """`images` where it holds any image; else the default heroes, painted below the data folder.

    Args:
        images: the folder a person puts images into.
        data: the data folder.
        count: how many heroes to paint.
        seed: of the heroes.

    Returns:
        The folder to prepare.
    """
    folder = source_folder(images, data)
    if folder != Path(images):
        for stale in folder.glob("hero_*.png"):
            stale.unlink()
        paint_set(folder, count, seed)
        write_origin(
            data, ORIGIN, (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        )
    return folder


def given_labels(images: Path, data: Path) -> Path | None:
    """The given labels of what notebook 01 prepared: those of a known source, else a `labels.csv` beside the images."""
    return source_labels(data) or labels_table(source_folder(images, data))
