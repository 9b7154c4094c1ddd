"""Portraits in other colours, at random: what stays the same is the drawing.

Where one colour ends and another begins, and which pixels share one, survives; which colours they are does not. A
network that is shown one recolouring of a portrait and asked for another learns to see drawings.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Half of the portraits stay as they are: those are what it is all for.
RECOLOURED = 0.5
# A colour's channels are exchanged, each is made weaker or stronger by a factor, and lighter or darker by a shift.
SCALES = (0.6, 1.2)
SHIFT = 0.25


def recoloured(portraits: Tensor) -> Tensor:
    """Portraits [N, 4, H, W] in [-1, 1], half of them in other colours; transparent pixels stay as they are.

    Every portrait has its own change, the same for all its pixels: equal colours stay equal, and different ones
    different, but for what leaves [-1, 1].
    """
    count, device = len(portraits), portraits.device
    order = torch.rand(count, 3, device=device).argsort(dim=1)
    scale = SCALES[0] + (SCALES[1] - SCALES[0]) * torch.rand(count, 3, device=device)
    shift = SHIFT * (2 * torch.rand(count, 3, device=device) - 1)
    chosen = torch.rand(count, device=device) < RECOLOURED
    colours, alpha = portraits[:, :3], portraits[:, 3:]
    exchanged = colours.gather(1, order[:, :, None, None].expand_as(colours))
    changed = (exchanged * scale[:, :, None, None] + shift[:, :, None, None]).clamp(-1, 1)
    colours = torch.where(chosen[:, None, None, None] & (alpha > 0), changed, colours)
    return torch.cat([colours, alpha], dim=1).contiguous(memory_format=torch.channels_last)
