"""The report: one HTML page that holds everything it shows, for a reader who has only this file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from PIL import Image

from src.evaluation import report_plots
from src.evaluation.copies import CopyCheck
from src.evaluation.distances import DISTANCES
from src.evaluation.report_plots import TITLES
from src.files import write_text
from src.images import over_background, png_bytes, tile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATE = Path(__file__).with_name("report.html")

GRID_PORTRAITS, CONTROL_PORTRAITS, PAIRS = 48, 12, 12


@dataclass(frozen=True)
class Pictures:
    """What the page shows beside the metrics.

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


@dataclass(frozen=True)
class Table:
    """Column titles, and rows of text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """An image inside the page: its PNG as a `data:` address; its size where the browser enlarges its pixels."""

    source: str
    caption: str
    width: int = 0
    height: int = 0


def write_report(path: Path, content: Mapping[str, Any], pictures: Pictures) -> None:
    """Write the page.

    Args:
        path: an `.html` file.
        content: of the JSON.
        pictures: what the page shows.
    """
    origin = content["evaluated"]
    meanings = content["flag_meanings"]
    blind = [TITLES[control] for control, measures in content["which_measure_tells"].items() if not measures]
    page = render(
        title=f"Evaluation of {origin.get('checkpoint') or origin.get('images')}",
        evaluated=", ".join(f"{key}: {value}" for key, value in origin.items()),
        flags=[(word, meanings[word]) for word in content["flags"]],
        blind=", ".join(blind),
        summary=_summary(content),
        grids=_grids(pictures, ("samples", "real"), GRID_PORTRAITS),
        control_grids=_grids(pictures, list(content["controls"]), CONTROL_PORTRAITS),
        two_samples=_two_samples(content),
        faces=_faces(content),
        distances=_distances(content),
        labels=_labels(content),
        pixel_art=_pixel_art(content, pictures),
        copies=_copies(content, pictures),
    )
    write_text(path, page)


def render(**values: object) -> str:
    """The template filled in: every text is escaped, and a value that it lacks is an error."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(values)


def embedded(pixels: np.ndarray, caption: str = "", scale: int = 2) -> Picture:
    """Pixels that the browser enlarges and keeps sharp.

    Args:
        pixels: uint8 [H, W, 3].
        caption: below it.
        scale: the enlargement.
    """
    height, width = pixels.shape[:2]
    return Picture(_address(png_bytes(Image.fromarray(pixels), optimize=True)), caption, width * scale, height * scale)


