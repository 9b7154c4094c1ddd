"""Notebook 02: prepared portraits and labels -> tables, label mappings, a split, and the one file training reads."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from src.data.curate import HISTORY
from src.data.data_card import write_data_card
from src.data.folder import PREPARED, RAW_TABLE, accepted_names
from src.data.group_labels import (
    GIVEN,
    GROUP_LABELS,
    MANUAL,
    SUGGESTED,
    fill_in_given,
    fill_in_suggested,
    labels_of,
    read_group_labels,
)
from src.data.intake import ACCEPTED, DUPLICATE
from src.data.labelling import (
    GivenLabels,
    Labelling,
    Portrait,
    check_classes,
    join_labels,
    labels_by_group,
    match_files,
    read_given_labels,
)
from src.data.split import TRAIN, VALIDATION, groups_with, split_by_group
from src.data.suggestions import Suggestion, describe_groups, suggest
from src.errors import InputError
from src.files import replacing
from src.images import BadImage, read_rgba
from src.labels import LabelSpecification, read_label_mappings
from src.palettes import category
from src.progress import track
from src.tables import Row, read_table, write_json, write_table

PALETTE = "palette"
MEASURE_COLUMNS = ("palette_pixels", "palette_lightness", "palette_chroma", "palette_temperature", "palette_ambiguous")
RESERVED_COLUMNS = ("filename", "group_id", "split", "source", "confidence")
PACKED = "portraits.npz"
LABEL_MAPPINGS, CONFIGURATION, FINAL_TABLE = "label_mappings.json", "dataset_config.json", "sprites_final.csv"

MIN_CONFIDENCE = 0.8
"""A suggestion that is less sure is for a person to look at, and labels no portrait."""


@dataclass(frozen=True)
class BuildReport:
    """What `build_dataset` did.

    Args:
        portraits: number of portraits in the set.
        validation: how many of them are held out.
        groups: number of groups.
        class_counts: attribute -> class -> (training, validation) portraits.
        sources: attribute -> where its labels came from -> portraits.
        left_out: portraits without a label of some attribute.
        ambiguous: portraits near a threshold of the palette rule.
        fingerprint: of the images, labels, split and mappings, 64 hex digits.
        warnings: one line each.
    """

    portraits: int
    validation: int
    groups: int
    class_counts: dict[str, dict[str, tuple[int, int]]]
    sources: dict[str, dict[str, int]]
    left_out: int
    ambiguous: int
    fingerprint: str
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        share = self.validation / self.portraits
        lines = [
            f"{self.portraits:,} portraits in {self.groups:,} groups; "
            f"{self.validation:,} ({share:.1%}) for validation; {self.left_out:,} left out"
        ]
        for attribute, counts in self.class_counts.items():
            classes = ", ".join(f"{name} {train + validation:,}" for name, (train, validation) in counts.items())
            origin = ", ".join(f"{number:,} {source}" for source, number in self.sources[attribute].items())
            lines.append(f"  {attribute} ({origin}): {classes}")
        return "\n".join(lines)


def build_dataset(
    data: Path,
    labels: Path | None = None,
    attributes: Sequence[str] = ("gender", "hero_class", "palette"),
    val_fraction: float = 0.2,
    seed: int = 0,
    min_confidence: float = MIN_CONFIDENCE,
    new_classes: bool = False,
    hold_out: Sequence[Mapping[str, str]] = (),
) -> BuildReport:
    """Label the prepared portraits, split them by group and pack them.

    A label comes from what a person wrote into `group_labels.csv`, else from the given labels, else from a suggestion
    learned from both where it is sure enough; `palette` from the given labels, else from the pixels. An attribute that
    nobody labelled is left out, and so are portraits without a label of an attribute that others have. Writes
    `sprites_final.csv`, `sprites_train.csv`, `sprites_val.csv`, `dataset_config.json`, `label_mappings.json` and
    `portraits.npz`, and fills in rows of `group_labels.csv` that are no person's. The same input gives the same
    content.

    A folder that was built before knows its classes: another one in `labels` or in `group_labels.csv` is taken for a
    slip, unless a person chose it by keyboard (`group_labels_history.csv`). Other images, of which none is in a group
    of the earlier build, are another data set and start with no classes.

    Args:
        data: the data folder that `prepare_folder` wrote.
        labels: a CSV of given labels, keyed by `filename` or `group_id`.
        attributes: the attributes wanted.
        val_fraction: share of the portraits to hold out, 0 to less than 1.
        seed: of the split.
        min_confidence: suggestions less sure than this, 0 to 1, label no portrait; they stay in the sheet.
        new_classes: take classes that the earlier build did not have as meant.
        hold_out: combinations of labels, attribute -> class, that training shall never see, to measure what a model
            makes of them: every group in which one occurs is held out, the others are split as ever.

    Raises:
        InputError: nothing prepared, a bad CSV or arguments, a class that the earlier build did not have, no
            portrait with a label of every attribute, or a combination that no portrait or every group has.
    """
    data = Path(data)
    _check_arguments(attributes, val_fraction, min_confidence)
    warnings: list[str] = []
    portraits = _read_portraits(data)
    used = _check_classes(data, labels, portraits, attributes, new_classes)
    given = GivenLabels() if labels is None else read_given_labels(labels, attributes)
    given_by_file = _match(given, portraits, labels, warnings)

    images = _load_images(data, portraits)
    measures = category.measure(images)
    rule = category.palette_category(measures)

    identity = [attribute for attribute in attributes if attribute != PALETTE]
    given_by_group = labels_by_group(portraits, identity, given_by_file, given.by_group)
    warnings += _disagreements(given_by_group)
    if labels is not None:
        fill_in_given(data / GROUP_LABELS, identity, given_by_group)
    suggested, doubts = _suggest(data / GROUP_LABELS, images, portraits, identity, given_by_group, min_confidence)
    warnings += doubts
    joined = join_labels(
        portraits,
        attributes,
        given_by_file,
        {group: known for group, (known, _) in given_by_group.items()},
        read_group_labels(data / GROUP_LABELS),
        suggested,
        {portrait.name: {PALETTE: str(name)} for portrait, name in zip(portraits, rule, strict=True)},
    )
    for attribute in identity:
        if number := joined.sources[attribute][SUGGESTED]:
            warnings.append(
                f"{number:,} portraits have a suggested {attribute!r}, of confidence {min_confidence} and more; "
                f"look through {GROUP_LABELS}"
            )
    labelled, kept = _choose(attributes, portraits, joined, warnings)

    specification = LabelSpecification.from_values(
        {attribute: [joined.labels[portraits[index].name][attribute] for index in kept] for attribute in labelled}
    )
    warnings += _odd_classes(specification)
    encoded = [specification.encode(joined.labels[portraits[index].name]) for index in kept]
    label_array = np.array(encoded, np.int64).reshape(len(kept), len(labelled))
    group_ids = np.array([portraits[index].group_id for index in kept])
    apart = _held_out(hold_out, specification, group_ids, label_array)
    split = np.full(len(kept), VALIDATION, np.uint8)
    split[~apart] = split_by_group(group_ids[~apart], label_array[~apart], val_fraction, seed)
    class_counts = _class_counts(specification, label_array, split)
    warnings += _one_sided_classes(class_counts, val_fraction)

    mapping_text = json.dumps(specification.to_mapping(), indent=2, ensure_ascii=False) + "\n"
    packed = {
        "images": images[kept],
        "labels": label_array,
        "split": split,
        "filenames": np.array([portraits[index].name for index in kept]),
        "group_ids": group_ids,
        "label_mappings": np.array(mapping_text),
    }
    digest = fingerprint(packed["images"], label_array, split, mapping_text)
    report = BuildReport(
        portraits=len(kept),
        validation=int((split == VALIDATION).sum()),
        groups=len(np.unique(group_ids)),
        class_counts=class_counts,
        sources={attribute: dict(joined.sources[attribute]) for attribute in labelled},
        left_out=len(portraits) - len(kept),
        ambiguous=int(category.is_ambiguous(measures)[kept].sum()),
        fingerprint=digest,
        warnings=warnings,
    )

    rows = _final_rows(portraits, joined.labels, measures)
    _write_tables(data, labelled, [rows[index] for index in kept], split)
    with replacing(data / LABEL_MAPPINGS) as temporary:
        temporary.write_text(mapping_text, encoding="utf-8", newline="\n")
    write_json(data / CONFIGURATION, _configuration(report, images.shape[1], val_fraction, seed, used, hold_out))
    with replacing(data / PACKED) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **packed, fingerprint=np.array(digest))
    write_data_card(data)
    return report


def fingerprint(images: np.ndarray, labels: np.ndarray, split: np.ndarray, label_mappings: str) -> str:
    """What a data set is, in 64 hex digits: a checkpoint keeps it to tell on which data it was trained.

    Args:
        images: uint8 `[N, H, W, 4]`.
        labels: int64 `[N, A]`.
        split: uint8 `[N]`.
        label_mappings: the text of `label_mappings.json`.
    """
    digest = hashlib.sha256()
    for array in (images, labels.astype("<i8"), split):
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array))
    digest.update(label_mappings.encode("utf-8"))
    return digest.hexdigest()


def _check_arguments(attributes: Sequence[str], val_fraction: float, min_confidence: float) -> None:
    if not 0 <= min_confidence <= 1:
        raise InputError(f"the least confidence must be from 0 to 1, not {min_confidence}")
    if not 0 <= val_fraction < 1:
        raise InputError(f"the validation fraction must be from 0 to less than 1, not {val_fraction}")
    for attribute in attributes:
        if not attribute or attribute in (*RESERVED_COLUMNS, *MEASURE_COLUMNS):
            raise InputError(f"{attribute!r} cannot name an attribute; choose another name for the column")
        if list(attributes).count(attribute) > 1:
            raise InputError(f"the attribute {attribute!r} is named twice; name it once")


def _read_portraits(data: Path) -> list[Portrait]:
    """The accepted portraits of `sprites_raw.csv`, by prepared name."""
    path = data / RAW_TABLE
    if not path.exists():
        raise InputError(f"{path} is missing; run `prepare` (notebook 01) first")
    rows = read_table(path, ("filename", "status", "duplicate_of", "group_id"))
    duplicates: dict[str, list[str]] = {}
    for row in rows:
        if row["status"] == DUPLICATE:
            duplicates.setdefault(row["duplicate_of"], []).append(row["filename"])
    names = accepted_names(rows)
    portraits = [
        Portrait(names[row["filename"]], row["filename"], row["group_id"], tuple(duplicates.get(row["filename"], ())))
        for row in rows
        if row["status"] == ACCEPTED
    ]
    if not portraits:
        raise InputError(f"{path} lists no accepted portrait; run `prepare` (notebook 01) on a folder of images")
    return sorted(portraits, key=lambda portrait: portrait.name)


def _load_images(data: Path, portraits: Sequence[Portrait]) -> np.ndarray:
    """uint8 `[N, size, size, 4]`."""
    images: np.ndarray | None = None
    for index, portrait in enumerate(track(portraits, "reading")):
        path = data / PREPARED / portrait.name
        try:
            image = read_rgba(path)
        except BadImage as error:
            raise InputError(f"{path}: {error}; run `prepare` (notebook 01) again") from None
        if images is None:
            images = np.empty((len(portraits), *image.shape), np.uint8)
        if image.shape != images.shape[1:]:
            raise InputError(f"{path} is not of the size of the others; run `prepare` (notebook 01) again")
        images[index] = image
    assert images is not None
    return images


def _match(
    given: GivenLabels, portraits: Sequence[Portrait], path: Path | None, warnings: list[str]
) -> dict[str, Mapping[str, str]]:
    """Prepared name -> given labels, with warnings for keys that mean no portrait."""
    by_file, unmatched_files = match_files(given, portraits)
    unmatched_groups = sorted(set(given.by_group) - {portrait.group_id for portrait in portraits})
    keys = len(given.by_file) + len(given.by_group)
    unmatched = [*unmatched_files, *unmatched_groups]
    if unmatched and len(unmatched) == keys:
        raise InputError(
            f"{path} matches no portrait: it names {unmatched[0]!r}, the portraits are named like "
            f"{portraits[0].filename!r}; write names relative to the images folder"
        )
    if unmatched:
        warnings.append(
            f"{len(unmatched):,} of {keys:,} keys in {path.name} match no accepted portrait, e.g. {unmatched[0]!r}"
        )
    return by_file


def _check_classes(
    data: Path, labels: Path | None, portraits: Sequence[Portrait], attributes: Sequence[str], new_classes: bool
) -> dict[str, list[str]]:
    """Look for classes that an earlier build did not have.

    Returns:
        Attribute -> the classes in `group_labels.csv` and the given labels, also those that will label no portrait.
    """
    groups = {portrait.group_id for portrait in portraits}
    known = {} if new_classes else _known_classes(data, groups)
    used: dict[str, set[str]] = {attribute: set() for attribute in attributes}
    # The sheet keeps the rows of groups that are gone, perhaps another data set's.
    for table, rows_of in ((data / GROUP_LABELS, groups), (labels, None)):
        if table is not None and table.exists():
            for attribute, names in check_classes(table, attributes, known, rows_of).items():
                used[attribute] |= names
    return {attribute: sorted(names) for attribute, names in used.items()}


def _known_classes(data: Path, groups: set[str]) -> dict[str, set[str]]:
    """Attribute -> the classes of the earlier build of this set and those chosen by keyboard; empty if it is new."""
    try:
        known = {name: set(classes) for name, classes in read_label_mappings(data / LABEL_MAPPINGS).attributes.items()}
        built = {row["group_id"] for row in read_table(data / FINAL_TABLE, ("group_id",))}
        in_tables = json.loads((data / CONFIGURATION).read_text(encoding="utf-8")).get("classes_in_tables", {})
    except (InputError, OSError, ValueError):
        return {}  # no earlier build, or one that was not finished
    if groups.isdisjoint(built):
        return {}
    for more in ({PALETTE: category.PALETTES}, in_tables, _chosen_by_keyboard(data / HISTORY)):
        for name in known.keys() & more.keys():
            known[name].update(more[name])
    return known


def _chosen_by_keyboard(history: Path) -> dict[str, set[str]]:
    """Attribute -> the classes of the decisions that were not taken back."""
    decisions: list[dict[str, str]] = []
    for number, row in enumerate(read_table(history, ("action", "after")) if history.exists() else [], start=2):
        if row["action"] != "undo":
            try:
                decisions.append(json.loads(row["after"]))
            except ValueError:
                raise InputError(f"{history}, row {number} holds no decision; remove the row") from None
        elif decisions:
            decisions.pop()
    classes: dict[str, set[str]] = {}
    for name, value in (cell for decision in decisions for cell in decision.items()):
        classes.setdefault(name, set()).add(value)
    return classes


def _suggest(
    sheet: Path,
    images: np.ndarray,
    portraits: Sequence[Portrait],
    attributes: Sequence[str],
    given: Mapping[str, tuple[dict[str, str], float]],
    min_confidence: float,
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Write suggestions into the sheet, for groups that lack a label.

    Returns:
        Group id -> attribute -> class, of the suggestions that are sure enough; warnings.
    """
    members: dict[str, list[int]] = {}
    for index, portrait in enumerate(portraits):
        members.setdefault(portrait.group_id, []).append(index)
    rows = read_group_labels(sheet)
    known: list[dict[str, str]] = []
    for group in members:
        row = rows.get(group, {"source": ""})
        trusted = labels_of(row) if row["source"] in (MANUAL, GIVEN) else {}
        known.append(given.get(group, ({}, 0.0))[0] | trusted)
    by_group: dict[str, dict[str, Suggestion]] = {}
    warnings: list[str] = []
    described: np.ndarray | None = None
    for attribute in attributes:
        labels = [labels.get(attribute) for labels in known]
        if not any(labels) or all(labels):
            continue  # nothing to learn from, or nothing to suggest
        if described is None:
            described = describe_groups(images, list(members.values()))
        found, doubts = suggest(described, labels, attribute)
        warnings += doubts
        for group, suggestion in zip(members, found, strict=True):
            if suggestion is not None:
                by_group.setdefault(group, {})[attribute] = suggestion
    if sheet.exists():
        fill_in_suggested(sheet, attributes, {group: _sheet_row(guesses) for group, guesses in by_group.items()})
    from_elsewhere = {group: labels_of(row) for group, row in rows.items() if row["source"] == SUGGESTED}
    sure = {
        group: {name: guess.class_name for name, guess in guesses.items() if guess.confidence >= min_confidence}
        for group, guesses in by_group.items()
    }
    return {group: labels for group, labels in from_elsewhere.items() if group not in sure} | sure, warnings


