"""The data card, `README.md` of a data folder: what the set holds, where it comes from, what was left out and why.

Written from the folder's own tables alone, without a date or a path: the same data gives the same bytes.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from src.data.folder import GROUP_TABLE, RAW_TABLE
from src.data.intake import ACCEPTED
from src.data.origin import SOURCE_NOTE, read_origin
from src.files import write_text
from src.palettes import category
from src.tables import read_json, read_table

DATA_CARD = "README.md"
BESIDE_FOREIGN_PAGES = "DATA_CARD.md"
"""The card's name where a person keeps a README.md of their own; with a number where they keep one of this name too."""

_TITLE = "# Data card"
_EMPTY_PAGE_TITLE = "# Prepared data"

FILE_TABLE = """\
| file or folder | what it is |
| --- | --- |
| `painted/` | the default heroes and their `labels.csv`, painted while `train_images/` is empty |
| `source.json`, `source_labels.csv` | where the images come from; the labels that a known collection has of its own |
| `sprites_raw.csv` | one row for every raw file: taken or not, and why |
| `prepare_config.json`, `cut_tiles.png` | how it was prepared; a sheet that `--tiles` cut badly, where there is one |
| `prepared/` | the accepted portraits, RGBA PNG, 64x64 |
| `sprite_groups.csv`, `contact_sheets/` | the groups: recolours of one hero, with pictures |
| `group_labels.csv` | the sheet a person fills in, one row a group; what is filled in is never overwritten |
| `group_labels_history.csv` | every decision made in notebook 02, undone ones too |
| `sprites_final.csv`, `sprites_train.csv`, `sprites_val.csv` | labels, palette measures, the split \
(no group is in both parts) |
| `label_mappings.json`, `dataset_config.json` | attributes, classes and their indices; counts and fingerprint |
| `portraits.npz` | images, labels and split in one file: all that training reads |
"""
"""What lies in a data folder, as Markdown."""

_FINGERPRINTED = (RAW_TABLE, GROUP_TABLE, "sprites_final.csv", "label_mappings.json")

_MEASURES = (
    ("palette_lightness", "lightness (OKLab, median; 0 black, 1 white)"),
    ("palette_chroma", "chroma (OKLab, 75th percentile; 0 grey)"),
    ("palette_temperature", "temperature (warm above 0, cool below)"),
)


def write_data_card(data: Path) -> Path:
    """Write the data card of a folder that `build_dataset` has filled.

    Args:
        data: the data folder.

    Returns:
        The path of the card.

    Raises:
        InputError: a table is missing, or `source.json` cannot be read.
    """
    data = Path(data)
    raw = read_table(data / RAW_TABLE, ("status", "reason"))
    groups = read_table(data / GROUP_TABLE, ("size",))
    parts = {name: read_table(data / f"sprites_{name}.csv", ("group_id",)) for name in ("train", "val")}
    portraits = pd.concat(parts, names=["split"]).reset_index("split")
    configuration = read_json(data / "dataset_config.json", dict[str, Any], "run `build` again")

    sections = (
        [_TITLE, "", "Written by `build` (notebook 02) from the tables in this folder; changes here are overwritten."],
        ["## Counts", "", *_counts(raw, groups, len(portraits))],
        ["## Source and licence", "", *_source(data)],
        ["## Labels", "", *_labels(configuration, portraits)],
        ["## Palette space", "", *_palette_space(portraits)],
        ["## What was not taken", "", *_not_taken(raw)],
        ["## Split", "", *_split(configuration, portraits)],
        ["## Warnings of the build", "", *(f"- {_text(line)}" for line in configuration["warnings"] or ["none"])],
        ["## Fingerprints", "", *_fingerprints(data, configuration)],
        ["## Files", "", FILE_TABLE.rstrip()],
    )
    names = itertools.chain((DATA_CARD, BESIDE_FOREIGN_PAGES), (f"DATA_CARD_{n}.md" for n in itertools.count(2)))
    card = next(page for page in map(data.joinpath, names) if _is_ours(page))
    write_text(card, "\n\n".join("\n".join(section) for section in sections) + "\n")
    return card


def _is_ours(page: Path) -> bool:
    """Whether the page is an earlier card, the project's page of an empty data folder, or not there."""
    return not page.exists() or page.read_text(encoding="utf-8", errors="replace").startswith(
        (_TITLE, _EMPTY_PAGE_TITLE)
    )


def _counts(raw: pd.DataFrame, groups: pd.DataFrame, portraits: int) -> list[str]:
    accepted = int((raw["status"] == ACCEPTED).sum())
    sizes = sorted(groups["size"].astype(int))
    return [
        *_table(
            ("what", "how many"),
            [
                ("raw files (tiles of a sheet count singly)", len(raw)),
                ("accepted portraits", accepted),
                ("portraits in the set", portraits),
                ("accepted, but left out for want of a label", accepted - portraits),
                ("groups of accepted portraits", len(groups)),
                ("portraits a group: least, median, most", f"{sizes[0]}, {sizes[len(sizes) // 2]}, {sizes[-1]}"),
            ],
        )
    ]


