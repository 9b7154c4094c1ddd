"""Pictures of a run for the notebooks: curves and grids."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image

from src.data.packed import PackedPortraits, to_signed
from src.gan.diff_augment import DiffAugment
from src.training.grids import small_picture, to_rgba, with_few_colours
from src.training.log import read_metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = {
    "losses": ("loss_discriminator", "loss_generator"),
    "D's outputs (logits)": ("logit_real", "logit_fake", "logit_validation"),
    "penalties": ("r1", "diversity_loss"),
    "diversity within a label, 1 is the reals'": ("diversity",),
    "distance to validation portraits (KID)": ("kid_random",),
    "validation portraits with a sample near": ("coverage",),
}


def curves(metrics: Path) -> Figure:
    """Six panels over kimg from a `metrics.csv`: losses, D's outputs, penalties, diversity within a label, distance to
    validation portraits, coverage of them."""
    from matplotlib import pyplot

    rows = read_metrics(metrics)
    figure, axes = pyplot.subplots(2, len(PANELS) // 2, figsize=(12, 5.6), layout="constrained")
    for axis, (title, names) in zip(axes.flat, PANELS.items(), strict=True):
        for name in names:
            points = [(row["kimg"], row[name]) for row in rows if name in row]
            if points:
                axis.plot(*zip(*points, strict=True), label=name, marker="." if len(points) < 30 else None)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("kimg")
        if axis.lines:
            axis.legend(fontsize=8)
    pyplot.close(figure)  # shown once, as the cell's result, not a second time by the notebook's own hook
    return figure


def small_copy(grid: Path) -> Image.Image:
    """A grid's PNG with few colours."""
    with Image.open(grid) as picture:
        return with_few_colours(picture)


def augmented_batch(portraits: PackedPortraits, kinds: str, probability: float, count: int = 8) -> Image.Image:
    """What D sees: a row of portraits, and three times the same ones as DiffAugment changes them."""
    images = to_signed(torch.from_numpy(portraits.images[:: max(1, len(portraits.images) // count)][:count]))
    torch.manual_seed(0)
    augment = DiffAugment(kinds, probability)
    rows = [images, *(augment(images) for _ in range(3))]
    return small_picture(to_rgba(torch.cat(rows)), count)
