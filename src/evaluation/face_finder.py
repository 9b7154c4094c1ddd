"""A small network that finds eyes and mouths, pixel by pixel, and says whether a portrait has two eyes and a mouth.

A U-Net (Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation", 2015) of half resolution
from the first layer on. It learns on portraits whose record says where their eyes are (`face_truth`), and never sees
those that it is measured by.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from src.device import Precision
from src.evaluation.face_truth import EYE, MOUTH, NOTHING, PaintedFaces
from src.evaluation.teaching import maybe_mirrored, minimise, passes, seeded, some, to_unit

CLASSES = 3
CHANNELS = (24, 40, 56)
"""At half, a quarter and an eighth of the resolution."""

STEPS, BATCH_SIZE = 420, 32
CROP = 40
"""Side of the pieces that it learns on, a multiple of 8: two fifths of the work, and where a face lies says less."""

LEARNING_RATE, WEIGHT_DECAY = 4e-3, 0.02
ERASED_SHARE = 0.2
"""Of the portraits that it learns on lose their eyes and mouth, so that it looks for these, not for where they belong:
brows and lids stay."""

PART_WEIGHTS = (1.0, 4.0, 8.0)
"""In the loss, of a pixel of neither, of an eye and of a mouth; the first are hundreds of times as many."""

LEAST_EYE, MOST_EYE = 3, 40
LEAST_MOUTH = 3
"""Pixels of what counts as an eye or a mouth."""

EYES_APART, EYES_LEVEL = (5, 16), 3
"""Columns from one eye's middle to the other's, least and most, and rows, at most."""


def _layer(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class FaceNetwork(nn.Module):
    """Portraits to logits of every pixel.

    Args:
        image_channels: 4 for RGBA.
    """

    def __init__(self, image_channels: int = 4) -> None:
        super().__init__()
        fine, middle, coarse = CHANNELS
        self.fine = nn.Sequential(nn.PixelUnshuffle(2), _layer(4 * image_channels, fine), _layer(fine, fine))
        self.middle = nn.Sequential(_layer(fine, middle, 2), _layer(middle, middle))
        self.coarse = nn.Sequential(_layer(middle, coarse, 2), _layer(coarse, coarse))
        self.up_middle = _layer(coarse + middle, middle)
        self.up_fine = _layer(middle + fine, fine)
        self.head = nn.Sequential(nn.Conv2d(fine, 4 * CLASSES, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, images: Tensor) -> Tensor:
        """[N, C, H, W] in [0, 1] -> logits [N, CLASSES, H, W]; sides multiples of 8."""
        fine = self.fine(images * 2 - 1)
        middle = self.middle(fine)
        up = functional.interpolate(self.coarse(middle), scale_factor=2.0)
        up = self.up_middle(torch.cat([up, middle], dim=1))
        up = functional.interpolate(up, scale_factor=2.0)
        return self.head(self.up_fine(torch.cat([up, fine], dim=1)))


class FaceFinder:
    """A trained `FaceNetwork`, for numpy images uint8 [N, H, W, 4]. Answers are those of fp32 (of TF32, on
    cards that have it), whatever the batch."""

    def __init__(self, network: FaceNetwork, device: torch.device) -> None:
        self.network = network.to(device).eval()
        self.device = device

    @torch.no_grad()
    def parts(self, images: np.ndarray) -> np.ndarray:
        """What each pixel belongs to: uint8 [N, H, W] of `NOTHING`, `EYE`, `MOUTH`."""
        batches = torch.from_numpy(np.ascontiguousarray(images)).split(BATCH_SIZE)
        found = [self.network(to_unit(batch.to(self.device))).argmax(dim=1) for batch in batches]
        return torch.cat(found).to(torch.uint8).cpu().numpy()


def train_face_finder(faces: PaintedFaces, seed: int = 0, steps: int = STEPS) -> FaceFinder:
    """Train on portraits whose eyes and mouths are known, mirrored and cut out at random.

    The same arguments give the same finder on one machine; torch's own random state is left as it was.

    Args:
        faces: at least one.
        seed: of the weights, the order and the augmentation.
        steps: how long to train.
    """
    with seeded(seed) as device:
        network = FaceNetwork(faces.portraits.shape[-1]).to(device, memory_format=torch.channels_last)
        precision = Precision(device)
        losses = _losses(network, faces, steps, precision)
        minimise(network, losses, steps, precision, LEARNING_RATE, WEIGHT_DECAY)
    return FaceFinder(network, device)


def _losses(network: FaceNetwork, faces: PaintedFaces, steps: int, precision: Precision) -> Iterator[Tensor]:
    device = precision.device
    # The truth travels as a fifth channel, so that it is mirrored and cut with its portrait.
    both = np.concatenate([faces.portraits, faces.parts[..., None]], axis=-1)
    pixels = torch.from_numpy(both).to(device)
    weights = torch.tensor(PART_WEIGHTS, device=device)
    for chosen in passes(len(pixels), steps * BATCH_SIZE).to(device).split(BATCH_SIZE):
        batch = _crop(maybe_mirrored(pixels[chosen].permute(0, 3, 1, 2).float()))
        images, truth = _some_erased(batch[:, :-1] / 255, batch[:, -1].long())
        with precision.autocast():
            logits = network(images.contiguous(memory_format=torch.channels_last))
        yield functional.cross_entropy(logits.float(), truth, weights)


def _some_erased(images: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Fill the eyes and mouth of some portraits with the mean colour around them.

    Args:
        images: float [N, C, H, W].
        truth: int64 [N, H, W].
    """
    marked = (truth != NOTHING)[:, None].float()
    around = functional.max_pool2d(marked, 3, stride=1, padding=1) - marked
    colour = (images * around).sum(dim=(2, 3), keepdim=True) / around.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    erased = some(len(images), ERASED_SHARE, images.device)
    images = torch.where(erased & (marked > 0), colour, images)
    return images, torch.where(erased[:, 0], NOTHING, truth)


