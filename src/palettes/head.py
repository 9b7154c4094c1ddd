"""A palette head: a network's last layer chooses K colours and, for every pixel, one of them or nothing.

Samples are pixel art by construction: at most K exact colours, alpha either 0 or 1, no repair afterwards. The choice is
trained with the straight-through estimator (Bengio et al., 2013): forwards a pixel has one colour, backwards the
gradient flows through the softmax over all of them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from src.images import count_colours

COUNTED = 256  # portraits whose colours are counted: all 7,600 would take a second


def colours_note(images: np.ndarray, colours: int) -> str:
    """A line for the log where most portraits have more colours than a palette head gives, else empty.

    Args:
        images: uint8 [N, H, W, 4], of which some are counted.
        colours: K of the head; 0 for none.
    """
    if not colours:
        return ""
    some = images[:: max(1, len(images) // COUNTED)]
    usual = int(np.median([count_colours(portrait) for portrait in some]))
    if usual <= colours:
        return ""
    return f"a portrait has {usual:,} colours, a sample at most {colours}; --set colours=0 is for free pixels"


def patch_convolution(channels: int, values: int, side: int = 2) -> nn.Conv2d:
    """A convolution whose output, [N, side^2 * values, H, W], is to be shuffled to [N, values, side * H, side * W].

    The pixels of a patch start with the same weights (Aitken et al., 2017): with weights of their own they begin
    as a checkerboard, and a choice among like colours may never get rid of it.
    """
    pixels = side**2
    layer = nn.Conv2d(channels, pixels * values, 3, padding=1)
    with torch.no_grad():
        layer.weight.copy_(layer.weight[::pixels].repeat_interleave(pixels, dim=0))
        layer.bias.zero_()
    return layer


class PaletteHead(nn.Module):
    """Features and a condition to portraits of at most K colours.

    Args:
        channels: C of the features.
        condition_dim: length of the vector that the colours are worked out from.
        colours: K, the most colours of one portrait.
        patch_size: side of the squares of pixels that one feature stands for.

    The buffer `hardness` says how exact the choice is while training: 0 mixes colours by their probabilities, 1 takes
    the likeliest alone. In evaluation mode the choice is always exact, and still has a gradient.
    """

    def __init__(self, channels: int, condition_dim: int, colours: int, patch_size: int = 2) -> None:
        super().__init__()
        self.colours, self.patch_size = colours, patch_size
        # Index 0 is "nothing here".
        self.to_choice = patch_convolution(channels, colours + 1, patch_size)
        hidden = 4 * colours
        self.to_palette = nn.Sequential(
            nn.Linear(condition_dim, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 3 * colours)
        )
        self.register_buffer("hardness", torch.ones(()))

    def palette(self, condition: Tensor) -> Tensor:
        """Condition [N, condition_dim] -> colours [N, K, 3] in [-1, 1]."""
        return torch.tanh(self.to_palette(condition).float()).unflatten(1, (self.colours, 3))

    def choice(self, features: Tensor) -> Tensor:
        """Features [N, C, H, W] -> logits [N, K + 1, patch_size * H, patch_size * W]; index 0 is transparent."""
        return functional.pixel_shuffle(self.to_choice(features), self.patch_size)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """[N, C, H, W], [N, condition_dim] -> portraits [N, 4, H times patch_size, W times patch_size] in [-1, 1]."""
        logits, palette = self.choice(features).float(), self.palette(condition)
        chosen = functional.one_hot(logits.argmax(dim=1), self.colours + 1).movedim(-1, 1).to(logits.dtype)
        if self.training:
            soft = logits.softmax(dim=1)
            chosen = soft + self.hardness * (chosen - soft).detach()
        elif torch.is_grad_enabled():
            # The exact choice with the same gradient: latents are looked for by it (src/play/latents.py).
            soft = logits.softmax(dim=1)
            chosen = chosen + (soft - soft.detach())
        # What each index looks like: transparent black, then the colours at full alpha.
        opaque = functional.pad(palette, (0, 1), value=1.0)
        entries = functional.pad(opaque, (0, 0, 1, 0), value=-1.0)
        # In full precision also under autocast: a colour rounded to bf16 would no longer be the palette's.
        with torch.autocast(features.device.type, enabled=False):
            portraits = torch.einsum("nkhw,nkc->nchw", chosen, entries)
        return portraits.contiguous(memory_format=torch.channels_last)
