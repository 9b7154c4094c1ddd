"""A portrait as a palette and maps of its entries: exact, and back again.

Entry 0 is "nothing here" (transparent); entries 1 to K are the portrait's colours by rising lightness.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from src.palettes.oklab import LMS_TO_OKLAB, RGB_TO_LMS, srgb_to_linear

COARSEST = 8
"""The coarsest map has at most this side."""


class Indexed(NamedTuple):
    """Portraits as palettes and maps.

    Args:
        entries: int64 [N, S, S], 0 to K.
        colours: int64 [N, K, 3], sRGB 0 to 255, by rising lightness; zeros behind the last colour.
        used: bool [N, K], which of them the portrait has.
    """

    entries: Tensor
    colours: Tensor
    used: Tensor


def map_sides(size: int) -> list[int]:
    """Sides of the maps from coarse to fine: 64 -> [8, 16, 32, 64]. The last one is `size`, rounded up where it does
    not halve evenly (20 -> [5, 10, 20], 33 -> [5, 10, 20, 40])."""
    halvings = 0
    while -(-size // 2**halvings) > COARSEST:
        halvings += 1
    coarsest = -(-size // 2**halvings)
    return [coarsest * 2**level for level in range(halvings + 1)]


def oklab(colours: Tensor) -> Tensor:
    """sRGB int64 [..., 3], 0 to 255 -> OKLab float32 [..., 3] (Ottosson, 2020)."""
    table, to_lms, to_oklab = _oklab_constants(colours.device)
    with torch.autocast(colours.device.type, enabled=False):
        return (table[colours] @ to_lms).pow(1 / 3) @ to_oklab


@cache
def _oklab_constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Once a device: a copy from the host in a step would have the card wait for it."""
    constants = srgb_to_linear(np.arange(256)), RGB_TO_LMS.T, LMS_TO_OKLAB.T
    return tuple(torch.tensor(each, dtype=torch.float32, device=device) for each in constants)


def index_portraits(portraits: Tensor, most: int) -> Indexed:
    """Portraits [N, 4, S, S] in [-1, 1] with at most `most` colours each -> palettes and maps.

    Exact where a portrait keeps to that number. Of one with more, colours next to each other in lightness share an
    entry: `src.palettes.reduction` does that with more care, before training.
    """
    count, _, height, width = portraits.shape
    pixels = ((portraits.float() + 1) * 127.5).round().long().clamp(0, 255).flatten(2).transpose(1, 2)
    opaque = pixels[..., 3] > 127
    rgb = pixels[..., :3]
    # One number a colour, whose order is that of lightness; transparent pixels come first.
    lightness = (oklab(rgb)[..., 0] * 2**20).long()
    packed = (rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2]
    key = torch.where(opaque, (lightness << 24) | packed, -1)
    ordered, place = key.sort(dim=1, stable=True)
    is_new = (ordered >= 0) & (ordered != functional.pad(ordered[:, :-1], (1, 0), value=-1))
    rank = is_new.cumsum(dim=1)
    colours_found = rank[:, -1:]
    rank = torch.where(colours_found > most, (rank * most + colours_found - 1) // colours_found.clamp(min=1), rank)
    entries = torch.zeros_like(rank).scatter_(1, place, rank)
    # The colour of an entry: any of its pixels' (all alike where nothing was merged); row 0 is thrown away.
    colours = torch.zeros(count, most + 1, dtype=torch.int64, device=rank.device)
    colours.scatter_reduce_(1, entries, torch.where(opaque, packed, 0), "amax")
    colours = colours[:, 1:]
    used = torch.arange(1, most + 1, device=rank.device) <= rank.amax(dim=1, keepdim=True)
    unpacked = torch.stack([colours >> 16, colours >> 8 & 255, colours & 255], dim=2)
    return Indexed(entries.view(count, height, width), unpacked, used)


def paint(entries: Tensor, colours: Tensor, size: int) -> Tensor:
    """Maps int64 [N, S, S] and colours int64 [N, K, 3] -> portraits float [N, 4, size, size] in [-1, 1].

    What a map has beyond `size` (`map_sides` rounds up) lies at the right and at the bottom and is cut off.
    """
    rgba = functional.pad(functional.pad(colours, (0, 1), value=255), (0, 0, 1, 0))
    pixels = rgba.gather(1, entries.flatten(1)[..., None].expand(-1, -1, 4)).unflatten(1, entries.shape[1:])
    return pixels[:, :size, :size].permute(0, 3, 1, 2) / 127.5 - 1


def majority_maps(entries: Tensor, most: int, sides: list[int]) -> list[Tensor]:
    """Entries int64 [N, S, S] -> maps int64 [N, s, s] of all sides, coarse to fine, the last one the entries.

    A coarse pixel is the commonest entry of its block, not a subsample: a sub-sampled pixel of pixel art is an outline
    as often as not. Of entries that are equally common the darkest colour stands for the block, and nothing stands for
    it only where nothing is commonest: outlines, eyes and thin staffs stay to be seen.
    """
    missing = sides[-1] - entries.shape[-1]
    entries = functional.pad(entries, (0, missing, 0, missing))
    counts = functional.one_hot(entries, most + 1).permute(0, 3, 1, 2).float()
    # Ties: entry 1 before 2 before ... before 0.
    preference = functional.pad(torch.arange(most, 0, -1, device=entries.device, dtype=torch.float32), (1, 0))
    preference = preference[:, None, None] / (2 * most + 4)
    maps = [entries]
    for _ in sides[1:]:
        counts = functional.avg_pool2d(counts, 2) * 4
        maps.append((counts + preference).argmax(dim=1))
    return maps[::-1]
