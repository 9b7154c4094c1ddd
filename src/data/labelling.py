"""Which label each portrait gets: what a person wrote, else was given, else suggested, else is in the pixels."""

from __future__ import annotations

import difflib
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from src.data.group_labels import GIVEN, MANUAL, SUGGESTED, labels_of
from src.errors import InputError
from src.tables import Row, read_table

PIXELS = "pixels"


@dataclass(frozen=True)
class GivenLabels:
    """The content of a CSV of labels.

    Args:
        columns: those of the attributes asked for that the CSV has.
        by_file: file name as written -> attribute -> class; empty cells are left out.
        by_group: group id -> attribute -> class.
    """

    columns: tuple[str, ...] = ()
    by_file: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    by_group: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Portrait:
    """A portrait to be labelled.

    Args:
        name: its prepared name.
        filename: the file it came from.
        group_id: its group.
        duplicates: files with the same pixels.
    """

    name: str
    filename: str
    group_id: str
    duplicates: tuple[str, ...] = ()


def read_given_labels(path: Path, attributes: Sequence[str]) -> GivenLabels:
    """Read a CSV of labels keyed by `filename`, by `group_id`, or by both (the file's own come first).

    Columns that `attributes` does not name are ignored.

    Raises:
        InputError: no such table, no key column, no row, or a key with two different labels.
    """
    rows = read_table(path, strip=True)
    keys = [key for key in ("filename", "group_id") if rows and key in rows[0]]
    if not rows:
        raise InputError(f"{path} has no rows; it needs `filename` or `group_id` and a column for each attribute")
    if not keys:
        raise InputError(
            f"{path} has neither a column `filename` nor `group_id`; its columns are: {', '.join(rows[0])}"
        )
    columns = tuple(attribute for attribute in attributes if attribute in rows[0])
    by_file: dict[str, dict[str, str]] = {}
    by_group: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, start=2):
        labels = {attribute: row[attribute] for attribute in columns if row[attribute]}
        filename, group = row.get("filename", ""), row.get("group_id", "")
        if not filename and not group:
            raise InputError(f"{path}, row {number} has no {' or '.join(keys)}; fill it in or remove the row")
        table, key = (by_file, _same_name(filename)) if filename else (by_group, group)
        if table.setdefault(key, labels) != labels:
            raise InputError(f"{path} gives {filename or group} two different labels (row {number}); keep one")
    return GivenLabels(columns, by_file, by_group)


def _same_name(filename: str) -> str:
    """One spelling for names that mean one file: slashes, a leading `./`, and composed accents (macOS splits them)."""
    return unicodedata.normalize("NFC", str(PurePosixPath(filename.replace("\\", "/"))))


def match_files(given: GivenLabels, portraits: Sequence[Portrait]) -> tuple[dict[str, Mapping[str, str]], list[str]]:
    """Find the portraits that a CSV's file names mean.

    A name means the portrait of that source file, else the one of that prepared name, else the one whose name differs
    only in its ending. A portrait without labels of its own takes those of its duplicates.

    Returns:
        Prepared name -> its given labels; the names that mean no portrait.
    """
    unused = set(given.by_file)
    exact = {_same_name(name) for portrait in portraits for name in (portrait.filename, *portrait.duplicates)}
    by_stem: dict[str, str] = {}
    for name in sorted(given.by_file):
        if name not in exact:
            by_stem.setdefault(_stem(name), name)
    labels: dict[str, Mapping[str, str]] = {}
    for portrait in portraits:
        spellings = [_same_name(name) for name in (portrait.filename, portrait.name, *portrait.duplicates)]
        spellings += [by_stem[stem] for stem in map(_stem, spellings) if stem in by_stem]
        found = [name for name in spellings if name in given.by_file]
        unused.difference_update(found)
        if found:
            labels[portrait.name] = given.by_file[found[0]]
    return labels, sorted(unused)


def _stem(filename: str) -> str:
    return str(PurePosixPath(filename).with_suffix(""))


