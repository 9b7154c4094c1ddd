"""Labels that a table or file names give, and which portraits they mean."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from src.data.file_names import folder_pattern, match_names, stem
from src.errors import InputError
from src.tables import read_json, read_table

# A column with more different values than this, or fewer rows for each on average, names heroes or files, no attribute.
MANY_CLASSES = 20
FEW_ROWS = 10


@dataclass(frozen=True)
class GivenLabels:
    """Labels: a column for each attribute asked for that is given, NaN where a cell is empty.

    Args:
        by_file: a row for each file name in the table.
        by_group: a row for each group id in it.
        path: the table; None where there is none.
        by_name: what file names say, a row for each prepared name; the table's labels come first.
        unused: columns of the table that could be attributes and were not asked for.
    """

    by_file: pd.DataFrame = field(default_factory=pd.DataFrame)
    by_group: pd.DataFrame = field(default_factory=pd.DataFrame)
    path: Path | None = None
    by_name: pd.DataFrame = field(default_factory=pd.DataFrame)
    unused: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.path is not None or not self.by_name.empty


def read_label_table(path: Path, attributes: Sequence[str]) -> pd.DataFrame:
    """The rows of a CSV of labels, or of a `dataset.json` of StyleGAN's tools: `{"labels": [["a.png", 3], ...]}`.

    Its labels are numbers, or lists with one 1; they become classes of `hero_class`, or of the one attribute of
    identity asked for.

    Raises:
        InputError: no such table.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        return read_table(path, strip=True)
    identity = [attribute for attribute in attributes if attribute != "palette"]
    if "hero_class" in identity:
        identity = ["hero_class"]
    if len(identity) != 1:
        raise InputError(
            f"{path} has one label a file; name the attribute that it is, alone or with palette: --attributes NAME"
        )
    if not path.exists():
        raise InputError(f"{path} does not exist")
    try:
        labels = read_json(path, dict[str, Any], "")["labels"]
        pairs = list(labels.items() if isinstance(labels, dict) else labels)
        rows = [(name, _class_number(label)) for name, label in pairs if isinstance(name, str)]
        if not rows or len(rows) < len(pairs):
            raise ValueError
    except (InputError, KeyError, TypeError, ValueError):
        raise InputError(
            f"{path} is no dataset.json of StyleGAN's tools with labels: it needs "
            '{"labels": [["a.png", 3], ...]}; write a CSV with the column filename instead'
        ) from None
    return pd.DataFrame(rows, columns=["filename", *identity], dtype=str)


def _class_number(label: Any) -> str:
    """3, or [0, 0, 0, 1] -> `3`."""
    if isinstance(label, list):
        if sorted(label) != [0] * (len(label) - 1) + [1]:
            raise ValueError
        label = label.index(1)
    if isinstance(label, bool) or not isinstance(label, (int, str)):
        raise ValueError
    return str(label)


