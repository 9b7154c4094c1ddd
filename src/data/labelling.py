"""Which label each portrait gets: what a person wrote, else was given, else suggested, else is in the pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from src.data.given_labels import GivenLabels, labels_of_portraits
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
from src.data.origin import SOURCE_LABELS
from src.data.suggestions import describe_groups, suggest

PALETTE = "palette"
PIXELS = "pixels"


@dataclass(frozen=True)
class Labelling:
    """The labels of all portraits, and where they came from.

    Args:
        labels: a row for each prepared name, a column for each attribute; NaN where there is no label.
        sources: the same for the source of each label: `manual`, `given`, `suggested` or `pixels`.
        warnings: one line each.
    """

    labels: pd.DataFrame
    sources: pd.DataFrame
    warnings: list[str]


def label_portraits(
    portraits: pd.DataFrame,
    images: np.ndarray,
    palettes: pd.Series,
    attributes: Sequence[str],
    given: GivenLabels,
    sheet: Path,
    min_confidence: float,
) -> Labelling:
    """Label the portraits, and fill in the rows of the sheet that are no person's.

    Args:
        portraits: `filename`, `group_id` and `duplicates` by prepared name.
        images: uint8 `[N, H, W, 4]`, in the order of the portraits.
        palettes: what the palette rule finds in each.
        attributes: those to label.
        given: labels from a table and from file names.
        sheet: `group_labels.csv`.
        min_confidence: suggestions less sure than this label no portrait.

    Raises:
        InputError: given labels that mean no portrait, or a bad sheet.
    """
    identity = [attribute for attribute in attributes if attribute != PALETTE]
    by_file, warnings = labels_of_portraits(given, portraits)
    by_group, agreement = labels_of_groups(portraits["group_id"], by_file, given.by_group, identity)
    mixed = agreement.index[agreement < 1]
    # A collection knows its groups and labels itself: where they differ, in views, it is by design.
    if len(mixed) and given.path.name != SOURCE_LABELS:
        warnings.append(
            f"{len(mixed):,} groups hold portraits with different given labels, e.g. {mixed[0]}: "
            "each keeps its own; see the column confidence in group_labels.csv"
        )
    if given:
        fill_in_given(sheet, by_group, agreement)
    known = labels_of(read_group_labels(sheet), MANUAL, GIVEN).combine_first(by_group)
    guesses, confidence, doubts = _suggest(images, portraits["group_id"], known.reindex(columns=identity))
    if sheet.exists():
        fill_in_suggested(sheet, guesses, confidence.min(axis=1))

    rows = read_group_labels(sheet)

    def of_group(table: pd.DataFrame) -> pd.DataFrame:
        return table.reindex(portraits["group_id"]).set_axis(portraits.index)

    labels, sources = join_labels(
        portraits.index,
        attributes,
        (
            (MANUAL, of_group(labels_of(rows, MANUAL))),
            (GIVEN, by_file),
            (GIVEN, of_group(by_group)),
            (GIVEN, of_group(labels_of(rows, GIVEN))),
            (SUGGESTED, of_group(guesses.where(confidence >= min_confidence))),
            (SUGGESTED, of_group(labels_of(rows, SUGGESTED).drop(guesses.index, errors="ignore"))),
            (PIXELS, palettes.to_frame(PALETTE)),
        ),
    )
    suggested = sources[identity].eq(SUGGESTED).sum()
    for attribute, number in suggested[suggested > 0].items():
        doubts.append(
            f"{number:,} portraits have a suggested {attribute!r}, of confidence {min_confidence} and more; "
            f"look through {GROUP_LABELS}"
        )
    return Labelling(labels, sources, warnings + doubts)


def labels_of_groups(
    group_ids: pd.Series, by_file: pd.DataFrame, by_group: pd.DataFrame, attributes: Sequence[str]
) -> tuple[pd.DataFrame, pd.Series]:
    """What the given labels make of each group: the commonest class of its portraits, of equals the first by name.

    Args:
        group_ids: the group of each prepared name.
        by_file: the labels of portraits, by prepared name.
        by_group: the labels of groups, for portraits without a label of their own.
        attributes: the columns of the result.

    Returns:
        The labels of every group that has any, by group id; the share of its labelled portraits that they are all
        right for.
    """
    known = by_file.combine_first(by_group.reindex(group_ids).set_axis(group_ids.index))
    # dtype=object: pandas takes a column without any label for one of floats.
    known = known.reindex(index=group_ids.index, columns=attributes).dropna(how="all").astype(object)
    groups = group_ids[known.index]
    labels = pd.DataFrame(index=groups.unique(), columns=attributes, dtype=object)
    for attribute in attributes:
        votes = pd.DataFrame({"group": groups, "name": known[attribute]}).value_counts().reset_index()
        votes = votes.sort_values(["count", "name"], ascending=[False, True])
        labels[attribute] = votes.drop_duplicates("group").set_index("group")["name"]
    agree = (known.eq(labels.loc[groups].set_axis(known.index)) | known.isna()).all(axis=1)
    return labels, agree.groupby(groups, sort=False).mean()


def _suggest(
    images: np.ndarray, group_ids: pd.Series, known: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Guess the labels that groups lack.

    Returns:
        The guesses by group id, NaN where nothing is guessed, and their confidence; warnings.
    """
    groups = group_ids.unique()
    members = group_ids.groupby(group_ids).indices
    known = known.reindex(groups)
    guesses = pd.DataFrame(index=groups, columns=known.columns, dtype=object)
    confidence = pd.DataFrame(index=groups, columns=known.columns, dtype=float)
    warnings: list[str] = []
    described = None
    for attribute, labels in known.items():
        if labels.isna().all() or labels.notna().all():
            continue  # nothing to learn from, or nothing to suggest
        if described is None:
            described = describe_groups(images, [members[group] for group in groups])
        found, doubts = suggest(described, [None if pd.isna(label) else label for label in labels], attribute)
        warnings += doubts
        guesses[attribute] = [guess.class_name if guess else None for guess in found]
        confidence[attribute] = [guess.confidence if guess else np.nan for guess in found]
    guesses = guesses.dropna(how="all")
    return guesses, confidence.loc[guesses.index], warnings


def join_labels(
    portraits: pd.Index, attributes: Sequence[str], candidates: Iterable[tuple[str, pd.DataFrame]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give each portrait, attribute by attribute, the first label there is.

    Args:
        portraits: prepared names.
        attributes: the columns of the result.
        candidates: a source and its labels by prepared name, the one that counts most first.

    Returns:
        The labels, and the source of each; NaN where no candidate has one.
    """
    labels = pd.DataFrame(index=portraits, columns=list(attributes), dtype=object)
    sources = labels.copy()
    for source, known in candidates:
        known = known.reindex(index=portraits, columns=list(attributes))
        new = labels.isna() & known.notna()
        labels, sources = labels.mask(new, known), sources.mask(new, source)
    return labels, sources