def _sheet_row(guesses: Mapping[str, Suggestion]) -> tuple[dict[str, str], float]:
    """The labels that a row of the sheet shows, and the least of their confidences."""
    labels = {attribute: guess.class_name for attribute, guess in guesses.items()}
    return labels, min(guess.confidence for guess in guesses.values())


def _disagreements(given_by_group: Mapping[str, tuple[dict[str, str], float]]) -> list[str]:
    mixed = [group for group, (_, share) in given_by_group.items() if share < 1]
    if not mixed:
        return []
    return [
        f"{len(mixed):,} groups hold portraits with different given labels, e.g. {mixed[0]}: "
        "each keeps its own; see the column confidence in group_labels.csv"
    ]


def _choose(
    attributes: Sequence[str], portraits: Sequence[Portrait], joined: Labelling, warnings: list[str]
) -> tuple[list[str], list[int]]:
    """The attributes that have labels, and the indices of the portraits that have all of these."""
    labelled = [attribute for attribute in attributes if joined.sources[attribute]]
    for attribute in attributes:
        if attribute not in labelled:
            warnings.append(
                f"attribute {attribute!r} is left out: nobody gave, curated or suggested it "
                f"(give a CSV with that column, or fill in {GROUP_LABELS})"
            )
    kept = []
    missing: Counter = Counter()
    for index, portrait in enumerate(portraits):
        lacking = [attribute for attribute in labelled if attribute not in joined.labels[portrait.name]]
        missing.update(lacking)
        if not lacking:
            kept.append(index)
    for attribute, number in missing.items():
        warnings.append(
            f"{number:,} portraits have no label of {attribute!r} and are left out; label them to keep them"
        )
    if not kept:
        raise InputError(
            f"no portrait has a label of each of {', '.join(labelled)}; label more or name fewer attributes"
        )
    return labelled, kept