def plotted(figure: Figure, caption: str) -> Picture:
    """A matplotlib figure."""
    buffer = io.BytesIO()
    # No version in it: the same metrics give the same page.
    figure.savefig(buffer, format="png", dpi=90, metadata={"Software": None})
    return Picture(_address(buffer.getvalue()), caption)


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def number(value: float | None) -> str:
    """A number with three significant digits."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def with_spread(metric: Mapping[str, float] | None) -> str:
    """A metric as value ± spread."""
    if metric is None:
        return "-"
    return f"{number(metric['value'])} ± {number(metric['spread'])}"


def _sets(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {"samples": content["samples"], "real": content["real"], **content["controls"]}


def _titles(sets: Iterable[str]) -> list[str]:
    return [TITLES[name] for name in sets]


def _metric_table(content: Mapping[str, Any], names: Sequence[str]) -> Table:
    """Metrics down, sets across, and the controls that a metric distinguishes from reals."""
    sets = _sets(content)
    rows = []
    for name in names:
        sees = [TITLES[control] for control, metrics in content["which_measure_tells"].items() if name in metrics]
        values = (with_spread(each["measures"].get(name)) for each in sets.values())
        rows.append([name, *values, ", ".join(sees) or "none"])
    return Table(["metric", *_titles(sets), "sees"], rows)


def _two_columns(content: Mapping[str, Any], names: Sequence[str]) -> Table:
    """Metrics down, samples and reals across."""
    sides = ("samples", "real")
    rows = [[name, *(with_spread(content[side]["measures"].get(name)) for side in sides)] for name in names]
    return Table(["", *_titles(sides)], rows)


def _summary(content: Mapping[str, Any]) -> Table:
    keys = [key for key, value in content["samples"].items() if not isinstance(value, dict)]
    rows = [[key, *(number(content[side].get(key)) for side in ("samples", "real"))] for key in keys]
    return Table(["", TITLES["samples"], TITLES["real"]], rows)


def _grids(pictures: Pictures, names: Sequence[str], count: int) -> list[Picture]:
    return [
        embedded(tile(over_background(pictures.sets[name][:count]), columns=12, gap=1), TITLES[name], scale=1)
        for name in names
    ]


def _two_samples(content: Mapping[str, Any]) -> dict[str, object] | None:
    test = content["samples"].get("two_sample_test")
    if not test:
        return None
    return {
        "learned_on": number(test["learned_on"]),
        "asked_about": number(test["asked_about"]),
        "metrics": _metric_table(content, ("two_sample_accuracy", "two_sample_auc")),
    }


def _faces(content: Mapping[str, Any]) -> dict[str, object] | None:
    finder = content["real"].get("face_finder")
    if not finder:
        return None
    of_real = content["samples"]["of_real"]
    columns = ("precision", "recall", "truth", "found")
    rows = [
        [name.replace("_", " "), *(number(finder[name][key]) for key in columns)]
        for name in ("two_eyes", "mouth", "eye_pixels", "mouth_pixels")
    ]
    return {
        "of_real": ", ".join(f"{name} {number(value)}" for name, value in of_real.items()),
        "metrics": _metric_table(content, list(of_real)),
        "taught": number(finder["taught"]),
        "asked": number(finder["asked"]),
        "reliability": Table(["", *columns], rows),
    }


def _distances(content: Mapping[str, Any]) -> dict[str, object]:
    measured = content["real"]["measures"]
    spaces = [space for space in ("random_0", "random_1", "classifier") if f"frechet_{space}" in measured]
    names = [f"{kind}_{space}" for kind in DISTANCES for space in spaces] + ["colour_distance"]
    names += [name for name in ("frechet_inception",) if name in measured]
    return {
        "compared_at": number(content["compared_at"]),
        "spaces": ", ".join(spaces),
        "plot": plotted(report_plots.distances(_sets(content), spaces), "distances of every set"),
        "metrics": _metric_table(content, names),
    }


def _labels(content: Mapping[str, Any]) -> dict[str, object] | None:
    samples, real, sets = content["samples"], content["real"], _sets(content)
    attributes = list(samples.get("label_accuracy") or real.get("label_accuracy") or ())
    if not attributes:
        return None
    accuracy = [
        [name, *(with_spread(each["measures"].get(name)) for each in sets.values())]
        for name in (f"accuracy_{attribute}" for attribute in attributes)
    ]
    unseen = [f"unseen_accuracy_{attribute}" for attribute in attributes]
    scores = [side.get("classification_accuracy_score") for side in (samples, real)]
    kept = [attribute for attribute in attributes if f"kept_{attribute}" in samples["measures"]]
    known = {name: content[name].get("label_accuracy") for name in ("samples", "real")}
    return {
        "accuracy": Table(["", *_titles(sets)], accuracy),
        "unseen": _two_columns(content, unseen) if unseen[0] in samples["measures"] else None,
        "unseen_samples": number(samples.get("unseen_combinations")),
        "scores": all(scores)
        and Table(
            ["", "trained on samples", "trained on reals"],
            [[name, *(number(score[name]) for score in scores)] for name in scores[0]],
        ),
        "kept": kept
        and Table(
            ["", *kept],
            [
                [title, *(with_spread(samples["measures"].get(f"{measure}_{attribute}")) for attribute in kept)]
                for title, measure in (("kept", "kept"), ("predicted as changed", "changed_accuracy"))
            ],
        ),
        "unlabelled": [TITLES[name] for name, matrices in known.items() if not matrices],
        "confusions": [
            plotted(report_plots.confusions(matrices, TITLES[name]), f"confusion matrices, {TITLES[name]}")
            for name, matrices in known.items()
            if matrices
        ],
    }


def _pixel_art(content: Mapping[str, Any], pictures: Pictures) -> dict[str, object]:
    sets, names = _sets(content), list(pictures.pixel_measures)
    medians = [[name, *(number(each["pixel_art"][name]["median"]) for each in sets.values())] for name in names]
    return {
        "plot": plotted(report_plots.histograms(pictures.pixel_measures), "distributions of the pixel-art measures"),
        "medians": Table(["", *_titles(sets)], medians),
        "metrics": _metric_table(content, [f"pixel_art_distance_{name}" for name in names]),
    }


def _copies(content: Mapping[str, Any], pictures: Pictures) -> dict[str, object]:
    found = {name: each["copies"] for name, each in _sets(content).items() if "copies" in each}
    rows = [
        [key, *(str(each[key]) if isinstance(each[key], bool) else number(each[key]) for each in found.values())]
        for key in found["samples"]
    ]
    check = pictures.check
    closest = check.pairs[:PAIRS]
    pairs = np.stack([pictures.sets["samples"][closest[:, 0]], pictures.train[closest[:, 1]]], axis=1)
    pairs = pairs.reshape(-1, *pictures.train.shape[1:])
    listed = []
    for rank, (sample, _) in enumerate(closest):
        ways = [word for word in ("mirrored", "recoloured") if getattr(check, word)[rank]]
        distances = (check.distances[sample], check.validation_distances[sample])
        verdict = "too close" if check.too_close[sample] else "not too close"
        listed.append(
            [str(pictures.names[sample]), *map(number, map(float, distances)), ", ".join(ways) or "plain", verdict]
        )
    return {
        "checks": Table(["", *_titles(found)], rows),
        "plot": plotted(report_plots.nearest_distances(check), "distances to the nearest portrait"),
        "pairs": embedded(tile(over_background(pairs), columns=8, gap=2), "closest pairs"),
        "closest": Table(["sample", "to training", "to validation", "match", ""], listed),
    }
