"""The report: one HTML page that holds everything it shows, for a reader who has only this file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from src.evaluation.copies import CopyCheck
from src.files import replacing
from src.images import over_background, tile

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

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

GRID_PORTRAITS, CONTROL_PORTRAITS, PAIRS = 48, 12, 12

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 1100px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: .6em 0 1.2em; } td, th { padding: .2em .7em; text-align: right; }
th { border-bottom: 1px solid #999; } td:first-child, th:first-child { text-align: left; }
tr:nth-child(even) td { background: #f4f4f2; } small { color: #777; } img { max-width: 100%; }
img.pixels { image-rendering: pixelated; } .flag { background: #c0392b; color: #fff; padding: .1em .5em; }
.fine { background: #2e7d4f; color: #fff; padding: .1em .5em; }
figure { display: inline-block; margin: .4em 1em .4em 0; }
"""


@dataclass(frozen=True)
class Pictures:
    """What the page shows beside the figures.

    Args:
        sets: set -> portraits uint8 [N, H, W, 4].
        names: one a sample.
        train: training portraits uint8 [N, H, W, 4].
        check: what it found among the samples.
        pixel_measures: measure -> set -> float [N].
    """

    sets: Mapping[str, np.ndarray]
    names: Sequence[str]
    train: np.ndarray
    check: CopyCheck
    pixel_measures: Mapping[str, Mapping[str, np.ndarray]]


