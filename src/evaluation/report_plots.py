"""The plots of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from src.evaluation.copies import CopyCheck
from src.evaluation.distances import DISTANCES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# matplotlib takes a second to import: each function imports it.

TITLES = {
    "samples": "samples",
    "real": "validation portraits",
    "blurred": "blurred",
    "grained": "grained",
    "shuffled": "shuffled",
    "copies": "copies",
}
COLOURS = {
    "samples": "#c0392b",
    "real": "#2e7d4f",
    "blurred": "#8e8e8e",
    "grained": "#8d6e9f",
    "shuffled": "#b9a26a",
    "copies": "#5b7fb4",
}


def distances(sets: Mapping[str, Mapping[str, Any]], spaces: Sequence[str]) -> Figure:
    """The distances of every set, a dot a feature space.

    Args:
        sets: set -> its part of the JSON.
        spaces: names of feature spaces.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.6), layout="constrained")
    for axis, kind in zip(figure.subplots(1, len(DISTANCES)), DISTANCES, strict=True):
        for place, (name, each) in enumerate(sets.items()):
            metrics = [each["measures"][f"{kind}_{space}"] for space in spaces]
            axis.errorbar(
                [place + 0.2 * (index - (len(spaces) - 1) / 2) for index in range(len(spaces))],
                [metric["value"] for metric in metrics],
                [metric["spread"] for metric in metrics],
                fmt="o",
                markersize=4,
                color=COLOURS[name],
            )
        axis.set_title(kind, fontsize=9)
        axis.set_xticks(range(len(sets)), [TITLES[name] for name in sets], rotation=90, fontsize=7)
        axis.tick_params(axis="y", labelsize=7)
        if kind == "frechet":
            axis.set_yscale("log")
        if kind == "kid":
            axis.set_yscale("symlog", linthresh=0.01)  # it may be a little below 0
    return figure


def confusions(matrices: Mapping[str, Mapping[str, Any]], title: str) -> Figure:
    """The confusion matrix of each attribute: requested classes down, predicted ones across.

    Args:
        matrices: attribute -> `confusion`, `classes` and `evaluated_classes`.
        title: of the set.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.9), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(matrices)))
    for axis, (attribute, entry) in zip(axes, matrices.items(), strict=True):
        matrix = np.array(entry["confusion"], float)
        shares = matrix / matrix.sum(axis=1, keepdims=True).clip(min=1)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(plain(f"{attribute}, {title}"), fontsize=9)
        across, down = map(plain, entry["evaluated_classes"]), map(plain, entry["classes"])
        axis.set_xticks(range(len(entry["evaluated_classes"])), list(across), rotation=90, fontsize=7)
        axis.set_yticks(range(len(entry["classes"])), list(down), fontsize=7)
        for row, column in np.argwhere(shares >= 0.005):
            share = shares[row, column]
            shade = "white" if share > 0.5 else "black"
            axis.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=6, color=shade)
    return figure


def plain(text: str) -> str:
    """Text that matplotlib does not read as a formula."""
    return text.replace("$", r"\$")


def histograms(measures: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """The distributions of the pixel-art measures.

    Args:
        measures: measure -> set -> float [N].
    """
    from matplotlib.figure import Figure

    columns = 4
    rows = -(-len(measures) // columns)
    figure = Figure(figsize=(11, 2.3 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(measures) :]:
        axis.set_axis_off()
    for axis, (name, values) in zip(axes, measures.items(), strict=False):
        shown = {side: values[side] for side in ("real", "samples", "blurred")}
        low, high = np.quantile(np.concatenate(list(shown.values())), (0, 0.995))
        bins = np.linspace(low, max(high, low + 1e-6), 30)
        for side, one in shown.items():
            _draw_shares(axis, one.clip(bins[0], bins[-1]), bins, TITLES[side], COLOURS[side])
        axis.set_title(name, fontsize=9)
        axis.tick_params(labelsize=7)
    axes[0].legend(fontsize=7)
    return figure


def nearest_distances(check: CopyCheck) -> Figure:
    """How far samples and validation portraits lie from their nearest portraits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axis = figure.subplots()
    bins = np.linspace(0, max(float(np.quantile(check.distances, 0.99)), 1.5), 40)
    for values, title, colour in (
        (check.distances, "samples to the training set", COLOURS["samples"]),
        (check.validation_distances, "samples to the validation set", COLOURS["copies"]),
        (check.real_distances, "validation portraits to the training set", COLOURS["real"]),
    ):
        _draw_shares(axis, values, bins, title, colour)
    axis.axvline(check.threshold, color="#999", linewidth=1, label="too close below")
    axis.legend(fontsize=7)
    axis.set_xlabel("distance to the nearest, 1 is the median validation portrait's", fontsize=8)
    return figure


def _draw_shares(axis: Any, values: np.ndarray, bins: np.ndarray, title: str, colour: str) -> None:
    """A histogram whose bars add up to 1."""
    weights = np.full(len(values), 1 / len(values))
    axis.hist(values, bins, weights=weights, histtype="step", label=title, color=colour)
