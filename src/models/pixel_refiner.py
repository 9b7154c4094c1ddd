"""The pixels of a drawing, written in sixteen turns: each turn knows the codes and all pixels written before.

A code stands for 16 pixels and cannot tell all of them apart; the likeliest entry at every pixel, each chosen for
itself, leaves out what is small and uncertain: eyes above all. Here a pixel is drawn, not averaged, and the next ones
see what was drawn: once the corner of an eye is there, the rest of the eye is likely.

p(drawing | codes) = product over turns t of the product over pixels i of turn t of p(pixel i | pixels of turns before
t, codes), as in the multiscale PixelCNN of Reed et al. (2017): the pixels of one turn stand four apart and are taken to
be independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.models.choosing import Choices, choose
from src.models.conditioning import AttributeEmbedding
from src.models.norm_free import SLOPE, ResidualBlock
from src.models.palette_autoencoder import paint

# Features of a pixel: of the draft, as they enter; and those from which its entry is chosen.
DRAFT_FEATURES = 12
PIXEL_FEATURES = 48
# Log-probabilities below this are all the same to the network.
LEAST_LOG_PROBABILITY = -8.0

ORDER = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))
"""The turn of every pixel of a 4x4 block: the matrix of ordered dithering (Bayer, 1973), which spreads the first
pixels of any number as evenly as can be."""
TURNS = 16


def turns_of_pixels(size: int, device: torch.device | None = None) -> Tensor:
    """The turn in which each pixel is written, int64 [size, size]; `size` is a multiple of 4."""
    return torch.tensor(ORDER, device=device).repeat(size // 4, size // 4)


def nearest_entries(portraits: Tensor, palettes: Tensor) -> Tensor:
    """Portraits [N, 4, H, W] and palettes [N, K, 3], all in [-1, 1] -> drawings int64 [N, H, W].

    An opaque pixel has the entry of the palette's nearest colour, 1 to K, a transparent one has 0.
    """
    colours = portraits[:, :3].flatten(2).transpose(1, 2).float()
    nearest = torch.cdist(colours, palettes.float()).argmin(dim=2) + 1
    return torch.where(portraits[:, 3] > 0, nearest.unflatten(1, portraits.shape[2:]), 0)


class PixelRefiner(nn.Module):
    """What the codes say, and the pixels written so far, to the likelihood of every entry at every pixel.

    It works at half the side, on patches of 2x2 pixels, after a look at a quarter of the side, where a few blocks see
    the whole figure. It begins as the draft: the last layers are zero.

    Args:
        entries: K + 1, the colours and "nothing here".
        vector_dim: D, numbers in a vector of the drawing.
        class_counts: the number of classes of each attribute.
        width: channels at half the side; twice as many at a quarter.
        blocks: residual blocks at half the side, and two at a quarter.
    """

    def __init__(self, entries: int, vector_dim: int, class_counts: Sequence[int], width: int, blocks: int) -> None:
        super().__init__()
        depth = blocks + 2
        self.draft = nn.Conv2d(entries, DRAFT_FEATURES, 1)
        # The draft, its colours, the colours written so far, and where they are.
        self.first = nn.Conv2d(4 * (DRAFT_FEATURES + 4 + 4 + 1), width, 3, padding=1)
        self.down = nn.Conv2d(4 * width, 2 * width, 1)
        self.vectors = nn.Conv2d(vector_dim, 2 * width, 3, padding=1)
        self.wide_blocks = nn.ModuleList([ResidualBlock(2 * width, depth, width) for _ in range(2)])
        self.up = nn.Conv2d(2 * width, width, 1)
        self.blocks = nn.ModuleList([ResidualBlock(width, depth, width) for _ in range(blocks)])
        self.to_pixels = nn.Conv2d(width, 4 * PIXEL_FEATURES, 1)
        self.turns = nn.Embedding(TURNS, width)
        self.labels = AttributeEmbedding(class_counts, width)
        # An entry is known by its place in the palette, and by its colour.
        self.by_place = nn.Conv2d(PIXEL_FEATURES, entries, 1)
        self.by_colour = nn.Sequential(nn.Linear(3, 64), nn.LeakyReLU(SLOPE), nn.Linear(64, PIXEL_FEATURES))
        for layer in (self.by_place, self.by_colour[-1]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, draft: Tensor, palettes: Tensor, vectors: Tensor, drawings: Tensor, turns: Tensor, labels: Tensor
    ) -> Tensor:
        """Logits [N, K + 1, H, W] of the entries at all pixels.

        Args:
            draft: logits of the autoencoder [N, K + 1, H, W].
            palettes: [N, K, 3] in [-1, 1].
            vectors: of the drawing's codes [N, H/4, W/4, D].
            drawings: entries int64 [N, H, W]; those of the turns to come are not looked at.
            turns: int64 [N], 0 to 15, the turn that is to be written.
            labels: int64 [N, A].
        """
        known = (turns_of_pixels(draft.shape[-1], draft.device) < turns[:, None, None])[:, None].to(draft)
        chances = draft.log_softmax(dim=1).clamp(min=LEAST_LOG_PROBABILITY) / -LEAST_LOG_PROBABILITY
        pixels = [self.draft(chances), paint(draft.argmax(dim=1), palettes), paint(drawings, palettes) * known, known]
        condition = self.turns(turns) + self.labels(labels)
        features = self.first(functional.pixel_unshuffle(torch.cat(pixels, dim=1), 2))
        whole = self.down(functional.pixel_unshuffle(features, 2)) + self.vectors(vectors.permute(0, 3, 1, 2))
        for block in self.wide_blocks:
            whole = block(whole, condition)
        features = features + functional.interpolate(self.up(whole), scale_factor=2, mode="nearest")
        for block in self.blocks:
            features = block(features, condition)
        features = functional.pixel_shuffle(self.to_pixels(functional.leaky_relu(features, SLOPE)), 2)
        # "Nothing here" has no colour.
        colours = functional.pad(self.by_colour(palettes), (0, 0, 1, 0))
        by_colour = torch.einsum("nfhw,nkf->nkhw", features, colours) / math.sqrt(PIXEL_FEATURES)
        return draft + self.by_place(features) + by_colour

    @torch.no_grad()
    def write(
        self,
        draft: Tensor,
        palettes: Tensor,
        vectors: Tensor,
        uniforms: Tensor,
        labels: Tensor,
        before: Choices | None = None,
        keep: float = 0.0,
    ) -> Choices:
        """Drawings [N, H, W], turn by turn; uniforms [N, H, W] in [0, 1] choose, the likeliest entries first.

        Args as in `forward`, and:
            before: a drawing [N, H, W] of other codes or labels, whose entries stay where they fit (`choose`).
            keep: how readily they stay, in nats.
        """
        order = turns_of_pixels(draft.shape[-1], draft.device)
        drawings = torch.zeros_like(uniforms, dtype=torch.int64)
        log_probabilities = torch.zeros_like(uniforms, dtype=torch.float32)
        for turn in range(TURNS):
            now = order == turn
            turns = torch.full((len(draft),), turn, device=draft.device)
            logits = self(draft, palettes, vectors, drawings, turns, labels).permute(0, 2, 3, 1)[:, now]
            # Every pixel of the turn is a choice of its own.
            earlier = before and Choices(*(each[:, now].flatten() for each in before))
            chosen = choose(logits.flatten(0, 1), uniforms[:, now].flatten(), earlier, keep)
            drawings[:, now] = chosen.classes.unflatten(0, (len(draft), -1))
            log_probabilities[:, now] = chosen.log_probabilities.unflatten(0, (len(draft), -1))
        return Choices(drawings, log_probabilities)


def refiner_loss(logits: Tensor, drawings: Tensor, turns: Tensor) -> Tensor:
    """Cross-entropy of the pixels that are not yet written, in nats a pixel, every portrait weighing the same.

    All pixels to come are asked for, not only those of the turn: as many times the signal from the same work. Each is
    told what is known at its own turn or earlier, so the loss is no less than that of writing.

    Args:
        logits: [N, K + 1, H, W].
        drawings: int64 [N, H, W].
        turns: int64 [N].
    """
    to_come = (turns_of_pixels(drawings.shape[-1], drawings.device) >= turns[:, None, None]).float()
    losses = functional.cross_entropy(logits.float(), drawings, reduction="none")
    return ((losses * to_come).sum(dim=(1, 2)) / to_come.sum(dim=(1, 2))).mean()