def labels_from_names(
    given: GivenLabels,
    portraits: pd.DataFrame,
    pattern: str | None,
    attributes: Sequence[str],
    known: Mapping[str, Collection[str]],
) -> tuple[GivenLabels, list[str]]:
    """Add labels that the file names give, by a pattern or by folders that look like classes.

    Without a pattern, folders are the classes of the one attribute of identity asked for, unless it has other labels;
    an attribute that was labelled by them stays so.

    Args:
        given: labels from a table.
        portraits: see `read_portraits`.
        pattern: such as `{hero_class}/*` (see `file_names.read_pattern`).
        attributes: those asked for.
        known: attribute -> the classes given or curated so far.

    Returns:
        All labels; lines to say about them.

    Raises:
        InputError: a bad pattern, one that no file name matches or that gives no attribute asked for.
    """
    filenames, lines = portraits["filename"].tolist(), []
    wanted = set(attributes)
    if pattern is None:
        identity = [name for name in attributes if name != "palette"]
        pattern, found = folder_pattern(filenames, identity, known)
        by_folder = {name for name in identity if known.get(name) and found.get(name, {}).keys() >= set(known[name])}
        alone = len(identity) == 1 and not known.get(identity[0])
        wanted = by_folder or (found.keys() & identity if alone else set())
        if not wanted:
            if all(known.get(name) for name in found):
                return given, []
            shown = " and ".join(f"of {name}: {_counted(classes)}" for name, classes in found.items())
            option = f'--label-pattern "{pattern}"'
            if not found.keys() & identity:
                option = f"--attributes {','.join(dict.fromkeys([*found, *attributes]))} {option}"
            return given, [f"the folders look like classes {shown}; build with {option} to label by them"]
        lines += [
            f"{name!r} is taken from the folders {_counted(found[name])}; give --labels for other classes"
            for name in sorted(wanted)
            if not _gives_all(given, portraits, name)
        ]
    # A portrait whose own name says nothing takes what the names of its duplicates say.
    names = [[name, *duplicates] for name, duplicates in zip(filenames, portraits["duplicates"], strict=True)]
    matched = match_names(pattern, [name for of_portrait in names for name in of_portrait])
    found = [[name for name in of_portrait if name in matched] for of_portrait in names]
    first = [matched[of_portrait[0]] if of_portrait else {} for of_portrait in found]
    table = pd.DataFrame(first, index=portraits.index, dtype=object)
    table = table[[name for name in table if name in wanted]].dropna(how="all")
    if table.empty:
        raise InputError(f"{pattern!r} gives none of {', '.join(attributes)}; name its own in --attributes")
    others = [name for name, of_portrait in zip(filenames, found, strict=True) if not of_portrait]
    if others:
        lines.append(f"{len(others):,} file names do not match {pattern!r}, e.g. {others[0]}")
    torn = [
        of_portrait
        for of_portrait in found
        if any(len({matched[name][attribute] for name in of_portrait}) > 1 for attribute in table)
    ]
    if torn:
        kept, other = torn[0][0], next(name for name in torn[0] if matched[name] != matched[torn[0][0]])
        lines.append(
            f"{len(torn):,} portraits lie in several files whose names give them different labels, e.g. {kept} (taken) "
            f"and {other}; remove the wrong ones"
        )
    return replace(given, by_name=table), lines


def _gives_all(given: GivenLabels, portraits: pd.DataFrame, attribute: str) -> bool:
    """Whether a table has a label for every portrait."""
    labels = match_files(given.by_file, portraits)[0]
    return attribute in labels and bool(labels[attribute].reindex(portraits.index).notna().all())


def _counted(classes: Mapping[str, int]) -> str:
    """`knight (4), mage (3)`, and dots where there are more than three."""
    shown = [f"{name} ({number:,})" for name, number in classes.items()]
    return ", ".join([*shown[:3], *(["..."] if len(shown) > 3 else [])])


def read_given_labels(path: Path, attributes: Sequence[str]) -> GivenLabels:
    """Read a table of labels keyed by `filename`, by `group_id`, or by both (the file's own come first).

    Columns that `attributes` does not name are ignored, those that look like attributes are named in `unused`.

    Raises:
        InputError: no such table, no key column, no row, or a key with two different labels.
    """
    path = Path(path)
    table = read_label_table(path, attributes)
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
    others = [column for column in table if column not in {*keys, *attributes}]
    unused = tuple(column for column in others if _looks_like_classes(table[column]))
    return GivenLabels(by_file, by_group, path, unused=unused)


def _looks_like_classes(column: pd.Series) -> bool:
    """Few different values, each in many rows: no identifier, no remark, no constant."""
    return 2 <= column.nunique() <= min(MANY_CLASSES, len(column) // FEW_ROWS)


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
    by_stem = {stem(name): name for name in sorted(by_file.index, reverse=True) if name not in own}
    meant = pd.concat([spelled[spelled.isin(by_file.index)], spelled.map(stem).map(by_stem).dropna()])
    first = meant[~meant.index.duplicated()].sort_index()
    return by_file.loc[first].set_axis(first.index), sorted(set(by_file.index) - set(meant))


def labels_of_portraits(given: GivenLabels, portraits: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The labels given by file and by its name, by prepared name; a warning where keys mean no portrait.

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
    by_file = by_file.combine_first(given.by_name)
    if not unmatched:
        return by_file, []
    warning = f"{len(unmatched):,} of {keys:,} keys in {given.path.name} match no accepted portrait"
    return by_file, [f"{warning}, e.g. {unmatched[0]!r}"]
