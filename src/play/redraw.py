"""A hero changed: a part kept and the rest redrawn, more like it, other colours.

A hero is a `Sampled` of one portrait (`pick`); what comes of it is a `Sampled` too, so all can be done again to that.
Same arguments, same result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch

from src.data.packed import to_signed
from src.errors import InputError
from src.play.regions import nothing
from src.sampling import LoadedModel, Sampled, in_batches, requested_labels

COLOURS_TRUNCATION = 0.7
"""Colours written for given entries follow no map that would make up for an unlikely one: the likeliest are taken."""


def pick(sampled: Sampled, index: int) -> Sampled:
    """One of the portraits as a hero of its own.

    Raises:
        InputError: there are not so many.
    """
    if not 0 <= index < len(sampled.portraits):
        raise InputError(f"there is no portrait {index}; they are 0 to {len(sampled.portraits) - 1}")
    one = slice(index, index + 1)
    varied_from = sampled.heroes[index] if sampled.heroes else sampled.labels[index]
    origins = sampled.origins[one]
    if varied_from != sampled.labels[index]:
        origins = ({**(origins[0] if origins else {}), "varied_from": varied_from},)
    return Sampled(sampled.portraits[one], sampled.seeds[one], sampled.labels[one], origins=origins)


def together(heroes: Sequence[Sampled]) -> Sampled:
    """Several heroes, such as one's favourites, as one `Sampled`.

    Raises:
        InputError: there are none.
    """
    if not heroes:
        raise InputError("there are no heroes yet; choose some first")
    return Sampled(
        np.concatenate([hero.portraits for hero in heroes]),
        tuple(seed for hero in heroes for seed in hero.seeds),
        tuple(labels for hero in heroes for labels in hero.labels),
        origins=tuple(origin for hero in heroes for origin in hero.origins or ({},) * len(hero.portraits)),
    )


def redraw(
    model: LoadedModel, heroes: Sampled, kept: np.ndarray, count: int = 1, seed: int = 0, side: int = 0
) -> Sampled:
    """Heroes with some pixels as they are and the rest redrawn, in their own colours.

    Args:
        model: of a family that can (`Family.kept_sides`).
        heroes: any number of portraits; labels that one lacks are left open.
        kept: bool [S, S] for all heroes or [N, S, S], the pixels that stay.
        count: how many of each hero.
        seed: the first one's, as for `sample`.
        side: 0, or one of `kept_sides`: what a hero is at this side stays as well.

    Raises:
        InputError: a family that cannot, or another side.
    """
    sides = rewriting_sides(model)
    if side not in (0, *sides):
        raise InputError(f"a portrait is kept at one of the sides {', '.join(map(str, sides))}, not {side}")
    if kept.all() or side == sides[-1]:
        raise InputError("all of the portrait is kept; leave some of it to be redrawn")
    where = torch.from_numpy(np.broadcast_to(kept, heroes.portraits.shape[:3]).repeat(count, axis=0))
    function = partial(model.family.rewrite, side=side)
    return _made_of(model, function, heroes, heroes.labels, count, seed, where)


def more_like(model: LoadedModel, heroes: Sampled, side: int, count: int = 1, seed: int = 0) -> Sampled:
    """Heroes that are as these at a coarse side, and in their colours; arguments as for `redraw`."""
    return redraw(model, heroes, nothing(heroes.portraits.shape[1]), count, seed, side)


def recolour(model: LoadedModel, heroes: Sampled, palette: str | None = None, count: int = 1, seed: int = 0) -> Sampled:
    """Heroes in other colours, one for each of their own; no pixel moves.

    Args:
        model: as for `redraw`.
        heroes: any number of portraits.
        palette: category of the new colours; None: a hero's own, or any where it has none.
        count: how many of each hero.
        seed: the first one's.

    Raises:
        InputError: a family that cannot, or an unknown category.
    """
    rewriting_sides(model)
    of_palette = {} if palette is None else {"palette": palette}
    labels = [{**each, **of_palette} for each in heroes.labels]
    return _made_of(model, model.family.recolour, heroes, labels, count, seed, truncation=COLOURS_TRUNCATION)


def rewriting_sides(model: LoadedModel) -> tuple[int, ...]:
    """`Family.kept_sides`.

    Raises:
        InputError: a family that has none.
    """
    if not model.family.kept_sides:
        raise InputError(f"{model.family_name} cannot keep a part of a portrait; use weights of palette_pyramid")
    return model.family.kept_sides


def _made_of(
    model: LoadedModel,
    function: Callable[..., torch.Tensor],
    heroes: Sampled,
    labels: Sequence[Mapping[str, str]],
    count: int,
    seed: int,
    *rows: torch.Tensor,
    truncation: float = 1.0,
) -> Sampled:
    """What a family's function makes of each hero, `count` times, under labels, one a hero."""
    which = [index for index in range(len(heroes.portraits)) for _ in range(count)]
    latents, _ = requested_labels(model, len(which), seed, {}, truncation)
    portraits, _ = model.family.prepare_images(heroes.portraits)
    reals = to_signed(torch.from_numpy(portraits[which]))
    indices = torch.cat([open_labels(model, labels[index]) for index in which])
    return Sampled(
        in_batches(function, model.sampler, latents, indices, reals, *rows),
        tuple(range(seed, seed + len(which))),
        tuple(dict(labels[index]) for index in which),
        origins=tuple({"redrawn_from": {"seed": heroes.seeds[index], **heroes.labels[index]}} for index in which),
    )


def open_labels(model: LoadedModel, labels: Mapping[str, str]) -> torch.Tensor:
    """Indices int64 [1, A] of class names; the number behind the classes for an attribute without one.

    Raises:
        InputError: an unknown attribute or class.
    """
    known = {name: model.labels.index(name, value) for name, value in labels.items()}
    sizes = zip(model.labels.names, model.labels.sizes, strict=True)
    return torch.tensor([[known.get(name, size) for name, size in sizes]], dtype=torch.int64)
