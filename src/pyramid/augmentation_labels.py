"""Non-leaky augmentation: portraits mirrored and moved, and labels for it, on which the model is conditioned too.

So it sees more of a small set. A likelihood would otherwise learn changed portraits as if they were the data; here the
label of no change is requested of samples (Jun et al., 2020; augment conditioning of EDM, Karras et al., 2022). All
changes keep the pixel grid.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from src.gan.diff_augment import mirror, shifted

# Half of the portraits stay as they are: those are what is asked for later.
CHANGED = 0.5


def reaches(size: int) -> tuple[int, int]:
    """How far portraits of that side are moved at most, in pixels: down or up, and to the left or right."""
    return max(1, size // 32), max(1, size // 16)


def change_counts(size: int) -> list[int]:
    """How many values each of the three numbers can take that say what was changed."""
    return [2, *(2 * reach + 1 for reach in reaches(size))]


def no_change(count: int, size: int, device: torch.device) -> Tensor:
    """int64 [N, 3] for portraits as they are."""
    return _no_change(size, device).expand(count, -1)


@cache
def _no_change(size: int, device: torch.device) -> Tensor:
    """Once a device: a copy from the host in a step would have the card wait for it."""
    return torch.tensor([0, *reaches(size)], device=device)


def mirrored_and_moved(portraits: Tensor) -> tuple[Tensor, Tensor]:
    """Portraits [N, C, H, H] in [-1, 1], half of them changed at random.

    Returns:
        The portraits, and what was done: int64 [N, 3], mirrored or not, and moved by how many pixels, counted from the
        least on.
    """
    count, _, size, _ = portraits.shape
    device = portraits.device
    chosen = torch.rand(count, device=device) < CHANGED
    numbers = [torch.randint(values, (count,), device=device) for values in change_counts(size)]
    changes = torch.where(chosen[:, None], torch.stack(numbers, dim=1), no_change(count, size, device))
    down, right = (changes[:, 1 + axis, None] - reach for axis, reach in enumerate(reaches(size)))
    changed = shifted(mirror(portraits, changes[:, 0] > 0), -down, -right)
    return changed.contiguous(memory_format=torch.channels_last), changes
