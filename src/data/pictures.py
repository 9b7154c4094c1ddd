"""The pictures of notebooks 01 and 02, each from a data folder's tables alone.

Every function returns a matplotlib Figure or a Pillow image, as the last line of a cell shows it.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image

from src.data.build import PACKED
from src.data.clean import PrepareOptions
from src.data.contact_sheets import page_names
from src.data.folder import CONTACT_SHEETS, GROUP_TABLE, PREPARED, RAW_TABLE, accepted_names
from src.data.intake import ACCEPTED, find_files, is_image_name, prepared_names, take_in
from src.data.notes import without_details
from src.data.split import TRAIN, VALIDATION
from src.data.vocabulary import FINAL_TABLE
from src.errors import InputError
from src.images import over_background, read_rgba, tile
from src.labels import LabelSpecification
from src.palettes import category
from src.tables import read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BACKGROUND = 200
NO_PALETTE_RULE = "smooth art: the palette rule is for pixel art"
TRAIN_COLOUR, VALIDATION_COLOUR = "#4c72b0", "#dd8452"


def draw_file_counts(data: Path) -> Figure:
    """Bars: how many files were taken, and why the others were not."""
    raw = read_table(data / RAW_TABLE, ("status", "reason"))
    kinds = without_details(raw["reason"])
    names = raw["status"].where(kinds == "", raw["status"] + ": " + kinds)
    counts = names.value_counts(ascending=True)
    figure, axes = _figure(8, 0.6 + 0.3 * len(counts))
    axes.bar_label(axes.barh(counts.index, counts, color=TRAIN_COLOUR), fmt="{:,.0f}", padding=3, fontsize=8)
    axes.margins(x=0.1)
    axes.set_title("files by what became of them")
    return figure


def draw_colours(data: Path) -> Figure:
    """Histograms: colours a portrait, portraits a group."""
    raw = read_table(data / RAW_TABLE, ("status", "colours"))
    groups = read_table(data / GROUP_TABLE, ("size",))
    figure, (left, right) = _figure(9, 2.8, columns=2)
    left.hist(raw.loc[raw["status"] == ACCEPTED, "colours"].astype(int), bins=40, color=TRAIN_COLOUR)
    left.set(title="distinct colours in a portrait", xlabel="colours", ylabel="portraits")
    right.hist(groups["size"].astype(int), bins=40, color=TRAIN_COLOUR)
    right.set(title="portraits in a group", xlabel="portraits", ylabel="groups")
    return figure


def draw_contact_sheet(data: Path, page: int = 1) -> Image.Image:
    """One contact sheet of the groups, counted from 1.

    Raises:
        InputError: no such page.
    """
    pages = page_names(len(read_table(data / GROUP_TABLE)))
    if not 1 <= page <= len(pages):
        raise InputError(f"there is no contact sheet {page}; there are {len(pages)}")
    with Image.open(data / CONTACT_SHEETS / pages[page - 1]) as image:
        return image.copy()


def draw_recolours(data: Path, groups: int = 6, members: int = 12) -> Image.Image:
    """A row of portraits for each of the largest groups: the same silhouette in other colours.

    Args:
        data: the data folder.
        groups: rows.
        members: the most portraits a row.
    """
    raw = read_table(data / RAW_TABLE, ("filename", "status", "group_id"))
    accepted = raw[raw["status"] == ACCEPTED]
    by_group = accepted["filename"].map(accepted_names(raw)).groupby(accepted["group_id"], sort=False).agg(list)
    largest = sorted(by_group, key=len, reverse=True)[:groups]
    return _rows_of_portraits([[read_rgba(data / PREPARED / name) for name in group[:members]] for group in largest])


def draw_class_balance(data: Path) -> Figure:
    """Bars for each attribute: portraits of each class, in training and in validation."""
    specification, packed = _load(data)
    if not specification.names:
        return _message("this data set has no labels")
    figure, all_axes = _figure(
        4.2 * len(specification.names), 0.8 + 0.28 * max(specification.sizes), columns=len(specification.names)
    )
    for column, (attribute, axes) in enumerate(zip(specification.names, np.atleast_1d(all_axes), strict=True)):
        names = specification.attributes[attribute]
        train, validation = (
            np.bincount(packed["labels"][packed["split"] == side, column], minlength=len(names))
            for side in (TRAIN, VALIDATION)
        )
        axes.barh(names, train, color=TRAIN_COLOUR, label="training")
        axes.barh(names, validation, left=train, color=VALIDATION_COLOUR, label="validation")
        axes.invert_yaxis()
        axes.set_title(attribute)
    np.atleast_1d(all_axes)[-1].legend(fontsize=8)
    return figure


def draw_label_cells(data: Path) -> Figure:
    """Heat map: portraits of every combination of labels.

    The attribute with the most classes runs down, the combinations of the others across.
    """
    specification, packed = _load(data)
    if not specification.names:
        return _message("this data set has no labels")
    down = int(np.argmax(specification.sizes))
    across = [column for column in range(len(specification.names)) if column != down]
    sizes = [specification.sizes[column] for column in across]
    counts = np.zeros((specification.sizes[down], math.prod(sizes)), int)
    combination = np.zeros(len(packed["labels"]), int)
    for column, size in zip(across, sizes, strict=True):
        combination = combination * size + packed["labels"][:, column]
    np.add.at(counts, (packed["labels"][:, down], combination), 1)

    figure, axes = _figure(2 + 0.62 * counts.shape[1], 1.6 + 0.34 * counts.shape[0])
    _draw_counts(axes, counts)
    axes.set_yticks(range(counts.shape[0]), specification.attributes[specification.names[down]])
    columns = [
        "\n".join(cell)
        for cell in itertools.product(*(specification.attributes[specification.names[column]] for column in across))
    ]
    axes.set_xticks(range(counts.shape[1]), columns, fontsize=8, rotation=0 if counts.shape[1] < 14 else 90)
    axes.set_title("portraits of every combination of labels")
    return figure


def draw_swatches(data: Path, count: int = 10) -> Figure:
    """The dominant colours of each palette category, as the rule sees the pixels."""
    _, packed = _load(data)
    categories = read_table(data / FINAL_TABLE, ("palette_pixels",))["palette_pixels"]
    if categories.eq("").all():
        return _message(NO_PALETTE_RULE)
    colours = category.swatches(packed["images"], categories, count)
    figure, axes = _figure(7, 0.6 + 0.45 * len(colours))
    picture = np.full((len(colours), count, 3), 255, np.uint8)
    for row, swatch in enumerate(colours.values()):
        picture[row, : len(swatch)] = swatch
    axes.imshow(picture, aspect="auto", interpolation="nearest")
    for row in range(1, len(colours)):
        axes.axhline(row - 0.5, color="white", linewidth=4)
    counts = categories.value_counts()
    axes.set_yticks(range(len(colours)), [f"{name} ({counts[name]:,})" for name in colours])
    axes.set_xticks([])
    axes.set_frame_on(False)
    axes.set_title("most used colours by palette category")
    return figure


def draw_palette_measures(data: Path) -> Figure:
    """Where the portraits lie in the palette rule's measures, with its thresholds."""
    table = read_table(data / FINAL_TABLE)
    if table["palette_pixels"].eq("").all():
        return _message(NO_PALETTE_RULE)
    figure, (left, right) = _figure(10, 3.6, columns=2)
    lightness, chroma, warmth = (
        table[f"palette_{name}"].astype(float) for name in ("lightness", "chroma", "temperature")
    )
    shown_in = {"cool": "#3b6fb6", "dark": "#222222", "muted": "#9a8f6a", "neutral": "#a8a8a8", "warm": "#d8572a"}
    for name in category.PALETTES:
        chosen = table["palette_pixels"] == name
        left.scatter(chroma[chosen], lightness[chosen], s=3, color=shown_in[name], label=name)
        right.scatter(chroma[chosen], warmth[chosen], s=3, color=shown_in[name])
    left.axhline(category.DARK_BELOW_LIGHTNESS, color="grey", linewidth=0.8)
    right.axhline(category.WARM_ABOVE_TEMPERATURE, color="grey", linewidth=0.8)
    for axes in (left, right):
        axes.axvline(category.NEUTRAL_BELOW_CHROMA, color="grey", linewidth=0.8)
        axes.axvline(category.MUTED_BELOW_CHROMA, color="grey", linewidth=0.8)
        axes.set_xlabel("chroma (OKLab, 75th percentile)")
    left.set_ylabel("lightness (OKLab, median)")
    right.set_ylabel("temperature (warm above 0)")
    left.legend(fontsize=8, markerscale=3)
    return figure


