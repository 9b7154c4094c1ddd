"""Two heroes mixed, and from one hero to another in steps.

Pixels are chosen, not blended: a step has the second hero's pixels below a line and the first one's above it, and the
rows about the line are written by the model. The colours of both are paired, and a pair goes from one to the other
through OKLab, so that both ends are exact and no step has more colours than a portrait may have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from src.errors import InputError
from src.palettes.oklab import oklab_to_srgb, srgb_to_oklab
from src.play.redraw import pick, redraw, rewriting_sides, together
from src.sampling import LoadedModel, Sampled

SEAM = 4
"""Rows on either side of the line that are written anew, of a portrait of 64."""


class Paired(NamedTuple):
    """Two portraits in one palette.

    Args:
        first, second: the colours of every pair, uint8 [P, 3].
        first_map, second_map: the pair of every pixel, int64 [S, S]; -1 where there is nothing.
    """

    first: np.ndarray
    second: np.ndarray
    first_map: np.ndarray
    second_map: np.ndarray


def pair_colours(first: np.ndarray, second: np.ndarray) -> Paired:
    """Pair each colour of two portraits uint8 [S, S, 4] with one of the other: similar ones at similar places.

    As many pairs as the more colourful one has colours. The best assignment first (Kuhn, 1955), then each colour that
    is left takes its nearest partner.
    """
    if len(_colours(first)[0]) < len(_colours(second)[0]):
        swapped = pair_colours(second, first)
        return Paired(swapped.second, swapped.first, swapped.second_map, swapped.first_map)
    many, many_map = _colours(first)
    few, few_map = _colours(second)
    cost = np.square(_features(many, many_map)[:, None] - _features(few, few_map)[None]).sum(axis=2)
    partner = cost.argmin(axis=1)
    rows, columns = linear_sum_assignment(cost)
    partner[rows] = columns
    # Of the pairs that a colour is in, its pixels are of the one that was assigned to it.
    assigned = np.append(rows[np.argsort(columns)], -1)
    return Paired(many, few[partner], many_map, assigned[few_map])


def _colours(portrait: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The visible colours uint8 [K, 3], and the number of every pixel's, -1 where there is nothing."""
    visible = portrait[..., 3] > 0
    colours, number = np.unique(portrait[visible][:, :3], axis=0, return_inverse=True)
    entries = np.full(portrait.shape[:2], -1)
    entries[visible] = number.reshape(-1)
    return colours, entries


def _features(colours: np.ndarray, entries: np.ndarray) -> np.ndarray:
    """Where each colour is, in OKLab and, at half the weight, in the portrait: float [K, 5]."""
    places = [np.argwhere(entries == number).mean(axis=0) / len(entries) for number in range(len(colours))]
    return np.concatenate([srgb_to_oklab(colours), 0.5 * np.array(places).reshape(-1, 2)], axis=1)


def composed(pairs: Paired, of_second: np.ndarray, share: float) -> np.ndarray:
    """A portrait uint8 [S, S, 4]: the second's pixels where bool [S, S] `of_second` says so, else the first's.

    Args:
        share: how far the colours have gone to the second one's, 0 to 1.
    """
    lab = (1 - share) * srgb_to_oklab(pairs.first) + share * srgb_to_oklab(pairs.second)
    colours = {0.0: pairs.first, 1.0: pairs.second}.get(share, oklab_to_srgb(lab))
    palette = np.concatenate([np.insert(colours, 3, 255, axis=1), np.zeros((1, 4), np.uint8)])
    return palette[np.where(of_second, pairs.second_map, pairs.first_map)]


def mix(
    model: LoadedModel, first: Sampled, second: Sampled, lines: Sequence[float], shares: Sequence[float], seed: int = 0
) -> Sampled:
    """The first hero above a line and the second below it, once for every line.

    Args:
        model: as for `redraw`.
        first, second: one portrait each.
        lines: 0 at the top to 1 at the bottom.
        shares: for every line how far the colours have gone to the second one's, 0 to 1.
        seed: of what is written about the lines, the same for all.

    Raises:
        InputError: as `redraw`.
    """
    rewriting_sides(model)
    size = first.portraits.shape[1]
    row = np.arange(size)[:, None].repeat(size, axis=1) + 0.5
    pairs = pair_colours(*(model.family.prepare_images(hero.portraits[:1])[0][0] for hero in (first, second)))
    labels = {name: value for name, value in first.labels[0].items() if second.labels[0].get(name) == value}
    composites = [composed(pairs, row > line * size, share) for line, share in zip(lines, shares, strict=True)]
    heroes = Sampled(np.stack(composites), (seed,) * len(lines), (labels,) * len(lines))
    away = np.stack([np.abs(row - line * size) >= SEAM * size / 64 for line in lines])
    return redraw(model, heroes, away, seed=seed)


def steps(model: LoadedModel, first: Sampled, second: Sampled, count: int, seed: int = 0) -> Sampled:
    """From one hero to another, `count` portraits with both ends: the line rises from the feet to the head.

    Args:
        model, first, second, seed: as for `mix`.
        count: at least 3.
    """
    if count < 3:
        raise InputError(f"from one hero to another takes at least 3 steps, not {count}")
    shares = [step / (count - 1) for step in range(1, count - 1)]
    between = mix(model, first, second, [1 - share for share in shares], shares, seed)
    return together([pick(first, 0), between, pick(second, 0)])
