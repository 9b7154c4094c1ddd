"""Portraits for the tests of exports."""

import json

import numpy as np
from PIL import Image

from src.export.portraits import Portraits
from tests.conftest import SPECIFICATION, make_portraits


def few_colours(count: int) -> np.ndarray:
    """Random portraits uint8 [count, 16, 16, 4] of at most 27 colours, black among them."""
    images, _ = make_portraits(count)
    images[..., :3] = images[..., :3] // 86 * 100
    return images


def labelled(images: np.ndarray) -> Portraits:
    """With labels and seeds, as samples have them."""
    _, labels = make_portraits(len(images))
    entries = tuple(
        {"seed": seed, "labels": SPECIFICATION.decode(row), "checkpoint": "0" * 64} for seed, row in enumerate(labels)
    )
    files = tuple(f"hero_{'_'.join(entry['labels'].values())}_{entry['seed']:06d}.png" for entry in entries)
    return Portraits(images, files, entries)


def write_folder(folder, images, entries):
    """A folder as `sample` writes it: PNGs and a manifest, file -> entry."""
    folder.mkdir(parents=True, exist_ok=True)
    for image, name in zip(images, entries, strict=True):
        Image.fromarray(image).save(folder / name)
    (folder / "manifest.json").write_text(json.dumps(entries))
    return folder


def read(path) -> np.ndarray:
    """A picture as RGBA whose transparent pixels are black, uint8 [H, W, 4]."""
    with Image.open(path) as picture:
        return visible(picture)


def visible(picture: Image.Image) -> np.ndarray:
    """One frame so."""
    pixels = np.array(picture.convert("RGBA"))
    return pixels * (pixels[..., 3:] > 0)