@dataclass(frozen=True)
class Labelling:
    """The labels of all portraits, and where they came from.

    Args:
        labels: prepared name -> attribute -> class; what nobody said is left out.
        sources: attribute -> source -> number of portraits.
    """

    labels: dict[str, dict[str, str]]
    sources: dict[str, Counter]


def join_labels(
    portraits: Iterable[Portrait],
    attributes: Sequence[str],
    given_by_file: Mapping[str, Mapping[str, str]],
    given_by_group: Mapping[str, Mapping[str, str]],
    sheet: Mapping[str, Row],
    suggested: Mapping[str, Mapping[str, str]],
    pixels: Mapping[str, Mapping[str, str]],
) -> Labelling:
    """Give each portrait, attribute by attribute, the first label there is: manual, given, suggested, from the pixels.

    Args:
        portraits: all of them.
        attributes: those to label.
        given_by_file: prepared name -> attribute -> class.
        given_by_group: group id -> attribute -> class, for portraits without a label of their own.
        sheet: group id -> the row of `group_labels.csv`. Its `given` rows, of this run or an earlier one, come last of
            what was given.
        suggested: group id -> attribute -> class.
        pixels: prepared name -> attribute -> class, worked out.
    """
    joined = Labelling({}, {attribute: Counter() for attribute in attributes})
    for portrait in portraits:
        row = sheet.get(portrait.group_id, {})
        on_sheet = {row.get("source"): labels_of(row)}
        candidates = (
            (MANUAL, on_sheet.get(MANUAL, {})),
            (GIVEN, given_by_file.get(portrait.name, {})),
            (GIVEN, given_by_group.get(portrait.group_id, {})),
            (GIVEN, on_sheet.get(GIVEN, {})),
            (SUGGESTED, suggested.get(portrait.group_id, {})),
            (PIXELS, pixels.get(portrait.name, {})),
        )
        labels = joined.labels.setdefault(portrait.name, {})
        for attribute in attributes:
            for source, known in candidates:
                if attribute in known:
                    labels[attribute] = known[attribute]
                    joined.sources[attribute][source] += 1
                    break
    return joined


def labels_by_group(
    portraits: Iterable[Portrait],
    attributes: Sequence[str],
    given_by_file: Mapping[str, Mapping[str, str]],
    given_by_group: Mapping[str, Mapping[str, str]],
) -> dict[str, tuple[dict[str, str], float]]:
    """What the given labels say of each group: the commonest class of its portraits.

    Returns:
        Group id -> its labels, and the share of its labelled portraits that they are all right for.
    """
    members: dict[str, list[Mapping[str, str]]] = {}
    for portrait in portraits:
        known = dict(given_by_group.get(portrait.group_id, {})) | dict(given_by_file.get(portrait.name, {}))
        known = {attribute: known[attribute] for attribute in attributes if attribute in known}
        if known:
            members.setdefault(portrait.group_id, []).append(known)
    result = {}
    for group, rows in members.items():
        labels = {}
        for attribute in attributes:
            votes = Counter(row[attribute] for row in rows if attribute in row)
            if votes:
                labels[attribute] = min(votes, key=lambda name: (-votes[name], name))
        agreeing = sum(all(labels[attribute] == name for attribute, name in row.items()) for row in rows)
        result[group] = (labels, agreeing / len(rows))
    return result


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
        InputError: the first row with another class; the message names the row, as a spreadsheet numbers it, and the
            classes there are.
    """
    used: dict[str, set[str]] = {attribute: set() for attribute in attributes}
    for number, row in enumerate(read_table(path, strip=True), start=2):
        if groups is not None and row.get("group_id") not in groups:
            continue
        for attribute, classes in used.items():
            name = row.get(attribute, "")
            if not name:
                continue
            if name not in known.get(attribute, (name,)):
                key = row.get("filename") or row.get("group_id") or "no name"
                near = difflib.get_close_matches(name, known[attribute], n=1)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                raise InputError(
                    f"{path}, row {number} ({key}): unknown {attribute} {name!r}{hint}; this data set has: "
                    f"{', '.join(sorted(known[attribute]))}; where the class is meant, build with --new-classes "
                    "(in notebook 02: new_classes=True)"
                )
            classes.add(name)
    return used