def draw_palette_confusion(data: Path) -> Figure:
    """The palette on the label (down) against what the rule finds in the pixels (across), in portraits.

    Where the palette came from the rule itself the two agree by definition, and the picture says so.
    """
    table = read_table(data / FINAL_TABLE)
    if "palette" not in table:
        return _message("this data set has no palette label")
    palettes = list(category.PALETTES)
    counts = pd.crosstab(table["palette"], table["palette_pixels"]).reindex(
        index=palettes, columns=palettes, fill_value=0
    )
    counts = counts.to_numpy()
    others = len(table) - counts.sum()
    figure, axes = _figure(5.2, 3.4)
    _draw_counts(axes, counts)
    axes.set_yticks(range(len(category.PALETTES)), category.PALETTES)
    axes.set_xticks(range(len(category.PALETTES)), category.PALETTES)
    axes.set_ylabel("label")
    axes.set_xlabel("rule")
    borderline = (table["palette_ambiguous"] == "yes").sum()
    agreement = np.trace(counts) / max(counts.sum(), 1)
    left_over = f", {others:,} with other names" if others else ""
    axes.set_title(f"rule and label agree on {agreement:.1%}; {borderline:,} borderline{left_over}", fontsize=10)
    return figure


def draw_labelled_batch(data: Path, attribute: str | None = None, portraits: int = 10, seed: int = 0) -> Figure:
    """A row of training portraits for each class of one attribute.

    Args:
        data: the data folder.
        attribute: whose classes are the rows; by default the one with the most classes.
        portraits: the most a row.
        seed: which portraits.

    Raises:
        InputError: no such attribute.
    """
    specification, packed = _load(data)
    training = np.flatnonzero(packed["split"] == TRAIN)
    generator = np.random.default_rng(seed)
    if specification.names:
        attribute = attribute or specification.names[int(np.argmax(specification.sizes))]
        column = specification.names.index(specification.restricted_to([attribute]).names[0])
        classes = specification.attributes[attribute]
        members = [training[packed["labels"][training, column] == index] for index in range(len(classes))]
    else:
        classes, members = ("all",), [training]
    chosen = [generator.permutation(indices)[:portraits] for indices in members]
    picture = np.asarray(_rows_of_portraits([list(packed["images"][indices]) for indices in chosen], scale=1))
    figure, axes = _figure(picture.shape[1] / 72 + 1.5, picture.shape[0] / 72 + 0.4)
    axes.imshow(picture, interpolation="nearest")
    step = picture.shape[0] / len(classes)
    axes.set_yticks([(row + 0.5) * step for row in range(len(classes))], classes)
    axes.set_xticks([])
    axes.set_frame_on(False)
    axes.set_title(f"training portraits by {attribute}" if attribute else "training portraits")
    return figure


