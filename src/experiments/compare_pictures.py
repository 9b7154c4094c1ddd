"""Pictures of a comparison: a grid a family, one strip of each on one page, curves side by side, source code."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from src.data.packed import TRAIN, VALIDATION, PackedPortraits, to_signed
from src.images import tile, write_png
from src.play.latents import slerp
from src.sampling import LoadedModel
from src.training.grids import COLUMNS, grid_labels, grid_latents, row_names, small_picture, to_rgba, write_grid
from src.training.log import read_metrics
from src.training.pictures import small_copy
from src.training.report import pick_reals

if TYPE_CHECKING:
    from IPython.display import Code
    from matplotlib.figure import Figure

GRID_ROWS = 6


def label_rows(labels: np.ndarray) -> np.ndarray:
    """Which rows of the training loop's grid are shown here: at most six, evenly spread; int64 [R].

    Args:
        labels: int64 [N, A], the training portraits'.
    """
    count = len(grid_labels(labels))
    return np.unique(np.linspace(0, count - 1, min(GRID_ROWS, count)).round().astype(np.int64))


def sample_grid(model: LoadedModel, portraits: PackedPortraits, seed: int) -> tuple[np.ndarray, list[str]]:
    """Samples for the latents and labels of the training loop's own grid, of which it shows some rows.

    Args:
        model: the trained family.
        portraits: the data it was trained on, with all their attributes.
        seed: the run's.

    Returns:
        uint8 [R * 8, H, W, 4] and a caption a row.
    """
    known = portraits.conditioned_on(model.labels.names)
    cells = grid_labels(known.labels[known.split == TRAIN])
    rows = label_rows(known.labels[known.split == TRAIN])
    latents = grid_latents(len(cells), model.family.latent_dim, seed).unflatten(0, (-1, COLUMNS))[rows]
    samples = [
        model.family.sample(model.sampler, some_latents, torch.from_numpy(np.repeat(cells[row : row + 1], COLUMNS, 0)))
        for row, some_latents in zip(rows, latents, strict=True)
    ]
    return to_rgba(torch.cat(samples)), row_names(cells[rows], known.specification)


def real_grid(portraits: PackedPortraits, seed: int) -> tuple[np.ndarray, list[str]]:
    """Training portraits of the labels that `sample_grid` shows; repeated where a label has fewer than eight."""
    labels = portraits.labels[portraits.split == TRAIN]
    cells = grid_labels(labels)[label_rows(labels)]
    return pick_reals(portraits, cells, seed), row_names(cells, portraits.specification)


def write_family_pictures(out: Path, name: str, portraits: np.ndarray, captions: list[str]) -> None:
    """`grids/NAME.png` for people, and `strips/NAME.png`: eight portraits of it side by side in true size, one a label
    as far as there are labels, from which `write_overview` is put together.

    Args:
        out: the comparison's folder.
        name: the family's name.
        portraits: uint8 [R * 8, H, W, 4].
        captions: one a row.
    """
    write_grid(out / "grids" / f"{name}.png", portraits, captions)
    diagonal = [column + COLUMNS * (column % len(captions)) for column in range(COLUMNS)]
    write_png(out / "strips" / f"{name}.png", tile(portraits[diagonal], columns=COLUMNS, gap=0))


def write_overview(out: Path, names: Sequence[str]) -> None:
    """`compare.png`: the strips of these names below each other, each with its name; a column is one label."""
    strips = []
    for name in names:
        with Image.open(out / "strips" / f"{name}.png") as picture:
            strips.append(np.stack(np.split(np.asarray(picture.convert("RGBA")), COLUMNS, axis=1)))
    write_grid(out / "compare.png", np.concatenate(strips), [name.replace("_", " ") for name in names])


def real_rows(portraits: PackedPortraits, seed: int) -> Image.Image:
    """Training portraits as `real_grid` picks them, for a notebook."""
    return small_picture(real_grid(portraits, seed)[0])


def first_rows(grid: Path, size: int, rows: int = 2) -> Image.Image | None:
    """The upper rows of a family's grid, for a notebook, which would grow too large with all; None without a grid.

    Args:
        grid: as `write_grid` writes it.
        size: side of a portrait in pixels.
        rows: at most so many.
    """
    if not grid.is_file():
        return None
    picture = small_copy(grid)
    return picture.crop((0, 0, picture.width, min(picture.height, 2 + rows * (2 * size + 2))))


def loss_curves(metrics: Mapping[str, Path]) -> Figure:
    """Every `loss_...` column over kimg, one panel a family.

    Scales differ from panel to panel, and so do the losses: what can be compared is the shape.

    Args:
        metrics: the family's `metrics.csv` by its name.
    """
    from matplotlib import pyplot

    columns = min(3, len(metrics))
    height = -(-len(metrics) // columns)
    figure, axes = pyplot.subplots(
        height, columns, figsize=(4.4 * columns, 2.6 * height), layout="constrained", squeeze=False
    )
    for axis in axes.flat[len(metrics) :]:
        axis.set_axis_off()
    for axis, (name, path) in zip(axes.flat, metrics.items(), strict=False):
        rows = read_metrics(path)
        losses = dict.fromkeys(column for row in rows for column in row if column.startswith("loss_"))
        for loss in losses:
            points = [(row["kimg"], row[loss]) for row in rows if loss in row]
            axis.plot(
                *zip(*points, strict=True), label=loss.removeprefix("loss_"), marker="." if len(points) < 9 else ""
            )
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("kimg", fontsize=8)
        axis.tick_params(labelsize=8)
        if axis.lines:
            axis.legend(fontsize=7)
    pyplot.close(figure)  # shown once, as the cell's result, not a second time by the notebook's own hook
    return figure


def interpolation(model: LoadedModel, seeds: Sequence[tuple[int, int]], steps: int = COLUMNS) -> Image.Image:
    """Rows from one latent to another, the labels held fast at the first class of each attribute.

    Args:
        model: the trained family.
        seeds: of the two latents at the ends, one pair a row.
        steps: portraits a row, both ends among them.
    """
    rows = []
    labels = torch.zeros(steps, len(model.labels.sizes), dtype=torch.int64)
    for first, last in seeds:
        ends = [
            torch.from_numpy(np.random.RandomState(seed).standard_normal(model.family.latent_dim).astype(np.float32))
            for seed in (first, last)
        ]
        rows.append(to_rgba(model.family.sample(model.sampler, slerp(*ends, steps), labels)))
    return small_picture(np.concatenate(rows), steps)


def reconstructions(model: LoadedModel, portraits: PackedPortraits, seed: int = 0) -> Image.Image | None:
    """Eight portraits of the validation split, and below them what the family's code keeps of them.

    None for a family without an encoder. Training portraits stand in where there are none.
    """
    known = portraits.conditioned_on(model.labels.names)
    candidates = np.flatnonzero(known.split == (VALIDATION if (known.split == VALIDATION).any() else TRAIN))
    chosen = np.resize(np.random.RandomState(seed).permutation(candidates), COLUMNS)
    reals = to_signed(torch.from_numpy(known.images[chosen]))
    kept = model.family.reconstruct(model.sampler, reals, torch.from_numpy(known.labels[chosen]))
    return None if kept is None else small_picture(np.concatenate([known.images[chosen], to_rgba(kept)]))


def prior_and_random_codes(model: LoadedModel, seed: int) -> Image.Image:
    """A family with a codebook (`sample_random_codes`): eight portraits whose codes its prior wrote, and below them
    eight whose codes are each as likely as any other."""
    latents = grid_latents(1, model.family.latent_dim, seed)
    labels = torch.zeros(COLUMNS, len(model.labels.sizes), dtype=torch.int64)
    written = model.family.sample(model.sampler, latents, labels)
    random = model.family.sample_random_codes(model.sampler, latents)
    return small_picture(to_rgba(torch.cat([written, random])))


def show_source(thing: object) -> Code:
    """The source of a function, method or class as it is now, coloured, for a notebook."""
    from IPython.display import Code

    return Code(textwrap.dedent(inspect.getsource(thing)), language="python")
