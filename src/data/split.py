"""Splitting by group, so that validation never shows a hero the network was trained on in another colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from src.data.groups import components
from src.errors import InputError
from src.labels import LabelSpecification

TRAIN, VALIDATION = 0, 1

SHARE_TOLERANCE = 0.02
"""Another share of validation than asked for is worth a line from here on, or from a quarter of it."""


def groups_with(groups: Sequence[str], labels: np.ndarray, combinations: Sequence[Mapping[int, int]]) -> np.ndarray:
    """Portraits of all groups in which a combination of labels occurs.

    Args:
        groups: the group of each portrait, N of them.
        labels: int `[N, A]`.
        combinations: column -> class; a portrait with all of one of them is of that combination.

    Returns:
        bool `[N]`.
    """
    groups = np.asarray(groups)
    occurs = np.zeros(len(groups), bool)
    for combination in combinations:
        occurs |= np.all([labels[:, column] == label for column, label in combination.items()], axis=0)
    return np.isin(groups, groups[occurs])


def held_out_portraits(
    combinations: Sequence[Mapping[str, str]],
    specification: LabelSpecification,
    groups: Sequence[str],
    labels: np.ndarray,
) -> np.ndarray:
    """Portraits that training must not see, since a combination of labels occurs in their group.

    Args:
        combinations: attribute -> class each.
        specification: of the labels.
        groups: the group of each portrait, N of them.
        labels: int `[N, A]`.

    Returns:
        bool `[N]`.

    Raises:
        InputError: an unknown attribute or class, or a combination that no portrait or every group has.
    """
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
            f"every group has a portrait that is {words}, and a group goes to validation as a whole: "
            "hold out a combination that does not change within groups"
        )
    return apart


def _in_words(combination: Mapping[str, str]) -> str:
    return ", ".join(f"{attribute} {name}" for attribute, name in combination.items())


def joined_groups(groups: pd.Series, heroes: pd.Series) -> pd.Series:
    """Groups joined where one hero is in both, directly or through others; each has the id of its first group.

    Args:
        groups: the group of each portrait.
        heroes: the hero of each portrait, NaN where it is not known; the same index.
    """
    known = heroes.notna()
    numbers, ids = pd.factorize(groups)
    hero_numbers, names = pd.factorize(heroes[known])
    pairs = list(zip(numbers[known], (hero_numbers + len(ids)).tolist(), strict=True))
    component = components(len(ids) + len(names), pairs)[: len(ids)]
    first = pd.Series(ids).groupby(component).first()
    return pd.Series(first[component[numbers]].to_numpy(), groups.index, name=groups.name)


def share_warnings(groups: Sequence[str], split: np.ndarray, val_fraction: float) -> list[str]:
    """A line where the share of validation is far from the one asked for, with the reason.

    Args:
        groups: the group of each portrait, N of them.
        split: uint8 `[N]`.
        val_fraction: what was asked for.
    """
    share, sizes = float((split == VALIDATION).mean()), pd.Series(groups).value_counts()
    if abs(share - val_fraction) <= max(SHARE_TOLERANCE, val_fraction / 4):
        return []
    largest = f"{len(sizes):,} groups, the largest of {sizes.iloc[0]:,} portraits"
    return [
        f"{share:.1%} of the portraits are held out for validation, not {val_fraction:.1%}: a group goes to one side "
        f"as a whole, and every class that can is on both ({largest}); add portraits, or name fewer attributes"
    ]


def split_by_group(groups: Sequence[str], labels: np.ndarray, val_fraction: float, seed: int) -> np.ndarray:
    """Assign whole groups to training or validation, alike in classes.

    First every class that occurs in two groups or more gets one in validation, the rarest class first. Then the other
    groups follow, the largest first, each to the side where it does less harm to the balance of all classes.

    Args:
        groups: the group of each portrait, N of them.
        labels: int `[N, A]`, the class of each portrait in each attribute; A may be 0.
        val_fraction: share of the portraits for validation, 0 to less than 1.
        seed: decides between groups that are equally good.

    Returns:
        uint8 `[N]`: 0 training, 1 validation.
    """
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    counts = _images_by_group_and_class(group_of, labels)
    # A shuffle, then the largest first: what is left at the end is small and fills gaps well.
    sizes = np.bincount(group_of, minlength=len(names))
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]

    side = np.full(len(names), TRAIN)
    if val_fraction > 0 and len(names) > 1:
        _cover_classes(side, counts, order)
        _fill(side, counts, sizes, order, val_fraction)
    return side[group_of].astype(np.uint8)


def _images_by_group_and_class(group_of: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Number of images, int `[G, K]`, a column for each class of each attribute; one column where there is none."""
    columns = labels.T if labels.shape[1] else np.zeros((1, len(labels)), int)
    return np.concatenate([pd.crosstab(group_of, column).to_numpy() for column in columns], axis=1)


def _cover_classes(side: np.ndarray, counts: np.ndarray, order: np.ndarray) -> None:
    """Move one group into validation for each class that can spare one, the smallest that does."""
    holds = counts > 0
    for label in np.argsort(holds.sum(axis=0), kind="stable"):
        in_training = holds[side == TRAIN].sum(axis=0)
        if in_training[label] < holds[:, label].sum():
            continue
        for group in order[::-1]:
            if holds[group, label] and _can_leave_training(holds[group], in_training):
                side[group] = VALIDATION
                break


def _can_leave_training(held: np.ndarray, in_training: np.ndarray) -> bool:
    """Whether no class of a group, boolean `[K]`, would lose its last training group."""
    return bool((in_training[held] > 1).all())


def _fill(side: np.ndarray, counts: np.ndarray, sizes: np.ndarray, order: np.ndarray, val_fraction: float) -> None:
    """Move more groups, so that every class and the whole come near to the share asked for."""
    holds = counts > 0
    in_training = holds[side == TRAIN].sum(axis=0)
    counts = np.concatenate([counts, sizes[:, None]], axis=1)
    importance = 1 / counts.sum(axis=0)
    # Images in validation beyond the share asked for of those decided on so far, by class and in all.
    excess = (1 - val_fraction) * counts[side == VALIDATION].sum(axis=0)
    for group in order[side[order] == TRAIN]:
        if_validation = excess + (1 - val_fraction) * counts[group]
        if_trained_on = excess - val_fraction * counts[group]
        better_validation = importance @ if_validation**2 < importance @ if_trained_on**2
        if better_validation and _can_leave_training(holds[group], in_training):
            side[group] = VALIDATION
            in_training -= holds[group]
            excess = if_validation
        else:
            excess = if_trained_on