def _odd_classes(specification: LabelSpecification) -> list[str]:
    """Classes that look like slips: the same but for case, or alone."""
    warnings = []
    for attribute, names in specification.attributes.items():
        if len({name.casefold() for name in names}) < len(names):
            warnings.append(f"classes of {attribute!r} differ only in upper and lower case: {', '.join(names)}")
        if len(names) == 1:
            warnings.append(
                f"attribute {attribute!r} has one class only, {names[0]!r}: there is nothing to learn from it"
            )
    return warnings


def _held_out(
    combinations: Sequence[Mapping[str, str]], specification: LabelSpecification, groups: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Portraits that are held out because a combination occurs in their group, bool `[N]`."""
    numbered = []
    for combination in combinations:
        for attribute, name in combination.items():
            if attribute not in specification.names:
                known = ", ".join(specification.names) or "none"
                raise InputError(f"cannot hold out by {attribute!r}; the attributes of this set are: {known}")
            if name not in specification.attributes[attribute]:
                known = ", ".join(specification.attributes[attribute])
                raise InputError(f"cannot hold out {attribute} {name!r}; its classes are: {known}")
        places = {name: (specification.names.index(name), specification.attributes[name]) for name in combination}
        numbered.append({column: names.index(combination[name]) for name, (column, names) in places.items()})
        if not groups_with(groups, labels, numbered[-1:]).any():
            raise InputError(f"no portrait is {_in_words(combination)}; there is nothing to hold out")
    apart = groups_with(groups, labels, numbered)
    if apart.all():
        words = " or ".join(_in_words(combination) for combination in combinations)
        raise InputError(
            f"every group has a portrait that is {words}, and a group is held out as a whole: hold out a combination "
            "that does not change within groups"
        )
    return apart


def _in_words(combination: Mapping[str, str]) -> str:
    return ", ".join(f"{attribute} {name}" for attribute, name in combination.items())


def _class_counts(
    specification: LabelSpecification, labels: np.ndarray, split: np.ndarray
) -> dict[str, dict[str, tuple[int, int]]]:
    """Attribute -> class -> (training, validation) portraits."""
    return {
        attribute: {
            name: (
                int(((labels[:, column] == index) & (split == TRAIN)).sum()),
                int(((labels[:, column] == index) & (split == VALIDATION)).sum()),
            )
            for index, name in enumerate(names)
        }
        for column, (attribute, names) in enumerate(specification.attributes.items())
    }


def _one_sided_classes(class_counts: Mapping[str, Mapping[str, tuple[int, int]]], val_fraction: float) -> list[str]:
    if val_fraction == 0:
        return []
    return [
        f"{attribute} {name!r} is in {'training' if train else 'validation'} only: it has too few groups to be in both"
        for attribute, counts in class_counts.items()
        for name, (train, validation) in counts.items()
        if not (train and validation)
    ]


def _final_rows(
    portraits: Sequence[Portrait], labels: Mapping[str, Mapping[str, str]], measures: category.PaletteMeasures
) -> list[Row]:
    rule, ambiguous = category.palette_category(measures), category.is_ambiguous(measures)
    return [
        {
            "filename": portrait.name,
            "group_id": portrait.group_id,
            **labels[portrait.name],
            "palette_pixels": str(rule[index]),
            "palette_lightness": f"{measures.lightness[index]:.4f}",
            "palette_chroma": f"{measures.chroma[index]:.4f}",
            "palette_temperature": f"{measures.temperature[index]:.4f}",
            "palette_ambiguous": "yes" if ambiguous[index] else "no",
        }
        for index, portrait in enumerate(portraits)
    ]


def _write_tables(data: Path, attributes: Sequence[str], rows: Sequence[Row], split: np.ndarray) -> None:
    columns = ("filename", "group_id", *attributes, *MEASURE_COLUMNS)
    write_table(data / FINAL_TABLE, columns, rows)
    for name, side in (("sprites_train.csv", TRAIN), ("sprites_val.csv", VALIDATION)):
        write_table(data / name, columns, [row for row, its_side in zip(rows, split, strict=True) if its_side == side])


def _configuration(
    report: BuildReport,
    size: int,
    val_fraction: float,
    seed: int,
    used: Mapping[str, Sequence[str]],
    hold_out: Sequence[Mapping[str, str]],
) -> dict:
    """`dataset_config.json`: how the set was made and what is in it."""
    return {
        "size": size,
        "seed": seed,
        "val_fraction": val_fraction,
        "held_out_combinations": [dict(combination) for combination in hold_out],
        "attributes": list(report.class_counts),
        "portraits": report.portraits,
        "training": report.portraits - report.validation,
        "validation": report.validation,
        "groups": report.groups,
        "left_out": report.left_out,
        "label_sources": report.sources,
        "class_counts": {
            attribute: {name: {"training": train, "validation": held_out} for name, (train, held_out) in counts.items()}
            for attribute, counts in report.class_counts.items()
        },
        "classes_in_tables": used,
        "palette_rule": {
            "dark_below_lightness": category.DARK_BELOW_LIGHTNESS,
            "neutral_below_chroma": category.NEUTRAL_BELOW_CHROMA,
            "muted_below_chroma": category.MUTED_BELOW_CHROMA,
            "warm_above_temperature": category.WARM_ABOVE_TEMPERATURE,
            "ambiguous": report.ambiguous,
        },
        "warnings": report.warnings,
        "fingerprint": report.fingerprint,
    }
