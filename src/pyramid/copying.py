"""Copying: a pixel often has exactly the entry of a pixel beside it, or of its parent.

The pointer knows entries by their colours, and two ramps may have colours that hardly differ. So a pixel also votes for
what stands in certain places around it, whichever entry that is; a vote is added to the entry's logit. After the
copying mechanism of pointer networks (Gu et al., 2016; See et al., 2017).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.pyramid.layers import zeroed

REACH = 2
"""How far away pixels of the map may stand, in rows and in columns."""

PARENT_REACH = 1
"""The same for pixels of the parent."""


class Copying(nn.Module):
    """Votes for the entries around a pixel, on the map and on its parent. At the start all of them are zero.

    Args:
        width: channels of the features.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.places = [(2 * reach + 1) ** 2 for reach in (REACH, PARENT_REACH)]
        self.vote = zeroed(nn.Conv2d(width, 4 * sum(self.places), 1))

    def forward(self, logits: Tensor, features: Tensor, parent: Tensor, pixels: Tensor, known: Tensor) -> Tensor:
        """Logits float32 [N, S * S, K + 1] with the votes.

        Args:
            logits: the same without.
            features: of patches of 2x2 pixels, [N, width, S / 2, S / 2].
            parent: int64 [N, S / 2, S / 2].
            pixels: int64 [N, S, S].
            known: bool [N, S, S], which of them are written; the others get no votes.
        """
        votes = functional.pixel_shuffle(self.vote(features), 2).to(logits)
        here, above = votes.flatten(2).transpose(1, 2).split(self.places, dim=2)
        parents = around(parent, PARENT_REACH).repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
        logits = logits.scatter_add(2, parents.flatten(1, 2), above)
        return logits.scatter_add(2, around(pixels, REACH).flatten(1, 2), here * around(known, REACH).flatten(1, 2))


def around(pixels: Tensor, reach: int) -> Tensor:
    """What stands around each pixel and at its own place, row by row: [N, S, S] -> [N, S, S, (2 * reach + 1)^2]; beyond
    the border zeros: nothing, not known."""
    side, span = pixels.shape[1], range(2 * reach + 1)
    padded = functional.pad(pixels, (reach,) * 4)
    return torch.stack([padded[:, row : row + side, column : column + side] for row in span for column in span], dim=3)
