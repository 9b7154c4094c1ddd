"""Where the raw images come from: a person's own folder, or, while that is empty, the default heroes."""

from __future__ import annotations

from pathlib import Path

from src.data.folder import LABELS
from src.data.intake import is_image_name
from src.data.origin import Origin, source_labels, write_origin
from src.errors import InputError
from src.painter import paint_set

OWN_IMAGES = Path(__file__).resolve().parents[2] / "train_images"
PAINTED = "painted"

ORIGIN = Origin(
    name="the default heroes",
    where="painted by this project's own painter (`python -m src paint`)",
    licence="that of this project, MIT",
)


def has_images(folder: Path) -> bool:
    """Whether a file in the folder, however deep, has the name of an image."""
    return Path(folder).is_dir() and any(is_image_name(path.name) for path in Path(folder).rglob("*") if path.is_file())


def source_folder(images: Path | None, data: Path, own: Path = OWN_IMAGES) -> Path:
    """The folder of raw images: the one that is named, else `train_images/`, else the folder of the default heroes.

    Args:
        images: a person's folder; None where none is named.
        data: the data folder.
        own: the project's folder for raw images.

    Raises:
        InputError: the folder that is named is not there, or holds no image.
    """
    if images is None:
        return own if has_images(own) else Path(data) / PAINTED
    if not Path(images).is_dir():
        raise InputError(f"there is not a folder {images}; name the folder that holds the images")
    if not has_images(images):
        raise InputError(f"{images} holds no image; name a folder that does, or none for the default heroes")
    return Path(images)


def labels_table(folder: Path) -> Path | None:
    """The given labels that lie beside raw images as `labels.csv`, if they do."""
    table = Path(folder) / LABELS
    return table if table.is_file() else None


def images_or_painted(
    images: Path | None, data: Path, count: int = 7600, seed: int = 0, own: Path = OWN_IMAGES
) -> Path:
    """The folder of raw images to prepare, as `source_folder` finds it, with its arguments and errors; so many default
    heroes of that seed are painted first."""
    folder = source_folder(images, data, own)
    if images is None and folder != own:
        paint_set(folder, count, seed)
        write_origin(
            data, ORIGIN, (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        )
    return folder


def given_labels(images: Path | None, data: Path) -> Path | None:
    """The given labels of what notebook 01 prepared: those of a known source, else a `labels.csv` beside the images.

    Raises:
        InputError: the folder that is named is not there, or holds no image.
    """
    return source_labels(data) or labels_table(source_folder(images, data))