def draw_cleaning(images: Path, options: PrepareOptions, portraits: int = 10) -> Image.Image:
    """Portraits without and with what the options ask for, and below what that changed, in red.

    Shown are the first portraits that it changes; a blank picture where there are none.

    Args:
        images: folder of raw files.
        options: as given to `prepare_folder`.
        portraits: the most to show.
    """
    files = find_files(images, leave_out=images / PREPARED, problems=[])
    names = prepared_names(file.filename for file in files if is_image_name(file.filename))
    untouched = replace(options, colours=None, remove_orphans=False, remove_fringe=False)
    columns = []
    for file in files:
        pair = [
            portrait
            for chosen in (untouched, options)
            for _, portrait in take_in([file], names, size=64, tiles=None, options=chosen)
            if portrait is not None
        ]
        if len(pair) == 2 and not np.array_equal(*pair):
            changed = np.zeros_like(pair[0])
            changed[(pair[0] != pair[1]).any(axis=-1)] = (220, 30, 30, 255)
            columns.append([*pair, changed])
        if len(columns) == portraits:
            break
    if not columns:
        columns = [[np.zeros((64, 64, 4), np.uint8)] * 3]
    return _rows_of_portraits(list(zip(*columns, strict=True)), scale=2)


def _figure(width: float, height: float, columns: int = 1) -> tuple[Figure, Axes | np.ndarray]:
    """A figure of so many inches and its axes, side by side."""
    # pyplot rather than a bare Figure: in Jupyter its import sets up how figures are shown. Closed at once, or Jupyter
    # would show the figure a second time at the end of the cell.
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, columns, figsize=(width, height), dpi=80, layout="constrained")
    pyplot.close(figure)
    return figure, axes


def _message(text: str) -> Figure:
    figure, axes = _figure(6, 0.6)
    axes.text(0.5, 0.5, text, ha="center", va="center")
    axes.set_axis_off()
    return figure


def _draw_counts(axes: Axes, counts: np.ndarray) -> None:
    """A table of counts, darker where there are more."""
    axes.imshow(counts, cmap="Blues", aspect="auto", interpolation="nearest")
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if counts[row, column] > counts.max() / 2 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=8, color=colour)


def _rows_of_portraits(rows: Sequence[Sequence[np.ndarray]], scale: int = 1) -> Image.Image:
    """Portraits, uint8 `[size, size, 4]`, row by row over grey; short rows end early."""
    columns = max(len(row) for row in rows)
    blank = np.zeros_like(next(portrait for row in rows for portrait in row))
    flat = [portrait for row in rows for portrait in (*row, *[blank] * (columns - len(row)))]
    return Image.fromarray(
        tile(over_background(np.stack(flat), BACKGROUND), columns, gap=1, scale=scale, fill=BACKGROUND)
    )


def _load(data: Path) -> tuple[LabelSpecification, Mapping[str, np.ndarray]]:
    """The label specification and the arrays of the packed file."""
    path = data / PACKED
    if not path.exists():
        raise InputError(f"{path} is missing; run `build` (notebook 02) first")
    with np.load(path) as file:
        packed = dict(file)
    return LabelSpecification.from_mapping(json.loads(str(packed["label_mappings"]))), packed