def write_report(path: Path, content: Mapping[str, Any], pictures: Pictures) -> None:
    """Write the page.

    Args:
        path: an `.html` file.
        content: of the JSON.
        pictures: what the page shows.
    """
    sections = [
        _summary(content),
        _heading("Samples beside validation portraits"),
        _grids(pictures, ("samples", "real"), GRID_PORTRAITS, columns=12),
        _two_samples(content),
        _faces(content),
        _distances(content),
        _label_accuracy(content),
        _pixel_art(content, pictures),
        _copying(content, pictures),
        _heading("The controls"),
        "<p>Training portraits with known faults, to see which measure tells.</p>",
        _grids(pictures, ("blurred", "grained", "shuffled", "copies"), CONTROL_PORTRAITS, columns=12),
    ]
    title = f"Evaluation of {_origin(content)}"
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n" + "\n".join(sections) + "\n</body></html>\n"
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def _origin(content: Mapping[str, Any]) -> str:
    origin = content["evaluated"]
    return str(origin.get("checkpoint") or origin.get("images"))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table; every cell is escaped.

    Args:
        header: column titles.
        rows: cells as text.
    """
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table><tr>{head}</tr>\n{body}</table>"


def embedded(pixels: np.ndarray, caption: str = "", scale: int = 2) -> str:
    """A picture inside the page.

    Args:
        pixels: uint8 [H, W, 3].
        caption: below it.
        scale: enlargement by the browser, which keeps pixels sharp.
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    height, width = pixels.shape[:2]
    return (
        f'<figure><img class="pixels" width="{width * scale}" height="{height * scale}" alt="{escape(caption)}" '
        f'src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def plotted(plot: Plot, caption: str) -> str:
    """A matplotlib figure inside the page."""
    buffer = io.BytesIO()
    # No version in it: the same figures give the same page.
    plot.savefig(buffer, format="png", dpi=90, metadata={"Software": None})
    return f'<img alt="{escape(caption)}" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'


def number(value: float | None) -> str:
    """A figure with three significant digits."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _figure(measure: Mapping[str, float] | None) -> str:
    if measure is None:
        return "-"
    return f"{number(measure['value'])} ± {number(measure['spread'])}"


def _sets(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {"samples": content["samples"], "real": content["real"], **content["controls"]}


def _figure_table(content: Mapping[str, Any], names: Sequence[str]) -> str:
    """Measures down, sets across, each as value ± spread, and the controls that a measure tells from reals."""
    sets = _sets(content)
    tells = content["which_measure_tells"]
    rows = []
    for name in names:
        told = ", ".join(TITLES[control] for control, measures in tells.items() if name in measures) or "none"
        rows.append([name, *(_figure(each["measures"].get(name)) for each in sets.values()), told])
    return table(["measure", *(TITLES[name] for name in sets), "sees"], rows)


def _summary(content: Mapping[str, Any]) -> str:
    meanings = content["flag_meanings"]
    flags = "".join(
        f'<li><span class="flag">{escape(word)}</span> {escape(meanings[word])}</li>' for word in content["flags"]
    )
    verdict = f"<ul>{flags}</ul>" if flags else '<p><span class="fine">no flags</span></p>'
    keys = [key for key, value in content["samples"].items() if not isinstance(value, dict)]
    rows = [[key, *(number(content[side].get(key)) for side in ("samples", "real"))] for key in keys]
    evaluated = ", ".join(f"{key}: {value}" for key, value in content["evaluated"].items())
    blind = [TITLES[control] for control, measures in content["which_measure_tells"].items() if not measures]
    remark = f"<p>No measure tells {escape(', '.join(blind))} from validation portraits.</p>" if blind else ""
    return (
        f"<p><small>{escape(evaluated)}</small></p>{verdict}{remark}"
        + table(["", TITLES["samples"], TITLES["real"]], rows)
        + "<p>Validation portraits are the ceiling: they were never trained on and go through the same measures. "
        "No figure says anything without that column.</p>"
    )


def _grids(pictures: Pictures, names: Sequence[str], count: int, columns: int) -> str:
    return "".join(
        embedded(tile(over_background(pictures.sets[name][:count]), columns=columns, gap=1), TITLES[name], scale=1)
        for name in names
    )


def _two_samples(content: Mapping[str, Any]) -> str:
    test = content["samples"].get("two_sample_test")
    heading = _heading("Can a network tell them from real portraits?")
    if not test:
        return heading + "<p>Too few portraits to try.</p>"
    return (
        heading + "<p>Classifier two-sample test (Lopez-Paz and Oquab, 2017): a network learns to tell each set from "
        f"validation portraits on {test['learned_on']:,} a side and is asked about {test['asked_about']:,} others a "
        "side. 0.5 is guessing, and perfect; 1: every one is told apart. Under <i>validation portraits</i> and "
        "<i>copies</i>: training portraits against validation portraits.</p>"
        + _figure_table(content, ("two_sample_accuracy", "two_sample_auc"))
    )


def _faces(content: Mapping[str, Any]) -> str:
    finder = content["real"].get("face_finder")
    if not finder:
        return ""
    of_real = content["samples"]["of_real"]
    shares = ", ".join(f"{name} {number(value)}" for name, value in of_real.items())
    rows = [
        [name.replace("_", " "), *(number(finder[name][key]) for key in ("precision", "recall", "truth", "found"))]
        for name in ("two_eyes", "mouth", "eye_pixels", "mouth_pixels")
    ]
    return (
        _heading("Have they two eyes and a mouth?")
        + "<p>Shares of portraits in which a network finds two eyes side by side, and a mouth. Hair, helmets, hoods "
        "and beards cover some: compare with the reals. Samples as a share of reals: "
        f"{escape(shares)}.</p>"
        + _figure_table(content, list(of_real))
        + f"<p>How far that network is to be trusted: it learned on {finder['taught']:,} training portraits, of which "
        f"the painter's record says where eyes and mouths are, and was asked about {finder['asked']:,} validation "
        "portraits. Truth and found: the share that has it, and that it is found in.</p>"
        + table(["", "precision", "recall", "truth", "found"], rows)
    )


def _distances(content: Mapping[str, Any]) -> str:
    from matplotlib.figure import Figure as Plot

    sets = _sets(content)
    spaces = [
        space for space in ("random_0", "random_1", "classifier") if f"frechet_{space}" in sets["real"]["measures"]
    ]
    kinds = ("frechet", "kid", "precision", "recall", "density", "coverage")
    plot = Plot(figsize=(11, 2.6), layout="constrained")
    for axis, kind in zip(plot.subplots(1, len(kinds)), kinds, strict=True):
        for place, (name, each) in enumerate(sets.items()):
            measures = [each["measures"][f"{kind}_{space}"] for space in spaces]
            positions = [place + 0.2 * (index - (len(spaces) - 1) / 2) for index in range(len(spaces))]
            axis.errorbar(
                positions,
                [measure["value"] for measure in measures],
                [measure["spread"] for measure in measures],
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
    names = [f"{kind}_{space}" for kind in kinds for space in spaces] + ["colour_distance"]
    names += [name for name in ("frechet_inception",) if name in sets["real"]["measures"]]
    return (
        _heading("Distances to the training portraits")
        + f"<p>Every set at {content['compared_at']:,} portraits. Each set has a dot a feature space: "
        f"{escape(', '.join(spaces))}. Bars are spreads. <i>sees</i>: the controls that the measure clearly ranks "
        "worse than validation portraits. Training copies look perfect to all of these; see the copy check.</p>"
        + plotted(plot, "distances of every set")
        + _figure_table(content, names)
    )


def _label_accuracy(content: Mapping[str, Any]) -> str:
    from matplotlib.figure import Figure as Plot

    found = content["samples"].get("label_accuracy") or content["real"].get("label_accuracy")
    if not found:
        return _heading("Does it obey?") + "<p>The data set has no attributes.</p>"
    attributes = list(found)
    rows = [
        [name, *(_figure(each["measures"].get(name)) for each in _sets(content).values())]
        for name in ([f"accuracy_{attribute}" for attribute in attributes])
    ]
    parts = [
        _heading("Does it obey?"),
        "<p>Accuracy of a classifier trained on the training portraits; of palettes, of the rule of notebook 02. "
        "Copies have the labels of their originals. Confusion: rows are what was asked for, columns what was seen.</p>",
        table(["", *(TITLES[name] for name in _sets(content))], rows),
    ]
    unseen = [f"unseen_accuracy_{attribute}" for attribute in attributes]
    if unseen[0] in content["samples"]["measures"]:
        rows = [
            [name, *(_figure(content[side]["measures"].get(name)) for side in ("samples", "real"))] for name in unseen
        ]
        count = content["samples"]["unseen_combinations"]
        parts.append(
            f"<p>Of the {count:,} samples whose labels never occur together among the training portraits. The "
            "classifier has not seen them together either: compare with the reals.</p>"
            + table(["", TITLES["samples"], TITLES["real"]], rows)
        )
    scores = [content[side].get("classification_accuracy_score") for side in ("samples", "real")]
    if all(scores):
        parts.append(
            "<p>Classification accuracy score: a classifier tested on validation portraits, trained on samples alone "
            "or on as many training portraits.</p>"
            + table(
                ["", "trained on samples", "trained on reals"],
                [[name, *(number(score[name]) for score in scores)] for name in scores[0]],
            )
        )
    measures = content["samples"]["measures"]
    kept = [attribute for attribute in attributes if f"kept_{attribute}" in measures]
    if kept:
        rows = [
            [title, *(_figure(measures.get(f"{measure}_{attribute}")) for attribute in kept)]
            for title, measure in (("kept", "kept"), ("seen as changed", "changed_accuracy"))
        ]
        parts.append(
            "<p>Is it still the same hero? One attribute is changed. Kept 1: the drawing stays as it is; 0: it is no "
            "more like the first one than that of another latent. Below, how often the new class is seen: a model "
            "that changes nothing keeps all.</p>" + table(["", *kept], rows)
        )
    for side in ("samples", "real"):
        matrices = content[side].get("label_accuracy")
        if not matrices:
            parts.append(f"<p>No labels are known of the {TITLES[side]}.</p>")
            continue
        plot = Plot(figsize=(11, 3.9), layout="constrained")
        axes = np.atleast_1d(plot.subplots(1, len(matrices)))
        for axis, (attribute, entry) in zip(axes, matrices.items(), strict=True):
            matrix = np.array(entry["confusion"], float)
            shares = matrix / matrix.sum(axis=1, keepdims=True).clip(min=1)
            axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
            axis.set_title(f"{attribute}, {TITLES[side]}", fontsize=9)
            axis.set_xticks(range(len(entry["evaluated_classes"])), entry["evaluated_classes"], rotation=90, fontsize=7)
            axis.set_yticks(range(len(entry["classes"])), entry["classes"], fontsize=7)
            for row, column in np.ndindex(*shares.shape):
                if shares[row, column] >= 0.005:
                    shade = "white" if shares[row, column] > 0.5 else "black"
                    axis.text(
                        column, row, f"{shares[row, column]:.0%}", ha="center", va="center", fontsize=6, color=shade
                    )
        parts.append(plotted(plot, f"confusion matrices, {TITLES[side]}"))
    return "".join(parts)


def _pixel_art(content: Mapping[str, Any], pictures: Pictures) -> str:
    from matplotlib.figure import Figure as Plot

    names = list(pictures.pixel_measures)
    columns = 4
    rows = -(-len(names) // columns)
    plot = Plot(figsize=(11, 2.3 * rows), layout="constrained")
    axes = np.atleast_1d(plot.subplots(rows, columns)).ravel()
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    for axis, name in zip(axes, names, strict=False):
        values = pictures.pixel_measures[name]
        shown = [values[side] for side in ("real", "samples", "blurred")]
        low, high = np.quantile(np.concatenate(shown), (0, 0.995))
        bins = np.linspace(low, max(high, low + 1e-6), 30)
        for side in ("real", "samples", "blurred"):
            axis.hist(
                values[side].clip(bins[0], bins[-1]),
                bins,
                weights=np.full(len(values[side]), 1 / len(values[side])),
                histtype="step",
                color=COLOURS[side],
                label=TITLES[side],
            )
        axis.set_title(name, fontsize=9)
        axis.tick_params(labelsize=7)
    axes[0].legend(fontsize=7)
    sets = _sets(content)
    medians = [[name, *(number(each["pixel_art"][name]["median"]) for each in sets.values())] for name in names]
    header = ["", *(TITLES[name] for name in sets)]
    return (
        _heading("Is it pixel art?")
        + plotted(plot, "distributions of the pixel-art measures")
        + "<p>Medians:</p>"
        + table(header, medians)
        + "<p>Distance of the distributions from that of the training portraits (Kolmogorov-Smirnov, 0 to 1):</p>"
        + _figure_table(content, [f"pixel_art_distance_{name}" for name in names])
    )


def _copying(content: Mapping[str, Any], pictures: Pictures) -> str:
    from matplotlib.figure import Figure as Plot

    found = {name: each["copies"] for name, each in _sets(content).items() if "copies" in each}
    keys = list(found["samples"])
    rows = [
        [key, *(str(each[key]) if isinstance(each[key], bool) else number(each[key]) for each in found.values())]
        for key in keys
    ]
    check = pictures.check
    plot = Plot(figsize=(7, 2.6), layout="constrained")
    axis = plot.subplots()
    bins = np.linspace(0, max(float(np.quantile(check.distances, 0.99)), 1.5), 40)
    for values, title, colour in (
        (check.distances, "samples to the training set", COLOURS["samples"]),
        (check.validation_distances, "samples to the validation set", COLOURS["copies"]),
        (check.real_distances, "validation portraits to the training set", COLOURS["real"]),
    ):
        axis.hist(
            values, bins, weights=np.full(len(values), 1 / len(values)), histtype="step", label=title, color=colour
        )
    axis.axvline(check.threshold, color="#999", linewidth=1, label="too close below")
    axis.legend(fontsize=7)
    axis.set_xlabel("distance to the nearest, 1 is the median validation portrait's", fontsize=8)
    closest = check.pairs[:PAIRS]
    pairs = np.stack([pictures.sets["samples"][closest[:, 0]], pictures.train[closest[:, 1]]], axis=1)
    pairs = pairs.reshape(-1, *pictures.train.shape[1:])
    listed = []
    for rank, (sample, _) in enumerate(closest):
        ways = [
            word for word, true in (("mirrored", check.mirrored[rank]), ("recoloured", check.recoloured[rank])) if true
        ]
        verdict = "too close" if check.too_close[sample] else "not too close"
        listed.append(
            [
                str(pictures.names[sample]),
                number(float(check.distances[sample])),
                number(float(check.validation_distances[sample])),
                ", ".join(ways) or "plain",
                verdict,
            ]
        )
    return (
        _heading("Did it copy?")
        + "<p>Distances compare where colours change, and colours, whichever is nearer, also mirrored and shifted; 1 "
        "is usual between a validation portrait and its nearest training portrait. Those are judged here against "
        "the other half of their groups; copies are training portraits, a third each plain, mirrored and "
        "recoloured.</p>"
        + table(["", *(TITLES[name] for name in found)], rows)
        + plotted(plot, "distances to the nearest portrait")
        + "<p>The closest pairs, each sample with its nearest training portrait to its right:</p>"
        + embedded(tile(over_background(pairs), columns=8, gap=2), "closest pairs")
        + table(["sample", "to training", "to held-out", "match", ""], listed)
    )
