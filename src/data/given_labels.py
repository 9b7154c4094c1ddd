"""Labels that a CSV gives, and which portraits they mean."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pandas as pd

from src.errors import InputError
from src.tables import read_table


@dataclass(frozen=True)
class GivenLabels:
    """A CSV of labels: a column for each attribute asked for that it has, NaN where a cell is empty.

    Args:
        by_file: a row for each file name.
        by_group: a row for each group id.
        path: the CSV; None where no labels are given.
    """

    by_file: pd.DataFrame = field(default_factory=pd.DataFrame)
    by_group: pd.DataFrame = field(default_factory=pd.DataFrame)
    path: Path | None = None


def read_given_labels(path: Path, attributes: Sequence[str]) -> GivenLabels:
    """Read a CSV of labels keyed by `filename`, by `group_id`, or by both (the file's own come first).

    Columns that `attributes` does not name are ignored.

    Raises:
        InputError: no such table, no key column, no row, or a key with two different labels.
    """
    path = Path(path)
    table = read_table(path, strip=True)
    keys = [key for key in ("filename", "group_id") if key in table]
    if table.empty:
        raise InputError(f"{path} has no rows; it needs `filename` or `group_id` and a column for each attribute")
    if not keys:
        raise InputError(
            f"{path} has neither a column `filename` nor `group_id`; its columns are: {', '.join(table.columns)}"
        )
    keyless = table[keys].eq("").all(axis=1)
    if keyless.any():
        raise InputError(f"{path}, row {keyless.idxmax() + 2} has no {' or '.join(keys)}; fill it in or remove the row")
    labels = table[[attribute for attribute in attributes if attribute in table]]
    labels = labels.mask(labels.eq(""))
    has_file = table["filename"].ne("") if "filename" in table else pd.Series(False, table.index)
    by_file = _keyed(path, labels[has_file], table.loc[has_file, keys[0]].map(_same_name))
    by_group = _keyed(path, labels[~has_file], table.loc[~has_file, keys[-1]])
    return GivenLabels(by_file, by_group, path)


def _keyed(path: Path, labels: pd.DataFrame, keys: pd.Series) -> pd.DataFrame:
    """The labels by key, in the order of the file; the same row twice counts once."""
    distinct = labels.assign(**{keys.name: keys}).drop_duplicates()
    again = distinct[keys.name].duplicated()
    if again.any():
        row = again.idxmax()
        raise InputError(f"{path} gives {keys[row]} two different labels (row {row + 2}); keep one")
    return distinct.set_index(keys.name)


def _same_name(filename: str) -> str:
    """One spelling for names that mean one file: slashes, a leading `./`, and composed accents (macOS splits them)."""
    return unicodedata.normalize("NFC", str(PurePosixPath(filename.replace("\\", "/"))))


def match_files(by_file: pd.DataFrame, portraits: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Find the portraits that a CSV's file names mean.

    A name means the portrait of that source file, else the one of that prepared name, else the one whose name differs
    only in its ending. A portrait without labels of its own takes those of its duplicates.

    Args:
        by_file: see `GivenLabels`.
        portraits: see `read_portraits`.

    Returns:
        The given labels by prepared name, for the portraits that have any; the names that mean no portrait.

    Raises:
        InputError: a name that two files have but for blanks around it.
    """
    names = [
        [filename, name, *duplicates]
        for name, filename, duplicates in portraits[["filename", "duplicates"]].itertuples(name=None)
    ]
    as_they_are = pd.Series(names, portraits.index, dtype=object).explode().map(_same_name)
    spelled = as_they_are.str.strip()  # as the table's cells
    alike = as_they_are.groupby(spelled).unique()
    for clash in alike[alike.map(len).gt(1) & alike.index.isin(by_file.index)]:
        raise InputError(f"the files {clash[0]!r} and {clash[1]!r} differ only in blanks; rename one")
    # A name that is a file's own is not lent to another file of the same stem.
    own = {_same_name(name) for filename, _, *duplicates in names for name in (filename, *duplicates)}
    by_stem = {_stem(name): name for name in sorted(by_file.index, reverse=True) if name not in own}
    meant = pd.concat([spelled[spelled.isin(by_file.index)], spelled.map(_stem).map(by_stem).dropna()])
    first = meant[~meant.index.duplicated()].sort_index()
    return by_file.loc[first].set_axis(first.index), sorted(set(by_file.index) - set(meant))


def _stem(filename: str) -> str:
    return str(PurePosixPath(filename).with_suffix(""))


def labels_of_portraits(given: GivenLabels, portraits: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The labels given by file, by prepared name; a warning where keys mean no portrait.

    Raises:
        InputError: no key means any portrait.
    """
    by_file, unmatched_files = match_files(given.by_file, portraits)
    unmatched = [*unmatched_files, *sorted(set(given.by_group.index) - set(portraits["group_id"]))]
    keys = len(given.by_file) + len(given.by_group)
    if unmatched and len(unmatched) == keys:
        raise InputError(
            f"{given.path} matches no portrait: it names {unmatched[0]!r}, the portraits are named like "
            f"{portraits['filename'].iloc[0]!r}; write names relative to the images folder"
        )
    if not unmatched:
        return by_file, []
    warning = f"{len(unmatched):,} of {keys:,} keys in {given.path.name} match no accepted portrait"
    return by_file, [f"{warning}, e.g. {unmatched[0]!r}"]
