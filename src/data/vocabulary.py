"""Which classes a data set has: one that an earlier build did not have is a misspelling, unless a person meant it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, Field

from src.data.curate import HISTORY
from src.data.given_labels import read_label_table
from src.data.group_labels import GROUP_LABELS
from src.errors import InputError
from src.labels import read_label_mappings
from src.palettes import category
from src.tables import parse_json, read_json, read_table

LABEL_MAPPINGS, CONFIGURATION, FINAL_TABLE = "label_mappings.json", "dataset_config.json", "sprites_final.csv"
MEASURE_COLUMNS = ("palette_pixels", "palette_lightness", "palette_chroma", "palette_temperature", "palette_ambiguous")
RESERVED_COLUMNS = ("filename", "group_id", "split", "source", "confidence", *MEASURE_COLUMNS)
"""Columns of tables that no attribute can be called."""


class _Configuration(BaseModel):
    """What is read back of `dataset_config.json`."""

    classes_in_tables: dict[str, list[str]] = Field(default_factory=dict)


def check_vocabulary(
    data: Path, labels: Path | None, groups: set[str], attributes: Sequence[str], new_classes: bool
) -> dict[str, list[str]]:
    """Look for classes that an earlier build did not have, in `group_labels.csv` and the given labels.

    Args:
        data: the data folder.
        labels: the CSV of given labels.
        groups: the groups there are. The sheet keeps the rows of groups that are gone, perhaps another data set's.
        attributes: those to look at.
        new_classes: take any class as meant.

    Returns:
        Attribute -> the classes in both tables, also those that will label no portrait.

    Raises:
        InputError: a class that the earlier build did not have.
    """
    known = {} if new_classes else _known_classes(data, groups)
    used: dict[str, set[str]] = {attribute: set() for attribute in attributes}
    for table, rows_of in ((data / GROUP_LABELS, groups), (labels, None)):
        if table is not None and table.exists():
            for attribute, names in check_classes(table, attributes, known, rows_of).items():
                used[attribute] |= names
    return {attribute: sorted(names) for attribute, names in used.items()}


def check_classes(
    path: Path, attributes: Sequence[str], known: Mapping[str, Collection[str]], groups: Collection[str] | None = None
) -> dict[str, set[str]]:
    """Make sure that a CSV of labels, or the sheet, uses only classes that there are.

    Args:
        path: the table.
        attributes: the columns to look at, where it has them.
        known: attribute -> its classes; an attribute that is not there may have any.
        groups: look at the rows of these groups alone; None: at every row.

    Returns:
        Attribute -> the classes that the table uses.

    Raises:
        InputError: another class; the message names its first row, as a spreadsheet numbers it, and the classes there
            are.
    """
    table = read_label_table(path, attributes)
    if groups is not None:
        table = table[table["group_id"].isin(groups)]
    used: dict[str, set[str]] = {attribute: set() for attribute in attributes}
    for attribute in (attribute for attribute in attributes if attribute in table):
        names = table.loc[table[attribute].ne(""), attribute]
        for row in names.index[names.str.contains(r"[\x00-\x1f\x7f]")]:
            raise InputError(
                f"{path}, row {row + 2}: {attribute} {names[row]!r} has a line break or the like; remove it"
            )
        unknown = names[~names.isin(known.get(attribute, names))]
        if len(unknown):
            row, name = unknown.index[0], unknown.iloc[0]
            key = table.loc[row].get("filename") or table.loc[row].get("group_id") or "no name"
            near = difflib.get_close_matches(name, known[attribute], n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise InputError(
                f"{path}, row {row + 2} ({key}): unknown {attribute} {name!r}{hint}; this data set has: "
                f"{', '.join(sorted(known[attribute]))}; where the class is meant, build with --new-classes "
                "(in notebook 02: new_classes=True)"
            )
        used[attribute] = set(names)
    return used


def _known_classes(data: Path, groups: set[str]) -> dict[str, set[str]]:
    """Attribute -> the classes of the earlier build of this set and those chosen by keyboard; empty if it is new."""
    try:
        known = {name: set(classes) for name, classes in read_label_mappings(data / LABEL_MAPPINGS).attributes.items()}
        built = read_table(data / FINAL_TABLE, ("group_id",))["group_id"]
        in_tables = read_json(data / CONFIGURATION, _Configuration, "build again").classes_in_tables
    except InputError:
        return {}  # no earlier build, or one that was not finished
    if groups.isdisjoint(built):
        return {}
    for more in ({"palette": category.PALETTES}, in_tables, _chosen_by_keyboard(data / HISTORY)):
        for name in known.keys() & more.keys():
            known[name].update(more[name])
    return known


def _chosen_by_keyboard(history: Path) -> dict[str, set[str]]:
    """Attribute -> the classes of the decisions that were not taken back."""
    if not history.exists():
        return {}
    table = read_table(history, ("action", "after"))
    decisions: list[dict[str, str]] = []
    for row, action, after in table[["action", "after"]].itertuples(name=None):
        if action != "undo":
            decisions.append(parse_json(after, dict[str, str], f"{history}, row {row + 2}", "remove the row"))
        elif decisions:
            decisions.pop()
    classes: dict[str, set[str]] = {}
    for name, value in (cell for decision in decisions for cell in decision.items()):
        classes.setdefault(name, set()).add(value)
    return classes
