"""Vector quantisation with a codebook that follows the encoder by running averages, not by gradients.

VQ-VAE (van den Oord et al., 2017, appendix A.1); dead codes are revived as in Jukebox (Dhariwal et al., 2020).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# A count so small that the first batch alone decides where the codes are: the mean of those that come, or a revival.
UNSEEN = 1e-6


class VectorQuantiser(nn.Module):
    """A codebook of K vectors; every vector is replaced by the nearest of them.

    A code is the mean of the vectors it stood for, newer ones weighing more: a running sum divided by a running count.
    Averaging sums and counts over time, as the training loop does for the network that draws, gives again such a
    mean, and a revived code takes the place of the dead one at once, whose count is next to nothing.

    Args:
        code_count: K.
        dim: length of a vector.
        decay: share that sums and counts keep at every step.
        dead_share: a code is dead where its count falls below this share of what it would be were all used alike.
    """

    def __init__(self, code_count: int, dim: int, decay: float = 0.99, dead_share: float = 0.05) -> None:
        super().__init__()
        self.code_count = code_count
        self.decay = decay
        self.dead_share = dead_share
        self.register_buffer("counts", torch.full((code_count,), UNSEEN))
        self.register_buffer("sums", UNSEEN * torch.randn(code_count, dim))

    @property
    def codebook(self) -> Tensor:
        """The codes' vectors, [K, D]."""
        return self.sums / self.counts[:, None]

    def nearest(self, vectors: Tensor) -> Tensor:
        """The nearest code of each vector: [..., D] -> int64 [...]."""
        return self._distances(vectors.flatten(0, -2)).argmin(dim=1).view(vectors.shape[:-1])

    def lookup(self, codes: Tensor) -> Tensor:
        """The vectors of codes: int64 [...] -> [..., D]."""
        return nn.functional.embedding(codes, self.codebook)

    @torch.no_grad()
    def learn(self, vectors: Tensor) -> None:
        """Move the codes towards a batch of vectors [..., D]; the dead ones jump to vectors that are served badly."""
        vectors = vectors.flatten(0, -2).float()
        distances, codes = self._distances(vectors).min(dim=1)
        chosen = nn.functional.one_hot(codes, self.code_count).to(vectors)
        self.counts.mul_(self.decay).add_((1 - self.decay) * chosen.sum(dim=0))
        self.sums.mul_(self.decay).add_((1 - self.decay) * (chosen.T @ vectors))
        self._revive(vectors, distances)

    def _revive(self, vectors: Tensor, distances: Tensor) -> None:
        least = self.dead_share * len(vectors) / self.code_count
        dead = self.counts < least
        # Far from their code means likely to be picked (the seeding of k-means++; Arthur & Vassilvitskii, 2007): most
        # of a portrait is background, which has its codes already. All codes draw, so that no step waits for a count.
        picked = vectors[torch.multinomial(distances.clamp(min=1e-6), self.code_count, replacement=True)]
        # Twice the least count: if nobody comes, the code is free again after some 70 steps.
        counts = torch.where(dead, 2 * least, self.counts)
        self.sums.copy_(torch.where(dead[:, None], 2 * least * picked, self.sums))
        self.counts.copy_(counts)

    def _distances(self, vectors: Tensor) -> Tensor:
        """Squared distances of vectors [M, D] to every code: [M, K], at least 0."""
        codebook = self.codebook
        products = vectors @ codebook.T
        lengths = vectors.square().sum(dim=1, keepdim=True) + codebook.square().sum(dim=1)
        return (lengths - 2 * products).clamp(min=0)


def straight_through(vectors: Tensor, quantised: Tensor) -> Tensor:
    """The quantised vectors forwards; backwards the gradient passes to the vectors as if nothing had happened."""
    return vectors + (quantised - vectors).detach()


def perplexity(codes: Tensor, code_count: int) -> Tensor:
    """How many codes are in use, the exponential of the entropy of their frequencies: 1 to `code_count`."""
    shares = torch.bincount(codes.flatten(), minlength=code_count).float() / codes.numel()
    return torch.special.entr(shares).sum().exp()
