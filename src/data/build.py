"""Notebook 02: prepared portraits and labels -> tables, label mappings, a split, and the one file training reads.

Five stages, in this order: read, label, split, pack, describe. A table has a row a portrait, by its prepared name.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from src.data.data_card import write_data_card
from src.data.folder import PREPARED, RAW_TABLE, accepted_names
from src.data.given_labels import GivenLabels, labels_from_names, labels_of_portraits, read_given_labels
from src.data.group_labels import GIVEN, GROUP_LABELS, MANUAL, labels_of, read_group_labels
from src.data.intake import ACCEPTED, DUPLICATE
from src.data.labelling import Labelling, label_portraits
from src.data.smooth import is_smooth
from src.data.split import TRAIN, VALIDATION, held_out_portraits, joined_groups, share_warnings, split_by_group
from src.data.symmetry import FEWEST_GROUPS, is_symmetric
from src.data.vocabulary import (
    CONFIGURATION,
    FINAL_TABLE,
    LABEL_MAPPINGS,
    MEASURE_COLUMNS,
    RESERVED_COLUMNS,
    check_vocabulary,
)
from src.errors import MOST_SEED, InputError, check_range
from src.files import check_finished, replacing_all
from src.images import BadImage, read_rgba
from src.labels import LabelSpecification
from src.limits import check_memory
from src.palettes import category
from src.progress import track
from src.tables import json_text, read_table, table_text

PACKED = "portraits.npz"

MIN_CONFIDENCE = 0.8
"""A suggestion that is less sure is for a person to look at, and labels no portrait."""

MOST_COLUMNS_TO_NAME = 5
"""Of columns of given labels that could be attributes and are not used."""

COMMON = 5
SIMILAR_SPELLING = 0.82
"""A class that is so many times as common as another one, and spelled so similarly (`difflib`; `knigth` and `knight`
0.83, `male` and `female` 0.80), may be the one that was meant."""


@dataclass(frozen=True)
class BuildReport:
    """What `build_dataset` did.

    Args:
        portraits: number of portraits in the set.
        validation: how many of them are for validation.
        groups: number of groups.
        class_counts: attribute -> class -> (training, validation) portraits.
        sources: attribute -> where its labels came from -> portraits.
        left_out: portraits without a label of some attribute.
        ambiguous: portraits near a threshold of the palette rule.
        mirror_symmetric: the set looks the same in a mirror; None: too few groups to say (`src/data/symmetry.py`).
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
    mirror_symmetric: bool | None
    fingerprint: str
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        share = self.validation / self.portraits
        everything = ""
        if self.left_out:
            everything = f"; where labels come from is counted over all {self.portraits + self.left_out:,}"
        lines = [
            f"{self.portraits:,} portraits in {self.groups:,} groups; "
            f"{self.validation:,} ({share:.1%}) held out for validation; {self.left_out:,} left out{everything}"
        ]
        if self.mirror_symmetric:
            lines.append("  the set looks the same in a mirror: train with mirror_data=true for twice as much to see")
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
    label_pattern: str | None = None,
    group_by: str | None = None,
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
        labels: a CSV of given labels, keyed by `filename` or `group_id`, or a `dataset.json` of StyleGAN's tools.
        attributes: the attributes wanted.
        val_fraction: share of the portraits for validation, 0 to less than 1.
        seed: of the split.
        min_confidence: suggestions less sure than this, 0 to 1, label no portrait; they stay in the sheet.
        new_classes: take classes that the earlier build did not have as meant.
        hold_out: combinations of labels, attribute -> class, that training shall never see, to measure what a model
            makes of them: every group in which one occurs is for validation, the others are split as ever.
        label_pattern: a pattern of file names that gives labels, such as `{hero_class}/*`; None: folders give them,
            where they look like classes and one attribute has no labels at all.
        group_by: a column of the labels that names the hero: one hero's portraits are all on one side of the split.

    Raises:
        InputError: nothing prepared, a bad CSV or arguments, a class that the earlier build did not have, no
            portrait with a label of every attribute, or a combination that no portrait or every group has.
    """
    data = Path(data)
    _check_arguments(attributes, val_fraction, min_confidence, seed)
    check_finished(data, "build")
    portraits = read_portraits(data)
    used = check_vocabulary(data, labels, set(portraits["group_id"]), attributes, new_classes)
    given, heroes, said = _given(data, labels, portraits, attributes, label_pattern, group_by)
    images = _read_images(data / PREPARED, portraits.index)

    measures = measure_palettes(images, portraits.index)
    labelling = label_portraits(
        portraits, images, measures["palette_pixels"], attributes, given, data / GROUP_LABELS, min_confidence
    )
    table, left_out = _with_labels(portraits, labelling.labels)
    specification = LabelSpecification.from_values(
        {attribute: table[attribute].tolist() for attribute in attributes if attribute in table}
    )
    encoded = _encode(table, specification)

    groups = table["group_id"] if heroes is None else joined_groups(table["group_id"], heroes.reindex(table.index))
    split = _split(groups, specification, encoded, hold_out, val_fraction, seed)
    table = table.join(measures).assign(split=split)

    packed = _pack(images[portraits.index.isin(table.index)], table.assign(group_id=groups), specification, encoded)
    if not hold_out:
        said += share_warnings(groups, split, val_fraction)

    report = _describe(table, specification, labelling, [*said, *left_out], val_fraction, packed)
    texts = {
        **_tables(table, specification.names),
        LABEL_MAPPINGS: str(packed["label_mappings"]),
        CONFIGURATION: json_text(_configuration(report, images.shape[1], val_fraction, seed, used, hold_out)),
    }
    with replacing_all(data, [*texts, PACKED], "build") as (*of_texts, of_packed):
        for temporary, text in zip(of_texts, texts.values(), strict=True):
            temporary.write_text(text, encoding="utf-8", newline="")
        with of_packed.open("wb") as file:
            np.savez_compressed(file, **packed)
    write_data_card(data)
    return report


def _given(
    data: Path,
    labels: Path | None,
    portraits: pd.DataFrame,
    attributes: Sequence[str],
    label_pattern: str | None,
    group_by: str | None,
) -> tuple[GivenLabels, pd.Series | None, list[str]]:
    """The labels of a table and of file names; the hero of each portrait, where a column names it; lines to say."""
    columns = [*attributes, *([group_by] if group_by and group_by not in attributes else [])]
    given = GivenLabels() if labels is None else read_given_labels(labels, columns)
    heroes = None
    if group_by is not None:
        if group_by not in given.by_file:
            raise InputError(f"no given label is called {group_by!r}; --group-by names a column of --labels")
        heroes = labels_of_portraits(given, portraits)[0][group_by]
        of_groups = given.by_group[group_by].reindex(portraits["group_id"])
        heroes = heroes.combine_first(of_groups.set_axis(portraits.index))
    known: dict[str, set[str]] = {}
    for table in (given.by_file, given.by_group, labels_of(read_group_labels(data / GROUP_LABELS), MANUAL, GIVEN)):
        for name in table:
            known.setdefault(name, set()).update(table[name].dropna())
    given, said = labels_from_names(given, portraits, label_pattern, attributes, known)
    # More columns than that describe a hero piece by piece, as those of the painted heroes do: nobody forgot them.
    if 0 < len(given.unused) <= MOST_COLUMNS_TO_NAME:
        wanted = ",".join([*attributes, *given.unused])
        said.append(f"{given.path.name} also gives {', '.join(given.unused)}, not used; --attributes {wanted} uses all")
    return given, heroes, said


def _check_arguments(attributes: Sequence[str], val_fraction: float, min_confidence: float, seed: int) -> None:
    check_range("the least confidence", min_confidence, 0, 1)
    check_range("the seed", seed, 0, MOST_SEED)
    if not 0 <= val_fraction < 1:
        raise InputError(f"the validation fraction must be from 0 to less than 1, not {val_fraction}")
    for attribute in attributes:
        if attribute != attribute.strip() or not attribute.isprintable() or attribute in ("", *RESERVED_COLUMNS):
            raise InputError(f"{attribute!r} cannot name an attribute; choose another name for the column")
        if list(attributes).count(attribute) > 1:
            raise InputError(f"the attribute {attribute!r} is named twice; name it once")


def read_portraits(data: Path) -> pd.DataFrame:
    """The accepted portraits of `sprites_raw.csv`, sorted by prepared name.

    Returns:
        Columns `filename` (the file a portrait came from), `group_id` and `duplicates` (a list of the files with the
        same pixels).

    Raises:
        InputError: nothing prepared.
    """
    path = data / RAW_TABLE
    if not path.exists():
        raise InputError(f"{path} is missing; run `prepare` (notebook 01) first")
    raw = read_table(path, ("filename", "status", "duplicate_of", "group_id"))
    names = accepted_names(raw)
    if not names:
        raise InputError(f"{path} lists no accepted portrait; run `prepare` (notebook 01) on a folder of images")
    portraits = raw.loc[raw["status"] == ACCEPTED, ["filename", "group_id"]]
    for row in portraits.index[portraits["filename"].duplicated() | portraits["group_id"].eq("")]:
        raise InputError(f"{path}, row {row + 2}: a portrait twice, or in no group; run `prepare` (notebook 01) again")
    duplicates = raw[raw["status"] == DUPLICATE].groupby("duplicate_of")["filename"].agg(list)
    portraits["duplicates"] = [duplicates.get(filename, []) for filename in portraits["filename"]]
    return portraits.set_axis([names[filename] for filename in portraits["filename"]]).sort_index()


def _read_images(folder: Path, names: Sequence[str]) -> np.ndarray:
    """uint8 `[N, size, size, 4]`."""
    images: np.ndarray | None = None
    for index, name in enumerate(track(names, "reading")):
        path = folder / name
        try:
            image = read_rgba(path)
        except BadImage as error:
            raise InputError(f"{path}: {error}; run `prepare` (notebook 01) again") from None
        if images is None:
            # Once more where not all are labelled, and while it is packed.
            check_memory(2 * len(names) * image.nbytes, f"{len(names):,} portraits", "prepare fewer or smaller ones")
            images = np.empty((len(names), *image.shape), np.uint8)
        if image.shape != images.shape[1:]:
            raise InputError(f"{path} is not of the size of the others; run `prepare` (notebook 01) again")
        images[index] = image
    assert images is not None
    return images


def measure_palettes(images: np.ndarray, names: pd.Index) -> pd.DataFrame:
    """What the palette rule finds in the pixels, whatever labels are given: the columns of `MEASURE_COLUMNS`; NaN for
    smooth art, of which it knows nothing."""
    if is_smooth(images):
        return pd.DataFrame(index=names, columns=list(MEASURE_COLUMNS), dtype=object)
    measures = category.measure(images)
    table = pd.DataFrame({"palette_pixels": category.palette_category(measures)}, index=names, dtype=object)
    for name in ("lightness", "chroma", "temperature"):
        table[f"palette_{name}"] = [f"{value:.4f}" for value in getattr(measures, name)]
    return table.assign(palette_ambiguous=np.where(category.is_ambiguous(measures), "yes", "no"))


def _with_labels(portraits: pd.DataFrame, labels: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """`group_id` and labels of the portraits that have one of every attribute that anybody labelled; warnings.

    Raises:
        InputError: no portrait has.
    """
    unlabelled = labels.columns[labels.isna().all()]
    labels = labels.drop(columns=unlabelled)
    missing = labels.isna().sum()
    labels = labels.dropna()
    if labels.index.empty:
        raise InputError(
            f"no portrait has a label of each of {', '.join(labels.columns)}; label more or name fewer attributes"
        )
    warnings = [
        f"attribute {attribute!r} is left out: nobody gave, curated or suggested it "
        f"(give a CSV with that column, or fill in {GROUP_LABELS})"
        for attribute in unlabelled
    ]
    warnings += [
        f"{number:,} portraits have no label of {attribute!r} and are left out; label them to keep them"
        for attribute, number in missing[missing > 0].items()
    ]
    return portraits.loc[labels.index, ["group_id"]].join(labels), warnings


def _encode(table: pd.DataFrame, specification: LabelSpecification) -> np.ndarray:
    """The class indices of each portrait, int64 `[N, A]`."""
    columns = [
        pd.Categorical(table[attribute], categories=list(names)).codes
        for attribute, names in specification.attributes.items()
    ]
    return np.array(columns, np.int64).reshape(len(columns), len(table)).T.copy()


def _split(
    group_ids: pd.Series,
    specification: LabelSpecification,
    labels: np.ndarray,
    hold_out: Sequence[Mapping[str, str]],
    val_fraction: float,
    seed: int,
) -> np.ndarray:
    """The part of each portrait, uint8 `[N]`; groups with a combination of `hold_out` are validation."""
    groups = np.array(group_ids.tolist())
    apart = held_out_portraits(hold_out, specification, groups, labels)
    split = np.full(len(groups), VALIDATION, np.uint8)
    split[~apart] = split_by_group(groups[~apart], labels[~apart], val_fraction, seed)
    return split


def _pack(
    images: np.ndarray, table: pd.DataFrame, specification: LabelSpecification, labels: np.ndarray
) -> dict[str, np.ndarray]:
    """The arrays of `portraits.npz`."""
    mappings = json.dumps(specification.to_mapping(), indent=2, ensure_ascii=False) + "\n"
    split = table["split"].to_numpy()
    return {
        "images": images,
        "labels": labels,
        "split": split,
        "filenames": np.array(table.index.tolist()),
        "group_ids": np.array(table["group_id"].tolist()),
        "label_mappings": np.array(mappings),
        "fingerprint": np.array(fingerprint(images, labels, split, mappings)),
    }


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


def _describe(
    table: pd.DataFrame,
    specification: LabelSpecification,
    labelling: Labelling,
    left_out: list[str],
    val_fraction: float,
    packed: Mapping[str, np.ndarray],
) -> BuildReport:
    class_counts, groups = _class_counts(table, specification.names), table["group_id"].nunique()
    enough = groups >= FEWEST_GROUPS
    return BuildReport(
        portraits=len(table),
        validation=int((table["split"] == VALIDATION).sum()),
        groups=groups,
        class_counts=class_counts,
        sources={name: labelling.sources[name].value_counts(sort=False).to_dict() for name in specification.names},
        left_out=len(labelling.labels) - len(table),
        ambiguous=int((table["palette_ambiguous"] == "yes").sum()),
        mirror_symmetric=is_symmetric(packed["images"], packed["labels"]) if enough else None,
        fingerprint=str(packed["fingerprint"]),
        warnings=[
            *labelling.warnings,
            *left_out,
            *_odd_classes(class_counts),
            *(_one_sided_classes(class_counts) if val_fraction > 0 else ()),
        ],
    )


def _odd_classes(class_counts: Mapping[str, Mapping[str, tuple[int, int]]]) -> list[str]:
    """Classes that look like slips: the same but for case, alone, or rare and nearly spelled like a common one."""
    warnings = []
    for attribute, counts in class_counts.items():
        names = list(counts)
        portraits = {name: sum(of_class) for name, of_class in counts.items()}
        for name in names:
            others = [other for other in names if other.casefold() != name.casefold()]
            common = [other for other in others if portraits[other] >= COMMON * portraits[name]]
            for other in difflib.get_close_matches(name, common, 1, SIMILAR_SPELLING):
                warnings.append(
                    f"{attribute} {name!r} ({portraits[name]:,}) is spelled nearly like {other!r} "
                    f"({portraits[other]:,}); if it is a slip, mend the labels"
                )
        if len({name.casefold() for name in names}) < len(names):
            warnings.append(f"classes of {attribute!r} differ only in upper and lower case: {', '.join(names)}")
        if len(names) == 1:
            warnings.append(
                f"attribute {attribute!r} has one class only, {names[0]!r}: there is nothing to learn from it"
            )
    return warnings


def _class_counts(table: pd.DataFrame, attributes: Sequence[str]) -> dict[str, dict[str, tuple[int, int]]]:
    """Attribute -> class -> (training, validation) portraits."""
    result = {}
    for attribute in attributes:
        counts = pd.crosstab(table[attribute], table["split"]).reindex(columns=[TRAIN, VALIDATION], fill_value=0)
        result[attribute] = {name: (int(train), int(validation)) for name, train, validation in counts.itertuples()}
    return result


def _one_sided_classes(class_counts: Mapping[str, Mapping[str, tuple[int, int]]]) -> list[str]:
    return [
        f"{attribute} {name!r} is in {'training' if train else 'validation'} only: it has too few groups to be in both"
        for attribute, counts in class_counts.items()
        for name, (train, validation) in counts.items()
        if not (train and validation)
    ]


def _tables(table: pd.DataFrame, attributes: Sequence[str]) -> dict[str, str]:
    """The three tables by name."""
    columns = ("filename", "group_id", *attributes, *MEASURE_COLUMNS)
    rows = table.rename_axis("filename").reset_index()
    return {
        FINAL_TABLE: table_text(columns, rows),
        "sprites_train.csv": table_text(columns, rows[rows["split"] == TRAIN]),
        "sprites_val.csv": table_text(columns, rows[rows["split"] == VALIDATION]),
    }


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
        "mirror_symmetric": report.mirror_symmetric,
        "label_sources": report.sources,
        "class_counts": {
            attribute: {
                name: {"training": train, "validation": validation} for name, (train, validation) in counts.items()
            }
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