def _crop(images: Tensor) -> Tensor:
    """A piece of each portrait, at random: [N, C, H, W] -> [N, C, CROP, CROP]."""
    count, _, height, width = images.shape
    device = images.device
    rows = (
        torch.randint(0, height - CROP + 1, (count, 1, 1), device=device) + torch.arange(CROP, device=device)[:, None]
    )
    columns = torch.randint(0, width - CROP + 1, (count, 1, 1), device=device) + torch.arange(CROP, device=device)
    sample = torch.arange(count, device=device)[:, None, None]
    return images.permute(0, 2, 3, 1)[sample, rows, columns].permute(0, 3, 1, 2)


def have_two_eyes(parts: np.ndarray) -> np.ndarray:
    """Whether two eyes are seen side by side, bool [N].

    Args:
        parts: uint8 [N, H, W] of `NOTHING`, `EYE`, `MOUTH`.
    """
    return np.array([_side_by_side(_middles(portrait == EYE, LEAST_EYE, MOST_EYE)) for portrait in parts], bool)


def have_mouth(parts: np.ndarray) -> np.ndarray:
    """Whether a mouth is seen, bool [N]; `parts` as for `have_two_eyes`."""
    return np.array([len(_middles(portrait == MOUTH, LEAST_MOUTH, portrait.size)) > 0 for portrait in parts], bool)


def _middles(mask: np.ndarray, least: int, most: int) -> np.ndarray:
    """Row and column of the middle of each component of `least` to `most` pixels, corners connecting: float [K, 2]."""
    from scipy.ndimage import center_of_mass, label

    components, count = label(mask, np.ones((3, 3)))
    sizes = np.bincount(components.ravel(), minlength=count + 1)[1:]
    chosen = np.flatnonzero((sizes >= least) & (sizes <= most)) + 1
    return np.array(center_of_mass(mask, components, chosen)).reshape(-1, 2)


def _side_by_side(middles: np.ndarray) -> bool:
    down, across = np.abs(middles[:, None] - middles[None]).transpose(2, 0, 1)
    return bool(((down <= EYES_LEVEL) & (across >= EYES_APART[0]) & (across <= EYES_APART[1])).any())
