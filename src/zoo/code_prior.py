"""Autoregressive prior over a portrait's codes: a small causal transformer (Vaswani et al., 2017) with labels.

p(codes | labels) = product over positions i of p(code i | codes before i, labels).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.gan.conditioning import AttributeEmbedding
from src.pyramid.choosing import inverse_cdf
from src.pyramid.layers import Cache


class CausalBlock(nn.Module):
    """Self-attention that sees no later position, then two dense layers; normalisation comes first (GPT-2, 2019)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_queries_keys_values = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor, past: Cache | None = None) -> Tensor:
        """Features [N, T, width] -> the same shape.

        Args:
            past: keys and values of all positions before the one that `features` holds (T = 1), to which its own are
                added; None: `features` starts at the first position.
        """
        heads = self.to_queries_keys_values(self.norm_1(features)).unflatten(2, (3, self.heads, -1))
        queries, keys, values = heads.permute(2, 0, 3, 1, 4).unbind(0)
        if past is not None:
            keys, values = past.extend(keys, values)
        attended = functional.scaled_dot_product_attention(queries, keys, values, is_causal=past is None)
        features = features + self.dropout(self.attention_out(attended.transpose(1, 2).flatten(2)))
        return features + self.dropout(self.dense(self.norm_2(features)))


class CodePrior(nn.Module):
    """The transformer.

    Args:
        code_count: K, how many codes there are.
        positions: L, how many codes a portrait has.
        class_counts: the number of classes of each attribute.
        width: length of a position's features.
        layers: how many blocks.
        heads: of attention in each block; they share the width.
        dropout: share of a block's results that is left out while training: such a prior memorises small sets.

    Raises:
        ValueError: a width that the heads cannot share evenly.
    """

    def __init__(
        self,
        code_count: int,
        positions: int,
        class_counts: Sequence[int],
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"prior_width must be a multiple of prior_heads ({heads}), not {width}")
        self.positions = positions
        # One more for the start, which stands before the first code.
        self.start = code_count
        self.codes = nn.Embedding(code_count + 1, width)
        self.places = nn.Parameter(torch.randn(positions, width))
        self.labels = AttributeEmbedding(class_counts, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList([CausalBlock(width, heads, dropout) for _ in range(layers)])
        self.last_norm = nn.LayerNorm(width)
        self.to_logits = nn.Linear(width, code_count)

    def forward(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Codes int64 [N, L], labels int64 [N, A] -> logits [N, L, K], those of a position from earlier codes."""
        before = functional.pad(codes[:, :-1], (1, 0), value=self.start)
        features = self.dropout(self.codes(before) + self.places + self.labels(labels)[:, None])
        for block in self.blocks:
            features = block(features)
        return self.to_logits(self.last_norm(features))

    @torch.no_grad()
    def sample(self, uniforms: Tensor, labels: Tensor) -> Tensor:
        """Codes int64 [N, L] for uniform numbers [N, L] in [0, 1] and labels int64 [N, A].

        Position by position, each code by the inverse of its cumulative distribution, the likeliest code first: numbers
        below p alone draw from the likeliest codes that have the share p together (nucleus sampling; Holtzman et al.,
        2020). Keys and values of earlier positions are kept, so every position passes the blocks once.
        """
        condition = self.labels(labels)
        pasts = [Cache(self.positions) for _ in self.blocks]
        codes = [torch.full((len(condition),), self.start, device=labels.device)]
        for position in range(self.positions):
            features = (self.codes(codes[-1]) + self.places[position] + condition)[:, None]
            for block, past in zip(self.blocks, pasts, strict=True):
                features = block(features, past)
            logits = self.to_logits(self.last_norm(features[:, 0]))
            codes.append(inverse_cdf(logits, uniforms[:, position]))
        return torch.stack(codes[1:], dim=1)
