"""A portrait in two parts, each in codes: its palette, and a drawing that names an entry of the palette at every pixel.

Whatever codes are decoded, the result is pixel art: at most K exact colours, and a pixel is there or is not. The
colour of a pixel is learned as a mixture of the palette's colours, not as a number that may lie between them: a
doubtful pixel takes one of the colours at hand, where other autoencoders blend all that were possible, which is what
blurs their edges. The palette's codes alone decide the colours, so another palette recolours the very same drawing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.models.finite_scalar_quantiser import FiniteScalarQuantiser
from src.models.norm_free import SLOPE, ResidualBlock

# The drawing has one code for every 4x4 pixels.
PATCH = 4
# Width of the dense layers about the palette.
HIDDEN = 256
# Features of a pixel from which its entry is chosen.
PIXEL_FEATURES = 32


class PortraitEncoder(nn.Module):
    """Portraits to P vectors for the palette and one for every patch of the drawing.

    Args:
        channels: of the portraits.
        width: channels at a quarter of the side.
        blocks: residual blocks there.
        palette_codes: P.
        palette_dim: numbers in a vector of the palette.
        drawing_dim: D, numbers in a vector of the drawing.
    """

    def __init__(
        self, channels: int, width: int, blocks: int, palette_codes: int, palette_dim: int, drawing_dim: int
    ) -> None:
        super().__init__()
        # Every patch is read with a margin of two pixels.
        self.patches = nn.Conv2d(channels, width, 2 * PATCH, stride=PATCH, padding=PATCH // 2)
        self.blocks = nn.Sequential(*[ResidualBlock(width, blocks) for _ in range(blocks)])
        # Every number of every vector differs from portrait to portrait by as much as a code can tell. Left alone, all
        # vectors once drifted beyond the quantiser's last level, and every portrait had the same codes.
        self.to_drawing = nn.Sequential(nn.Conv2d(width, drawing_dim, 1), nn.BatchNorm2d(drawing_dim, affine=False))
        self.to_palette = nn.Sequential(
            nn.Linear(2 * width, HIDDEN),
            nn.LeakyReLU(SLOPE),
            nn.Linear(HIDDEN, palette_codes * palette_dim),
            nn.BatchNorm1d(palette_codes * palette_dim, affine=False),
            nn.Unflatten(1, (palette_codes, palette_dim)),
        )

    def forward(self, portraits: Tensor) -> tuple[Tensor, Tensor]:
        """[N, C, H, W] in [-1, 1] -> palette vectors [N, P, palette_dim], drawing vectors [N, H/4, W/4, D]."""
        features = functional.leaky_relu(self.blocks(self.patches(portraits)), SLOPE)
        # What the portrait is made of on the whole, and what occurs in it at all, however seldom.
        summary = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        return self.to_palette(summary), self.to_drawing(features).permute(0, 2, 3, 1)


class PaletteDecoder(nn.Module):
    """P vectors to K colours.

    Args:
        codes: P, how many vectors.
        dim: numbers a vector.
        colours: K.
    """

    def __init__(self, codes: int, dim: int, colours: int) -> None:
        super().__init__()
        last = nn.Linear(HIDDEN, 3 * colours)
        # Colours begin spread over the whole cube: one that begins among others is never the nearest, and never learns.
        nn.init.uniform_(last.bias, -1.0, 1.0)
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(codes * dim, HIDDEN),
            nn.LeakyReLU(SLOPE),
            nn.Linear(HIDDEN, HIDDEN),
            nn.LeakyReLU(SLOPE),
            last,
            nn.Tanh(),
            nn.Unflatten(1, (colours, 3)),
        )

    def forward(self, vectors: Tensor) -> Tensor:
        """[N, P, dim] -> colours [N, K, 3] in [-1, 1]."""
        return self.layers(vectors)


class DrawingDecoder(nn.Module):
    """A vector for every patch to the likelihood of every entry at every pixel.

    Args:
        entries: K + 1, the colours and "nothing here".
        width: channels at a quarter of the side.
        blocks: residual blocks there.
        dim: D, numbers a vector.
    """

    def __init__(self, entries: int, width: int, blocks: int, dim: int) -> None:
        super().__init__()
        self.from_vectors = nn.Conv2d(dim, width, 3, padding=1)
        self.blocks = nn.Sequential(*[ResidualBlock(width, blocks) for _ in range(blocks)])
        self.to_pixels = nn.Conv2d(width, PATCH**2 * PIXEL_FEATURES, 1)
        self.pixels = ResidualBlock(PIXEL_FEATURES, 1)
        self.to_logits = nn.Conv2d(PIXEL_FEATURES, entries, 1)

    def forward(self, vectors: Tensor) -> Tensor:
        """[N, H/4, W/4, D] -> logits [N, K + 1, H, W]; entry 0 is "nothing here"."""
        features = self.blocks(self.from_vectors(vectors.permute(0, 3, 1, 2)))
        pixels = functional.pixel_shuffle(functional.leaky_relu(self.to_pixels(features), SLOPE), PATCH)
        return self.to_logits(functional.leaky_relu(self.pixels(pixels), SLOPE))


class PaletteAutoencoder(nn.Module):
    """Palette and drawing, to codes and back.

    A portrait's codes stand in one row, int64 [N, P + H/4 * W/4]: those of its palette, then those of its drawing, top
    left to bottom right. Codes of drawings are counted on from those of palettes, so that no number means two things.

    Args:
        channels: of the portraits, 4.
        size: their side, a multiple of 4.
        colours: K, the most colours of one portrait.
        palette_codes: P.
        palette_levels: levels of a palette's codes (`FiniteScalarQuantiser`).
        drawing_levels: levels of a drawing's codes.
        width: channels at a quarter of the side.
        blocks: residual blocks there, in the encoder and in the decoder.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        colours: int,
        palette_codes: int,
        palette_levels: Sequence[int],
        drawing_levels: Sequence[int],
        width: int,
        blocks: int,
    ) -> None:
        super().__init__()
        self.side = size // PATCH
        self.palette_codes = palette_codes
        palette_dim, drawing_dim = len(palette_levels), len(drawing_levels)
        self.palette_quantiser = FiniteScalarQuantiser(palette_levels)
        self.drawing_quantiser = FiniteScalarQuantiser(drawing_levels)
        self.encoder = PortraitEncoder(channels, width, blocks, palette_codes, palette_dim, drawing_dim)
        self.palette_decoder = PaletteDecoder(palette_codes, palette_dim, colours)
        self.drawing_decoder = DrawingDecoder(colours + 1, width, blocks, drawing_dim)

    @property
    def code_count(self) -> int:
        """How many codes there are, of both kinds."""
        return self.palette_quantiser.code_count + self.drawing_quantiser.code_count

    @property
    def positions(self) -> int:
        """How many codes a portrait has."""
        return self.palette_codes + self.side**2

    def forward(self, portraits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Through the codes and back, with gradients.

        Returns:
            Logits of the drawing's entries [N, K + 1, H, W], colours [N, K, 3] in [-1, 1], codes int64 [N, positions].
        """
        palette_vectors, drawing_vectors = self.encoder(portraits)
        palette_vectors, palette_codes = self.palette_quantiser(palette_vectors.float())
        drawing_vectors, drawing_codes = self.drawing_quantiser(drawing_vectors.float())
        codes = torch.cat([palette_codes, drawing_codes.flatten(1) + self.palette_quantiser.code_count], dim=1)
        return self.drawing_decoder(drawing_vectors), self.palette_decoder(palette_vectors), codes

    def decode(self, codes: Tensor) -> Tensor:
        """Codes int64 [N, positions] -> portraits [N, 4, H, W] in [-1, 1]: at most K colours, alpha -1 or 1."""
        logits, palettes, _ = self.expand(codes)
        return paint(logits.argmax(dim=1), palettes)

    def expand(self, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Codes int64 [N, positions] to all that they say.

        Returns:
            Logits of the drawing's entries [N, K + 1, H, W], colours [N, K, 3] in [-1, 1], vectors of the drawing
            [N, H/4, W/4, D].
        """
        # A code of the wrong kind, which an unpractised prior may write, stands for the nearest of the right kind.
        palette_codes = codes[:, : self.palette_codes].clamp(max=self.palette_quantiser.code_count - 1)
        drawing_codes = (codes[:, self.palette_codes :] - self.palette_quantiser.code_count).clamp(min=0)
        palettes = self.palette_decoder(self.palette_quantiser.lookup(palette_codes))
        vectors = self.drawing_quantiser.lookup(drawing_codes).unflatten(1, (self.side, self.side))
        return self.drawing_decoder(vectors), palettes, vectors


def mixture_loss(logits: Tensor, palettes: Tensor, portraits: Tensor, sigma: float) -> Tensor:
    """Negative log-likelihood of portraits, in nats a pixel, up to the constant of the normal distribution.

    A pixel is transparent with the probability of entry 0; else its colour comes from one of K normal distributions
    of deviation sigma about the palette's colours, with the probabilities of the other entries (Bishop, 1994, mixture
    density networks). Colours and drawing learn together: a colour moves towards the pixels that the drawing gives to
    it, and the drawing gives a pixel to the colours that are near.

    Args:
        logits: [N, K + 1, H, W].
        palettes: [N, K, 3] in [-1, 1].
        portraits: [N, 4, H, W] in [-1, 1].
        sigma: in units of a colour's scale, which is 2 long.
    """
    entries = logits.float().flatten(2).log_softmax(dim=1).transpose(1, 2)
    colours = portraits[:, :3].flatten(2).transpose(1, 2).float()
    distances = torch.cdist(colours, palettes.float()).square()
    opaque = torch.logsumexp(entries[..., 1:] - distances / (2 * sigma**2), dim=2)
    return -torch.where(portraits[:, 3].flatten(1) > 0, opaque, entries[..., 0]).mean()


def paint(drawings: Tensor, palettes: Tensor) -> Tensor:
    """Drawings int64 [N, H, W] of entries 0 to K and palettes [N, K, 3] in [-1, 1] -> portraits [N, 4, H, W]."""
    opaque = functional.pad(palettes.float(), (0, 1), value=1.0)
    entries = functional.pad(opaque, (0, 0, 1, 0), value=-1.0)
    pixels = entries.gather(1, drawings.flatten(1)[:, :, None].expand(-1, -1, 4))
    return pixels.transpose(1, 2).unflatten(2, drawings.shape[1:])
