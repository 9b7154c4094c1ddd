"""Animations: GIF, which every program shows, and APNG, which keeps every colour. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from src.errors import InputError
from src.export.indexed import MOST_VISIBLE, index, quantized, visible_colours
from src.files import replacing
from src.images import BadImage, read_rgba
from src.progress import track

REPLACE = 2
"""GIF's disposal: a frame is cleared before the next one, which may be transparent where it was not."""


def write_gif(path: Path, frames: Sequence[np.ndarray], milliseconds: int) -> None:
    """Write a GIF that runs for ever.

    Each frame has colours of its own; of one with more than 255, similar ones become one (median cut). Frames that
    look the same one after another become one that is shown for longer.

    Args:
        path: where; missing folders are made.
        frames: uint8 [H, W, 4] with binary alpha, of one size.
        milliseconds: that each is shown; GIF counts in tens of them.
    """
    pictures = [_with_few_colours(frame) for frame in track(frames, "GIF", delay=2.0)]
    _save(path, "GIF", pictures, milliseconds, disposal=REPLACE, transparency=0, optimize=False)


def write_apng(path: Path, frames: Sequence[np.ndarray], milliseconds: int) -> None:
    """Write an animated PNG that runs for ever, as `write_gif` but with every colour."""
    # A frame stays until the next one takes its place, transparency included.
    _save(path, "PNG", [Image.fromarray(frame) for frame in frames], milliseconds, disposal=0, blend=0)


def _save(path: Path, kind: str, pictures: Sequence[Image.Image], milliseconds: int, **options: int) -> None:
    with replacing(path) as temporary:
        pictures[0].save(
            temporary,
            format=kind,
            save_all=True,
            append_images=pictures[1:],
            duration=milliseconds,
            loop=0,
            **options,
        )


def enlarged(image: np.ndarray, scale: int) -> np.ndarray:
    """Each pixel of [H, W, C] as a square of `scale` pixels."""
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def training_grids(run: Path) -> list[np.ndarray]:
    """The grids that a run wrote as it trained, uint8 [H, W, 4] each: `fakes_init.png`, then `fakes_NNNNNN.png`.

    Args:
        run: its artifacts folder, or the `samples` folder in it.

    Raises:
        InputError: fewer than two grids, a damaged one, or sizes that differ.
    """
    folder = Path(run) / "samples" if (Path(run) / "samples").is_dir() else Path(run)
    numbered = [path for path in folder.glob("fakes_*.png") if re.fullmatch(r"fakes_\d+(_\d+)?", path.stem)]
    paths = [*folder.glob("fakes_init.png"), *sorted(numbered, key=_images_seen)]
    if len(paths) < 2:
        raise InputError(f"{folder} holds {len(paths)} grids (fakes_init.png, fakes_NNNNNN.png); train for longer")
    try:
        grids = [read_rgba(path) for path in track(paths, "reading", delay=2.0)]
    except BadImage as error:
        raise InputError(f"a grid in {folder}: {error}; remove it") from None
    for path, grid in zip(paths, grids, strict=True):
        if grid.shape != grids[-1].shape:
            raise InputError(f"{path} is of another size than {paths[-1].name}; it is of another run: move it away")
    return grids


def _images_seen(grid: Path) -> list[int]:
    """What `fakes_000006.png` or `fakes_000006_080.png` says: kimg and, between two, the images beyond."""
    return [int(number) for number in grid.stem.split("_")[1:]]


def _with_few_colours(frame: np.ndarray) -> Image.Image:
    """The frame as indexed, with at most 255 colours."""
    palette = visible_colours(frame)
    return index(frame, palette) if len(palette) <= MOST_VISIBLE else quantized(frame)
