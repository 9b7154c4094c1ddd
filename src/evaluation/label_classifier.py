"""A small network that classifies a portrait by its labels: whether samples have those requested is measured by it.

It is trained on some hundreds or thousands of silhouettes and classifies others, so what could be memorised is varied:
portraits shift by whole pixels, and some change all their colours. Who a hero is does not hang on colours; what does,
can still be learned from the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from src.device import Precision, pick_device
from src.errors import InputError
from src.evaluation.kept_networks import kept_path, read_network, write_network
from src.evaluation.label_network import LabelNetwork
from src.evaluation.teaching import minimise, passes, seeded, some, to_unit
from src.labels import LabelSpecification

COLOUR_ATTRIBUTES = ("palette",)
"""Attributes that recolouring changes: they learn from the portraits that kept their colours."""

BATCH_SIZE = 64
IMAGES_SEEN, EPOCHS = 60_000, 40
"""How long it is trained: forty epochs, of more than 1,500 portraits fewer; a minute or two of one core, once a data
set."""

LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.05
LABEL_SMOOTHING = 0.05
VERSION = "2"
"""Of the network and its training: a kept network of another version is trained anew."""

SHIFT = 1 / 16  # of the side
RECOLOURED_SHARE = 0.3


class LabelClassifier:
    """A trained `LabelNetwork`, for numpy images uint8 [N, H, W, 4]. Answers are those of fp32 (of TF32,
    on cards that have it), whatever the batch.

    Args:
        network: on any device; it is moved.
        specification: the attributes it classifies by.
    """

    def __init__(self, network: LabelNetwork, specification: LabelSpecification) -> None:
        self.device = pick_device()
        self.network = network.to(self.device, memory_format=torch.channels_last).eval()
        self.specification = specification

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The most likely class of each attribute, int64 [N, A]."""
        return np.stack([rows.argmax(axis=1) for rows in self.probabilities(images)], axis=1)

    @torch.no_grad()
    def probabilities(self, images: np.ndarray) -> list[np.ndarray]:
        """Of the classes of each attribute, float32 [N, classes]."""
        batches = [self.network(batch) for batch in self._batches(images)]
        return [torch.cat(logits).float().softmax(dim=1).cpu().numpy() for logits in zip(*batches, strict=True)]

    @torch.no_grad()
    def features(self, images: np.ndarray) -> np.ndarray:
        """The layer before the heads, float32 [N, D]: portraits as someone sees them who looks for labels."""
        return torch.cat([self.network.features(batch) for batch in self._batches(images)]).float().cpu().numpy()

    def _batches(self, images: np.ndarray) -> list[Tensor]:
        batches = torch.from_numpy(np.ascontiguousarray(images)).split(BATCH_SIZE)
        return [to_unit(batch.to(self.device)) for batch in batches]


def train_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    specification: LabelSpecification,
    seed: int = 0,
    images_seen: int | None = None,
) -> LabelClassifier:
    """Train on portraits whose labels are known.

    The same arguments give the same classifier on one machine; torch's own random state is left as it was.

    Args:
        images: uint8 [N, H, W, 4], binary alpha; sides even.
        labels: int64 [N, A].
        specification: the attributes behind the columns of `labels`.
        seed: of the weights, the order and the augmentation.
        images_seen: how long to train; None is `EPOCHS`, at most `IMAGES_SEEN` images.

    Raises:
        InputError: nothing to learn from, or no attribute to learn.
    """
    if not specification.names:
        raise InputError("this data set has no attributes; there is nothing for a classifier to learn")
    if not len(images):
        raise InputError("there are no portraits to train the classifier on")
    steps = max(1, (images_seen or _length(images)) // BATCH_SIZE)
    with seeded(seed) as device:
        network = _build(images, specification).to(device, memory_format=torch.channels_last)
        precision = Precision(device)
        losses = _losses(network, images, labels, specification.names, steps, precision)
        minimise(network, losses, steps, precision, LEARNING_RATE, WEIGHT_DECAY)
    return LabelClassifier(network, specification)


def kept_classifier(
    data: Path,
    fingerprint: str,
    images: np.ndarray,
    labels: np.ndarray,
    specification: LabelSpecification,
    seed: int = 0,
    log: Callable[[str], None] = print,
) -> LabelClassifier:
    """The classifier of a data folder: trained once for a fingerprint and a seed, then read from the folder.

    Args:
        data: the folder; a damaged file there, or one of another version, is replaced.
        fingerprint: of the data set.
        images, labels, specification, seed: as for `train_classifier`.
        log: gets a line when a classifier is trained.
    """
    path, network = kept_path(data, "label_classifier", fingerprint, seed), _build(images, specification)
    version = f"{VERSION}, {_length(images)} images"
    if read_network(path, network, version) is not None:
        return LabelClassifier(network, specification)
    log(f"training the label classifier on {len(images):,} portraits")
    classifier = train_classifier(images, labels, specification, seed)
    write_network(path, classifier.network, version, log)
    return classifier


def _length(images: np.ndarray) -> int:
    return min(IMAGES_SEEN, EPOCHS * len(images))


def _build(images: np.ndarray, specification: LabelSpecification) -> LabelNetwork:
    return LabelNetwork(images.shape[-1], specification.sizes)


def _losses(
    network: LabelNetwork,
    images: np.ndarray,
    labels: np.ndarray,
    names: tuple[str, ...],
    steps: int,
    precision: Precision,
) -> Iterator[Tensor]:
    device = precision.device
    pixels, targets = torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
    for chosen in passes(len(images), steps * BATCH_SIZE).to(device).split(BATCH_SIZE):
        batch = shift(to_unit(pixels[chosen]))
        changed = some(len(batch), RECOLOURED_SHARE, device)
        batch = torch.where(changed, recolour(batch), batch)
        with precision.autocast():
            logits = network(batch.contiguous(memory_format=torch.channels_last))
        loss = torch.zeros((), device=device)
        for column, name in enumerate(names):
            losses = functional.cross_entropy(
                logits[column].float(), targets[chosen, column], label_smoothing=LABEL_SMOOTHING, reduction="none"
            )
            counts = (~changed).flatten() if name in COLOUR_ATTRIBUTES else torch.ones_like(changed).flatten()
            loss = loss + (losses * counts).sum() / counts.sum().clamp(min=1)
        yield loss


def shift(images: Tensor) -> Tensor:
    """Move each portrait [N, C, H, W] by whole pixels, up to a sixteenth of the side; what comes in is transparent."""
    count, _, height, width = images.shape
    reach = max(1, round(height * SHIFT))
    offsets = torch.randint(0, 2 * reach + 1, (2, count, 1), device=images.device)
    padded = functional.pad(images, (reach, reach, reach, reach))
    rows = torch.arange(height, device=images.device) + offsets[0]
    columns = torch.arange(width, device=images.device) + offsets[1]
    sample = torch.arange(count, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def recolour(images: Tensor) -> Tensor:
    """Mix the colour channels of each portrait [N, 4, H, W] in [0, 1] at random and bend them; flat areas stay flat,
    alpha stays."""
    count, device = len(images), images.device
    mixing = torch.rand(count, 3, 3, device=device) * 1.6 - 0.3
    mixing = mixing / mixing.sum(dim=2, keepdim=True).clamp(min=0.3)
    exponent = torch.exp(0.4 * torch.randn(count, 3, 1, 1, device=device))
    colours = torch.einsum("nij,njhw->nihw", mixing, images[:, :3]).clamp(1e-4, 1) ** exponent
    return torch.cat([colours * images[:, 3:], images[:, 3:]], dim=1)
