"""A small network that tells a portrait's labels: the judge of whether samples obey theirs.

A residual network with batch normalisation, of half resolution from the first layer on, with one linear head an
attribute. It is trained on some hundreds or thousands of silhouettes and must judge others, so what could be memorised
is varied: portraits shift by whole pixels, and some change all their colours. Who a hero is does not hang on colours;
what does, can still be learned from the rest.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from src.device import Precision, pick_device
from src.errors import InputError
from src.labels import LabelSpecification

COLOUR_ATTRIBUTES = ("palette",)
"""Attributes that recolouring changes: they learn from the portraits that kept their colours."""

CHANNELS = 32
BATCH_SIZE = 64
IMAGES_SEEN, EPOCHS = 36_000, 6
"""How long it is trained unless told: six epochs, of large sets fewer; well under a minute on two free cores."""

LEARNING_RATE, WARM_UP, WEIGHT_DECAY = 3e-3, 0.1, 0.05
LABEL_SMOOTHING, DROPOUT = 0.05, 0.1
SHIFT = 1 / 16  # of the side
RECOLOURED_SHARE = 0.3


class Block(nn.Module):
    """Two 3x3 convolutions, each after normalisation and ReLU, beside a shortcut."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.norm_1 = nn.BatchNorm2d(channels_in)
        self.conv_1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.norm_2 = nn.BatchNorm2d(channels_out)
        self.conv_2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1, bias=False)
        self.pool = nn.AvgPool2d(stride)

    def forward(self, features: Tensor) -> Tensor:
        """[N, C_in, H, W] -> [N, C_out, H / stride, W / stride]."""
        residual = self.conv_1(functional.relu(self.norm_1(features)))
        residual = self.conv_2(functional.relu(self.norm_2(residual)))
        return self.shortcut(self.pool(features)) + residual


class LabelNetwork(nn.Module):
    """Portraits to one row of logits an attribute.

    Args:
        image_channels: 4 for RGBA.
        class_counts: the number of classes of each attribute.
        channels: at half resolution; four times as many at the end.
    """

    def __init__(self, image_channels: int, class_counts: tuple[int, ...], channels: int = CHANNELS) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * image_channels, channels, 3, padding=1),
            Block(channels, channels, 1),
            Block(channels, 2 * channels, 2),
            Block(2 * channels, 4 * channels, 2),
            Block(4 * channels, 4 * channels, 2),
            nn.BatchNorm2d(4 * channels),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.dropout = nn.Dropout(DROPOUT)
        self.heads = nn.ModuleList(nn.Linear(16 * channels, count) for count in class_counts)

    def features(self, images: Tensor) -> Tensor:
        """[N, C, H, W] in [0, 1] -> [N, 16 * channels]: what each quarter of the portrait shows."""
        return self.body(images * 2 - 1)

    def forward(self, images: Tensor) -> list[Tensor]:
        """[N, C, H, W] in [0, 1] -> logits [N, classes], one an attribute."""
        features = self.dropout(self.features(images))
        return [head(features) for head in self.heads]


class LabelClassifier:
    """A trained `LabelNetwork`, for numpy images uint8 [N, H, W, 4]. Answers are those of fp32, whatever the batch."""

    def __init__(self, network: LabelNetwork, device: torch.device) -> None:
        self.network = network.eval()
        self.device = device

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
        return [_to_unit(batch.to(self.device)) for batch in batches]


def train_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    specification: LabelSpecification,
    seed: int = 0,
    images_seen: int | None = None,
    flips: bool = False,
) -> LabelClassifier:
    """Train on portraits whose labels are known.

    The same arguments give the same classifier on one machine; torch's own random state is left as it was.

    Args:
        images: uint8 [N, H, W, 4], binary alpha; sides even.
        labels: int64 [N, A].
        specification: the attributes behind the columns of `labels`.
        seed: of the weights, the order and the augmentation.
        images_seen: how long to train; None is the usual length.
        flips: mirror half of the portraits; not where an attribute says which way a hero looks.

    Raises:
        InputError: nothing to learn from, or no attribute to learn.
    """
    if not specification.names:
        raise InputError("this data set has no attributes; there is nothing for a classifier to learn")
    if not len(images):
        raise InputError("there are no portraits to train the classifier on")
    length = images_seen or min(IMAGES_SEEN, EPOCHS * len(images))
    device = pick_device()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        network = LabelNetwork(images.shape[-1], specification.sizes)
        network.to(device, memory_format=torch.channels_last)
        _train(network, images, labels, specification.names, length, flips, device)
    return LabelClassifier(network, device)


def _train(
    network: LabelNetwork,
    images: np.ndarray,
    labels: np.ndarray,
    names: tuple[str, ...],
    images_seen: int,
    flips: bool,
    device: torch.device,
) -> None:
    pixels, targets = torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
    precision = Precision(device)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    steps = max(1, images_seen // BATCH_SIZE)
    # A rate that falls to 0 does what averaging the weights would.
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (WARM_UP * steps), (steps - step) / ((1 - WARM_UP) * steps), 1.0)
    )
    order = torch.cat([torch.randperm(len(images)) for _ in range(-(-steps * BATCH_SIZE // len(images)))])
    for chosen in order[: steps * BATCH_SIZE].to(device).split(BATCH_SIZE):
        batch = shift(_to_unit(pixels[chosen]))
        if flips:
            batch = torch.where(_some(len(batch), 0.5, device), batch.flip(3), batch)
        changed = _some(len(batch), RECOLOURED_SHARE, device)
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
        optimizer.zero_grad(set_to_none=True)
        precision.scaler.scale(loss).backward()
        precision.scaler.step(optimizer)
        precision.scaler.update()
        schedule.step()


def _to_unit(images: Tensor) -> Tensor:
    """uint8 [N, H, W, 4] -> float [N, 4, H, W] in [0, 1], channels last in memory."""
    return (images.float() / 255).permute(0, 3, 1, 2)


def _some(count: int, share: float, device: torch.device) -> Tensor:
    """A random choice, bool [N, 1, 1, 1]."""
    return torch.rand(count, 1, 1, 1, device=device) < share


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
