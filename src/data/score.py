"""Scores groups, suggested labels and palette categories against a table that knows the truth.

    python -m src.data.score --images FOLDER --truth ground_truth.csv [--quarters 10] [--seed 0] [--json FILE]

The truth is a CSV with `filename` (below the folder), `character` (the hero that a file shows, whatever its colours),
any attributes of identity (`gender`, `hero_class`) and, where there is one, `palette_theme`. Prints a table, then the
same as JSON. The truth never reaches grouping; suggestions see it for the groups drawn for labelling only.

- groups: how many there are, that is, how many labels a person has to give;
- purity: share of portraits whose group's majority class is their own, in every attribute at once;
- together: share of portraits that lie in the group that holds most of their hero;
- the same of the outlines alone (groups of identical masks), to compare with;
- suggestions: a random quarter of the groups is labelled by majority; share of the other groups that the suggestion is
  right for, by attribute, mean and spread over several draws; the same of suggestions of confidence above 0.9;
- palette: share of portraits whose category is the theme given, beside always saying the commonest theme, and the
  confusion matrix. A theme is what an artist picked for the clothes, not a measurement: agreement cannot be complete.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from src.data.groups import make_groups, structure_of
from src.data.suggestions import describe_groups, suggest
from src.errors import InputError
from src.images import BadImage, read_rgba
from src.palettes import category
from src.progress import track
from src.tables import read_table

SURE = 0.9
LABELLED_SHARE = 0.25


def majority(values: pd.Series, groups: Sequence[Hashable]) -> pd.Series:
    """The commonest value of each group, in the order of the groups; of equally common ones the first.

    Args:
        values: N of them.
        groups: the group of each, N of them.
    """
    return values.groupby(groups, sort=False).agg(lambda members: members.value_counts(sort=False).idxmax())


def purity(groups: Sequence[Hashable], labels: pd.DataFrame) -> float:
    """Share of portraits whose group's majority class is their own in every attribute.

    Args:
        groups: the group of each portrait, N of them.
        labels: the classes of each portrait, a column for each attribute.

    Returns:
        0 to 1.
    """
    groups = pd.Series(groups, labels.index)
    right = labels.apply(lambda column: column == groups.map(majority(column, groups)))
    return float(right.all(axis=1).mean())


def together(groups: Sequence[Hashable], characters: Sequence[Hashable]) -> float:
    """Share of portraits that lie in the group holding most of their hero.

    Args:
        groups: the group of each portrait, N of them.
        characters: the hero of each.

    Returns:
        0 to 1.
    """
    return float(pd.crosstab(np.asarray(characters), np.asarray(groups)).max(axis=1).sum() / len(groups))


def score_groups(images: np.ndarray, truth: pd.DataFrame, attributes: Sequence[str]) -> tuple[dict, list[str]]:
    """Group portraits and score the groups.

    Args:
        images: uint8 `[N, H, W, 4]`.
        truth: a row for each.
        attributes: columns of the truth.

    Returns:
        Measures by name; the group of each portrait.
    """
    started = time.monotonic()
    structures = {str(index): structure_of(image) for index, image in enumerate(images)}
    groups = [""] * len(images)
    for group in make_groups(structures):
        for name in group.members:
            groups[int(name)] = group.group_id
    seconds = time.monotonic() - started
    characters = truth["character"]
    masks = [np.packbits(image[..., 3] > 0).tobytes() for image in images]
    scored = {
        name: {
            "groups": len(set(found)),
            "purity": round(purity(found, truth[list(attributes)]), 4),
            "together": round(together(found, characters), 4),
        }
        for name, found in (("ladder", groups), ("identical_masks", masks))
    }
    return {**scored, "portraits": len(images), "heroes": characters.nunique(), "seconds": round(seconds, 1)}, groups


def score_suggestions(
    images: np.ndarray,
    groups: Sequence[str],
    truth: pd.DataFrame,
    attributes: Sequence[str],
    quarters: int,
    first_seed: int = 0,
) -> dict:
    """Label random quarters of the groups and score what is suggested for the others.

    Args:
        images: uint8 `[N, H, W, 4]`.
        groups: the group of each portrait.
        truth: a row for each.
        attributes: columns of the truth.
        quarters: how many draws.
        first_seed: the first draw's seed; the next ones count up.

    Returns:
        attribute -> measures by name, each with mean, standard deviation and least over the draws.
    """
    indices = pd.Series(groups).groupby(groups).indices
    members = [indices[group] for group in dict.fromkeys(groups)]
    described = describe_groups(images, members)
    scored = {}
    for attribute in attributes:
        right_for = majority(truth[attribute], groups).tolist()
        draws: dict[str, list[float]] = {"right": [], "right_above_0.9": [], "share_above_0.9": []}
        for seed in range(first_seed, first_seed + quarters):
            order = np.random.default_rng(seed).permutation(len(members))
            shown = set(order[: round(LABELLED_SHARE * len(members))].tolist())
            labels = [str(name) if index in shown else None for index, name in enumerate(right_for)]
            found, _ = suggest(described, labels, attribute)
            guesses = [(guess, right_for[index]) for index, guess in enumerate(found) if guess is not None]
            if not guesses:
                continue
            right = np.array([guess.class_name == name for guess, name in guesses])
            sure = np.array([guess.confidence > SURE for guess, _ in guesses])
            draws["right"].append(right.mean())
            draws["share_above_0.9"].append(sure.mean())
            if sure.any():
                draws["right_above_0.9"].append(right[sure].mean())
        scored[attribute] = {name: _spread(values) for name, values in draws.items() if values}
    return scored


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "mean": round(float(np.mean(values)), 4),
        "deviation": round(float(np.std(values)), 4),
        "least": round(float(np.min(values)), 4),
    }


def score_palette(images: np.ndarray, themes: Sequence[str]) -> dict:
    """Compare palette categories with themes.

    Args:
        images: uint8 `[N, H, W, 4]`.
        themes: the theme of each.

    Returns:
        Agreement, the same without ambiguous portraits, the share of the commonest theme, and the confusion matrix.
    """
    measures = category.measure(images)
    found = np.asarray(category.palette_category(measures))
    agree = found == np.asarray(themes)
    clear = ~np.asarray(category.is_ambiguous(measures))
    confusion = pd.crosstab(np.asarray(themes), found)
    return {
        "agreement": round(float(agree.mean()), 4),
        "agreement_unambiguous": round(float(agree[clear].mean()), 4) if clear.any() else None,
        "ambiguous": round(float(1 - clear.mean()), 4),
        "commonest_theme": round(float(pd.Series(themes).value_counts(normalize=True).iloc[0]), 4),
        "given": confusion.index.tolist(),
        "found": confusion.columns.tolist(),
        "confusion": confusion.to_numpy().tolist(),
    }


def score_preparation(images: Path, truth: Path, quarters: int = 10, first_seed: int = 0) -> dict:
    """All scores of a folder.

    Args:
        images: folder that the names in the table are relative to; portraits all of one size.
        truth: the table, see the top of this file.
        quarters: random draws of labelled groups.
        first_seed: the first draw's seed; the next ones count up.

    Raises:
        InputError: a bad table, or a file that is missing or no image.
    """
    table = read_table(truth, ("filename", "character"))
    if table.empty:
        raise InputError(f"{truth} has no rows")
    attributes = [name for name in table if name not in ("filename", "character", "palette_theme")]
    portraits = []
    for filename in track(table["filename"], "reading"):
        try:
            portraits.append(read_rgba(images / filename))
        except (BadImage, OSError) as error:
            raise InputError(f"{images / filename}: {error}; {truth} names it") from None
    if len({portrait.shape for portrait in portraits}) > 1:
        raise InputError(f"the images in {images} differ in size; run `prepare` first and score its `prepared` folder")
    pixels = np.stack(portraits)
    scored, groups = score_groups(pixels, table, attributes)
    suggestions = score_suggestions(pixels, groups, table, attributes, quarters, first_seed)
    result = {"grouping": scored, "suggestions": suggestions}
    if "palette_theme" in table:
        result["palette"] = score_palette(pixels, table["palette_theme"])
    return result


def as_text(scored: dict) -> str:
    """The scores as a table to read."""
    grouping = scored["grouping"]
    lines = [
        f"{grouping['portraits']:,} portraits of {grouping['heroes']:,} heroes, grouped in {grouping['seconds']} s"
    ]
    lines.append(f"{'groups by':<20}{'groups':>8}{'purity':>9}{'together':>10}")
    for name in ("ladder", "identical_masks"):
        row = grouping[name]
        lines.append(f"{name:<20}{row['groups']:>8}{row['purity']:>9.4f}{row['together']:>10.4f}")
    lines.append(f"{'suggested':<20}{'measure':<18}{'mean':>8}{'deviation':>11}{'least':>8}")
    for attribute, measures in scored["suggestions"].items():
        for name, values in measures.items():
            mean, deviation, least = values["mean"], values["deviation"], values["least"]
            lines.append(f"{attribute:<20}{name:<18}{mean:>8.4f}{deviation:>11.4f}{least:>8.4f}")
    if "palette" in scored:
        row = scored["palette"]
        lines.append(
            f"palette: {row['agreement']:.1%} agree with the theme (the commonest alone {row['commonest_theme']:.1%}); "
            f"{row['ambiguous']:.1%} ambiguous"
        )
        lines.append(f"{'theme / category':<20}" + "".join(f"{name:>9}" for name in row["found"]))
        for name, counts in zip(row["given"], row["confusion"], strict=True):
            lines.append(f"{name:<20}" + "".join(f"{number:>9}" for number in counts))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Score a folder; returns the exit status: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(prog="python -m src.data.score", description="score groups, suggestions, palette")
    parser.add_argument("--images", type=Path, required=True, help="folder of portraits")
    parser.add_argument("--truth", type=Path, required=True, help="CSV: filename, character, attributes, palette_theme")
    parser.add_argument("--quarters", type=int, default=10, help="random draws of labelled groups (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="the first draw's seed; the next ones count up (default 0)")
    parser.add_argument("--json", type=Path, help="write the JSON there as well")
    parsed = parser.parse_args(arguments)
    try:
        scored = score_preparation(parsed.images, parsed.truth, parsed.quarters, parsed.seed)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    text = json.dumps(scored, indent=2)
    print(as_text(scored), text, sep="\n\n")
    if parsed.json is not None:
        parsed.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
