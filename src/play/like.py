"""From a picture of one's own: prepared as the training portraits are, its colours and coarse map kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from src.data.clean import PrepareOptions, clean
from src.data.native_grid import recover_native
from src.errors import InputError
from src.images import BadImage, fit, read_rgba
from src.play.latents import latent_of_picture, near, shown
from src.play.redraw import more_like, recolour, rewriting_sides
from src.sampling import LoadedModel, Sampled


def read_picture(path: Path, size: int) -> np.ndarray:
    """A picture as a portrait uint8 [size, size, 4], as `prepare` makes one: an enlargement undone, a flat background
    made transparent, then enlarged by a whole number and set on the lower border.

    Raises:
        InputError: missing, damaged, or no pixel art of at most `size` pixels.
    """
    if not Path(path).exists():
        raise InputError(f"there is no picture {path}; name one of your own")
    try:
        return fit(clean(recover_native(read_rgba(path), size), size, PrepareOptions())[0], size)
    except BadImage as error:
        raise InputError(f"{path}: {error}; name another picture") from None


def like_picture(
    model: LoadedModel,
    path: Path,
    side: int | None = None,
    requested: Mapping[str, str] | None = None,
    count: int = 8,
    seed: int = 0,
) -> Sampled:
    """Heroes like a picture: its colours and what it is at a side kept, the rest written anew. Of a family that cannot
    do that, but has smooth latents: first the most similar sample, then samples near to it.

    Args:
        model: of one of these families.
        path: the picture.
        side: one of `Family.kept_sides`; the last one keeps every pixel, for another palette. None: a quarter of the
            portraits' side, 16 of 64.
        requested: class names by attribute; those left out are left open. `palette` recolours what was written.
        count, seed: as for `sample`.

    Raises:
        InputError: as `read_picture` and `redraw`; an unknown class; a side for a family without sides.
    """
    requested = requested or {}
    portrait = read_picture(path, model.family.data.size)
    if model.family.smooth_latents:
        if side is not None:
            raise InputError(f"{model.family_name} keeps no side of a picture; leave --from out")
        found = latent_of_picture(model, portrait, requested, seed)
        return shown(model, [found, *near(model, found, count, seed)][:count], {"like": path.name}, seed)
    sides, palette = rewriting_sides(model), requested.get("palette")
    if side is None:
        side = max((each for each in sides if 4 * each <= sides[-1]), default=sides[0])
    others = {name: value for name, value in requested.items() if name != "palette"}
    hero = Sampled(portrait[None], (seed,), (others,))
    if side != sides[-1]:
        written = more_like(model, hero, side, count, seed)
        written = written if palette is None else recolour(model, written, palette, seed=seed)
    elif palette is None:
        raise InputError(f"--from {side} keeps every pixel; name the --palette of another category, or a smaller side")
    else:
        written = recolour(model, hero, palette, count, seed)
    return replace(written, origins=({"like": path.name, "from": side},) * count)