def _source(data: Path) -> list[str]:
    origin = read_origin(data)
    if origin is None:
        return [
            f"unknown: say where your images are from. Write `{SOURCE_NOTE}` into this folder, a JSON object with the",
            "texts `name`, `where` and `licence` (and `authors`, `changes` if you like), and run `build` again. Do not",
            "publish images or models without knowing the licence.",
        ]
    lines = [("collection", origin.name), ("where", origin.where), ("licence", origin.licence)]
    lines += [(name, text) for name, text in (("authors", origin.authors), ("changes", origin.changes)) if text]
    return _table(("what", "as stated by the source"), lines)


def _labels(configuration: Mapping, portraits: pd.DataFrame) -> list[str]:
    """A table of class balance for each attribute."""
    if not configuration["attributes"]:
        return ["none: the set is unlabelled."]
    lines: list[str] = []
    for attribute in configuration["attributes"]:
        counts = pd.crosstab(portraits[attribute], portraits["split"])
        counts = counts.reindex(columns=["train", "val"], fill_value=0)
        rows = [
            (name, train, validation, f"{(train + validation) / len(portraits):.1%}")
            for name, train, validation in counts.itertuples()
        ]
        origin = ", ".join(f"{name} {number:,}" for name, number in configuration["label_sources"][attribute].items())
        lines += [f"### {_text(attribute)}", "", f"Where the labels come from, in portraits: {origin}.", ""]
        lines += [*_table((attribute, "training", "validation", "share"), rows), ""]
    return lines[:-1]


def _palette_space(portraits: pd.DataFrame) -> list[str]:
    if portraits["palette_pixels"].eq("").all():
        return ["none: this is smooth art, and the palette rule is for pixel art."]
    measures = []
    for column, description in _MEASURES:
        values = sorted(portraits[column].astype(float))
        measures.append((description, f"{values[0]:.3f}", f"{values[len(values) // 2]:.3f}", f"{values[-1]:.3f}"))
    categories = portraits["palette_pixels"].value_counts().sort_index()
    ambiguous = (portraits["palette_ambiguous"] == "yes").sum()
    return [
        *_table(("measure", "least", "median", "most"), measures),
        "",
        f"In this order: dark below lightness {category.DARK_BELOW_LIGHTNESS}; neutral below chroma "
        f"{category.NEUTRAL_BELOW_CHROMA}; muted below chroma {category.MUTED_BELOW_CHROMA}; then warm above "
        f"temperature {category.WARM_ABOVE_TEMPERATURE}, else cool.",
        f"{ambiguous:,} of {len(portraits):,} portraits lie close to a threshold (`palette_ambiguous`).",
        "",
        *_table(("category by the pixels", "portraits"), categories.items()),
    ]


def _not_taken(raw: pd.DataFrame) -> list[str]:
    refused = raw.loc[raw["status"] != ACCEPTED, ["status", "reason"]]
    if refused.empty:
        return ["nothing: every file was taken."]
    counts = refused.value_counts().reset_index()
    counts = counts.sort_values(["count", "status", "reason"], ascending=[False, True, True])
    return _table(("status", "reason", "files"), counts.itertuples(index=False))


def _split(configuration: Mapping, portraits: pd.DataFrame) -> list[str]:
    groups = portraits.groupby("split")["group_id"].agg(["size", "nunique"])
    groups = groups.reindex(["train", "val"], fill_value=0)
    both = groups["nunique"].sum() - portraits["group_id"].nunique()
    return [
        f"By group, seed {configuration['seed']}, share asked for validation {configuration['val_fraction']}; "
        f"groups in both parts: {both}.",
        *(
            f"No group in which this combination occurs is trained on: {_text(', '.join(combination.values()))}."
            for combination in configuration.get("held_out_combinations", [])
        ),
        "",
        *_table(("part", "portraits", "groups"), groups.set_axis(["training", "validation"]).itertuples()),
    ]


def _fingerprints(data: Path, configuration: Mapping) -> list[str]:
    files = [(f"`{name}`", hashlib.sha256((data / name).read_bytes()).hexdigest()) for name in _FINGERPRINTED]
    return [
        "SHA-256. A checkpoint keeps that of the set: images, labels, split and mappings.",
        "",
        *_table(("what", "fingerprint"), [("the set", configuration["fingerprint"]), *files]),
    ]


def _text(text: str) -> str:
    """A name or a message as Markdown that shows it: one line, no HTML."""
    return escape(" ".join(text.split()), quote=False)


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a Markdown table; whole numbers get thousands separators."""

    def line(cells: Iterable[object]) -> str:
        texts = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)
        return "| " + " | ".join(_text(text).replace("|", "\\|") for text in texts) + " |"

    return [line(header), line("---" for _ in header), *map(line, rows)]
