"""Sample grids: rows by label, several latents of one label side by side, the same latents every time."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from src.family import Family
from src.images import over_background, tile, write_png
from src.labels import LabelSpecification
from src.palettes.snap import snap

COLUMNS = 8
NOTEBOOK_COLOURS = 96
"""A notebook with its outputs stays below 2 MB; samples have a thousand colours each."""

MAXIMUM_ROWS = 18
UNLABELLED_ROWS = 6


def to_rgba(images: Tensor) -> np.ndarray:
    """Samples [N, 4, H, W] in [-1, 1] -> uint8 [N, H, W, 4] with binary alpha; transparent pixels are black."""
    pixels = ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    opaque = pixels[..., 3:] >= 128
    return np.concatenate([pixels[..., :3] * opaque, np.where(opaque, np.uint8(255), np.uint8(0))], axis=-1)


def sample_portraits(
    family: Family, sampler: nn.Module, latents: Tensor, labels: Tensor, batch: int = 64
) -> np.ndarray:
    """A family's samples, computed batch by batch: uint8 [N, H, W, 4] with binary alpha.

    Args:
        family: for its `sample`.
        sampler: as for that.
        latents: [N, latent_dim].
        labels: int64 [N, A].
        batch: samples in one batch.
    """
    batches = zip(latents.split(batch), labels.split(batch), strict=True)
    return np.concatenate([to_rgba(family.sample(sampler, *each)) for each in batches])


def grid_labels(labels: np.ndarray) -> np.ndarray:
    """The label cells that the grid's rows show: int64 [R, A], R at most 18.

    Cells that occur in the data, picked one by one: the one whose classes have been shown least often so far, of
    those the most frequent. Every class of every attribute is shown before any is shown much more than its fellows.

    Args:
        labels: int64 [N, A], the training portraits'; without attributes (A = 0) there are six rows alike.
    """
    if labels.shape[1] == 0:
        return np.zeros((UNLABELLED_ROWS, 0), dtype=np.int64)
    cells, counts = np.unique(labels, axis=0, return_counts=True)
    shown = [np.zeros(column.max() + 1, dtype=np.int64) for column in cells.T]
    rows: list[int] = []
    while len(rows) < min(MAXIMUM_ROWS, len(cells)):
        left = [row for row in range(len(cells)) if row not in rows]
        # A class shown for the k-th time costs k: no class runs ahead of the others.
        cost = [sum(shown[a][c] ** 2 for a, c in enumerate(cells[row])) for row in left]
        best = min(zip(cost, -counts[left], left, strict=True))[2]
        rows.append(best)
        for attribute, class_index in enumerate(cells[best]):
            shown[attribute][class_index] += 1
    return cells[sorted(rows)]


def grid_latents(rows: int, latent_dim: int, seed: int) -> Tensor:
    """Latents [rows * 8, latent_dim], different in every place, the same every time for a seed.

    RandomState's stream is frozen for good, so grids of different versions can be compared.
    """
    values = np.random.RandomState(seed).standard_normal((rows * COLUMNS, latent_dim))
    return torch.from_numpy(values.astype(np.float32))


def row_names(cells: np.ndarray, specification: LabelSpecification) -> list[str]:
    """One caption a row: its class names, one a line."""
    return ["\n".join(specification.decode(cell).values()) for cell in cells]


def lay_out(portraits: np.ndarray, palette: np.ndarray | None = None, columns: int = COLUMNS) -> np.ndarray:
    """Portraits uint8 [N, H, W, 4] in columns, on grey and twice their size, as one picture uint8 [.., .., 3].

    With a palette, uint8 [K, 3], the same portraits follow at the right, snapped to it.
    """
    shown = [portraits] if palette is None else [portraits, snap(portraits, palette)]
    return np.concatenate([tile(over_background(part), columns=columns, gap=2, scale=2) for part in shown], axis=1)


def with_few_colours(picture: Image.Image) -> Image.Image:
    """A picture with `NOTEBOOK_COLOURS`: a third of the bytes, for a notebook's saved output."""
    return picture.convert("RGB").quantize(NOTEBOOK_COLOURS, dither=Image.Dither.NONE)


def small_picture(portraits: np.ndarray, columns: int = COLUMNS) -> Image.Image:
    """Portraits uint8 [N, H, W, 4] as `lay_out` shows them, with few colours."""
    return with_few_colours(Image.fromarray(lay_out(portraits, columns=columns)))


def write_grid(path: Path, portraits: np.ndarray, captions: list[str], palette: np.ndarray | None = None) -> None:
    """Write a grid as PNG: portraits uint8 [R * 8, H, W, 4] as `lay_out` shows them, with a caption a row."""
    picture = lay_out(portraits, palette)
    if any(captions):
        font = ImageFont.load_default(size=13)
        widest = max(font.getlength(line) for caption in captions for line in caption.splitlines())
        strip = Image.new("RGB", (max(84, math.ceil(widest) + 12), picture.shape[0]), (24, 24, 28))
        pen = ImageDraw.Draw(strip)
        pitch = picture.shape[0] / max(1, len(captions))
        for row, caption in enumerate(captions):
            pen.multiline_text((6, (row + 0.5) * pitch), caption, fill=(225, 225, 225), font=font, anchor="lm")
        picture = np.concatenate([np.asarray(strip), picture], axis=1)
    write_png(path, picture)


def spread_within_rows(images: Tensor) -> Tensor:
    """Mean absolute difference between neighbours of one row, float [R, 8] for [R * 8, C, H, W] in [-1, 1]."""
    rows = images.float().unflatten(0, (-1, COLUMNS))
    return (rows - rows.roll(1, dims=1)).abs().flatten(2).mean(dim=2)


def diversity(samples: Tensor, reals: Tensor) -> float:
    """How varied samples of one label are, as a share of how varied reals of it are: both [R * 8, C, H, W].

    Neighbours that are one and the same real, repeated to fill its row, say nothing and are left out; NaN where that
    leaves none.
    """
    of_reals = spread_within_rows(reals)
    differ = of_reals > 0
    return (spread_within_rows(samples)[differ].mean() / of_reals[differ].mean()).item()
