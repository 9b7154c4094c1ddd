"""DiffAugment (Zhao et al., 2020): differentiable changes of one distribution to reals and fakes, before D.

An augmentation must not leak: G would draw changed portraits, and D could not tell. It does not leak if the
distribution of changed portraits determines that of the portraits, that is, if the change of distributions is
invertible (Karras et al., 2020, section 2.2). Every kind therefore leaves a sample as it is with a probability of at
least 0.2, and the identity is one of its own outcomes: mirroring with a probability of one half would make left and
right one.

Drawn for every sample by itself. All kinds keep the pixel grid: shifts are whole pixels, nothing is interpolated.
Portraits are [N, 4, H, W] in [-1, 1], RGBA with colours premultiplied by alpha, so that -1 everywhere is transparent.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from src.errors import InputError

TRANSPARENT = -1.0
SHIFT = 1 / 8  # of the side
CUTOUT = 3 / 8  # of the side; the paper's half hides a bust's whole face

LARGEST_PROBABILITY = 0.8
"""Of each kind; above it augmentations leak in practice (Karras et al., 2020, appendix C)."""


def mirror(images: Tensor, chosen: Tensor) -> Tensor:
    """Mirror the chosen samples left to right."""
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


def flip(images: Tensor, chosen: Tensor) -> Tensor:
    """Mirror half of the chosen samples, drawn at random: at most 0.4 of all, so left and right stay apart."""
    return mirror(images, chosen & (torch.rand(len(images), device=images.device) < 0.5))


def translation(images: Tensor, chosen: Tensor) -> Tensor:
    """Shift the chosen samples by up to an eighth of the side both ways; what comes in is transparent."""
    count, _, height, _ = images.shape
    max_shift = max(1, round(height * SHIFT))
    up, left = torch.randint(-max_shift, max_shift + 1, (2, count, 1), device=images.device) * chosen[None, :, None]
    return shifted(images, up, left)


def shifted(images: Tensor, up: Tensor, left: Tensor) -> Tensor:
    """Samples [N, C, H, W] moved by int64 [N, 1] pixels up and to the left; what comes in is transparent."""
    _, channels, height, width = images.shape
    # A frame of one transparent pixel to clamp to: whatever is shifted in comes from there.
    padded = functional.pad(images, (1, 1, 1, 1), value=TRANSPARENT)
    rows = (torch.arange(1, height + 1, device=images.device) + up).clamp(0, height + 1)
    columns = (torch.arange(1, width + 1, device=images.device) + left).clamp(0, width + 1)
    moved = padded.gather(2, rows[:, None, :, None].expand(-1, channels, -1, width + 2))
    return moved.gather(3, columns[:, None, None, :].expand(-1, channels, height, -1))


def cutout(images: Tensor, chosen: Tensor) -> Tensor:
    """Make a square transparent in the chosen samples; its centre lies anywhere in the portrait."""
    count, _, height, width = images.shape
    half_side = max(1, round(height * CUTOUT)) / 2
    row, column = torch.rand(2, count, 1, device=images.device)
    in_rows = (torch.arange(height, device=images.device) + 0.5 - row * height).abs() < half_side
    in_columns = (torch.arange(width, device=images.device) + 0.5 - column * width).abs() < half_side
    hole = in_rows[:, None, :, None] & in_columns[:, None, None, :] & chosen[:, None, None, None]
    return images.masked_fill(hole, TRANSPARENT)


def colour(images: Tensor, chosen: Tensor) -> Tensor:
    """Change brightness, saturation and contrast of the chosen samples (alpha stays). Conflicts with palette labels."""
    amount = chosen[:, None, None, None].to(images.dtype)
    brightness, saturation, contrast = torch.rand(3, len(images), 1, 1, 1, device=images.device)
    rgb, alpha = images[:, :3], images[:, 3:]
    coverage = (alpha + 1) / 2
    rgb = rgb + amount * (brightness - 0.5) * coverage
    grey = rgb.mean(dim=1, keepdim=True)
    rgb = grey + (rgb - grey) * (1 + amount * (2 * saturation - 1))
    middle = rgb.mean(dim=(1, 2, 3), keepdim=True)
    rgb = rgb + (rgb - middle) * amount * (contrast - 0.5) * coverage
    return torch.cat([rgb, alpha], dim=1)


KINDS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "flip": flip,
    "colour": colour,
    "translation": translation,
    "cutout": cutout,
}


class DiffAugment:
    """The chosen kinds in a fixed order, each applied to a sample with the same probability.

    Args:
        kinds: names joined by commas, of `flip`, `colour`, `translation`, `cutout`; empty for none.
        probability: of each kind, for each sample.

    Raises:
        InputError: an unknown kind, or a probability outside [0, `LARGEST_PROBABILITY`].
    """

    def __init__(self, kinds: str, probability: float) -> None:
        names = [name.strip() for name in kinds.split(",") if name.strip()]
        for name in names:
            if name not in KINDS:
                raise InputError(f"unknown augmentation {name!r}; choose from: {', '.join(KINDS)}")
        if not 0 <= probability <= LARGEST_PROBABILITY:
            raise InputError(
                f"the probability of an augmentation lies between 0 and {LARGEST_PROBABILITY}, not {probability}: "
                "above, augmentations show in the samples"
            )
        self.functions = [function for name, function in KINDS.items() if name in names]
        self.probability = probability

    def __call__(self, images: Tensor, probability: Tensor | None = None) -> Tensor:
        """[N, 4, H, W] -> [N, 4, H, W], differentiable.

        Args:
            probability: a scalar in place of the one given at first, for a recipe that adapts it.
        """
        probability = self.probability if probability is None else probability
        for function in self.functions:
            chosen = torch.rand(len(images), device=images.device) < probability
            images = function(images, chosen)
        return images


def instance_noise(images: Tensor, strength: float) -> Tensor:
    """Gaussian noise on what D sees (Sønderby et al., 2017): early on it keeps D from telling the two sets apart at
    once. `strength` is the standard deviation; 0 leaves the portraits as they are."""
    if strength == 0:
        return images
    return images + strength * torch.randn_like(images)


def saturated(images: Tensor, gain: float) -> Tensor:
    """RGBA portraits whose colours are `gain` times as far from grey; 1 leaves them as they are.

    Differences of chroma are small in RGB beside those of lightness, and a D that spectral normalisation and R1 keep
    smooth overlooks them: muted heroes come out colourful.
    """
    if gain == 1:
        return images
    rgb, alpha = images[:, :3], images[:, 3:]
    grey = rgb.mean(dim=1, keepdim=True)
    return torch.cat([grey + gain * (rgb - grey), alpha], dim=1)
