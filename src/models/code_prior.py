"""Autoregressive prior over a portrait's codes: a small causal transformer (Vaswani et al., 2017) with labels.

p(codes | labels) = product over positions i of p(code i | codes before i, labels).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.models.choosing import Choices, choose
from src.models.conditioning import AttributeEmbedding

EVIDENCE = 2.0
"""How often more what a code says of the new labels counts where codes of other labels are to stay. At 0 and with 1 nat
of patience, 54 % of 48 heroes were seen as their new class and 0.17 of the drawing stayed; at 2 with 2 nats, 62 % of
32 heroes, and 0.35."""


class Past:
    """Keys and values of the positions so far, in room for all of them: to join them anew at every position would copy
    more than is computed.

    Args:
        shape: of the keys of all positions, [N, heads, L, width / heads].
        like: a tensor of the device and format to keep them in.
    """

    def __init__(self, shape: Sequence[int], like: Tensor) -> None:
        self.keys, self.values = like.new_empty(*shape), like.new_empty(*shape)
        self.length = 0

    def add(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """One position's keys and values [N, heads, 1, D] -> those of all positions so far [N, heads, T, D]."""
        self.keys[:, :, self.length] = keys[:, :, 0]
        self.values[:, :, self.length] = values[:, :, 0]
        self.length += 1
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


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

    def forward(self, features: Tensor, past: Past | None = None) -> Tensor:
        """Features [N, T, width] -> the same shape.

        Args:
            past: keys and values of all positions before the one that `features` holds (T = 1), to which its own are
                added; None: `features` starts at the first position.
        """
        heads = self.to_queries_keys_values(self.norm_1(features)).unflatten(2, (3, self.heads, -1))
        queries, keys, values = heads.permute(2, 0, 3, 1, 4).unbind(0)
        if past is not None:
            keys, values = past.add(keys, values)
        attended = functional.scaled_dot_product_attention(queries, keys, values, is_causal=past is None)
        features = features + self.dropout(self.attention_out(attended.transpose(1, 2).flatten(2)))
        return features + self.dropout(self.dense(self.norm_2(features)))

    def empty_past(self, like: Tensor, positions: int) -> Past:
        """Room for so many positions of as many portraits as `like` [N, width] has."""
        return Past((len(like), self.heads, positions, like.shape[1] // self.heads), like)


class CodePrior(nn.Module):
    """The transformer.

    Args:
        code_count: K, how many codes there are.
        positions: L, how many codes a portrait has.
        class_counts: the number of classes of each attribute.
        width: length of a position's features.
        layers: how many blocks.
        heads: of attention in each block; they share the width.
        dropout: share of a block's results that is left out while training: such a prior learns small sets by heart.
        guided: how many attributes, the first ones, can be left unsaid, and are exaggerated by guidance.

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
        guided: int = 0,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"prior_width must be a multiple of prior_heads ({heads}), not {width}")
        self.positions = positions
        self.guided = guided
        # One more for the start, which stands before the first code.
        self.start = code_count
        self.codes = nn.Embedding(code_count + 1, width)
        self.places = nn.Parameter(torch.randn(positions, width))
        self.labels = AttributeEmbedding(class_counts, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList([CausalBlock(width, heads, dropout) for _ in range(layers)])
        self.last_norm = nn.LayerNorm(width)
        self.to_logits = nn.Linear(width, code_count)

    def forward(self, codes: Tensor, labels: Tensor, unsaid: Tensor | None = None) -> Tensor:
        """Codes int64 [N, L], labels int64 [N, A] -> logits [N, L, K], those of a position from earlier codes.

        Args:
            codes: of whole portraits.
            labels: class numbers.
            unsaid: bool [N], portraits whose guided attributes are left unsaid; None for none.
        """
        before = functional.pad(codes[:, :-1], (1, 0), value=self.start)
        condition = self.labels(labels)
        if unsaid is not None:
            condition = torch.where(unsaid[:, None], self.labels(labels, self.guided), condition)
        features = self.dropout(self.codes(before) + self.places + condition[:, None])
        for block in self.blocks:
            features = block(features)
        return self.to_logits(self.last_norm(features))

    @torch.no_grad()
    def sample(
        self,
        uniforms: Tensor,
        labels: Tensor,
        guidance_weight: float = 1.0,
        before: Choices | None = None,
        labels_before: Tensor | None = None,
        keep: float = 0.0,
    ) -> Choices:
        """Codes [N, L] for uniform numbers [N, L] in [0, 1] and labels int64 [N, A].

        Position by position, each code by the inverse of its cumulative distribution, the likeliest code first: numbers
        below p alone draw from the likeliest codes that have the share p together (nucleus sampling; Holtzman et al.,
        2020). Keys and values of earlier positions are kept, so every position passes the blocks once.

        Args:
            uniforms: one number a code.
            labels: class numbers.
            guidance_weight: 1 draws as learned; above, codes that the labels make likelier become likelier still
                (classifier-free guidance; Ho & Salimans, 2022). Their paper's weight is one less.
            before: codes [N, L] of other labels, which stay where they fit these (`choose`).
            labels_before: those others, int64 [N, A].
            keep: how readily they stay, in nats.
        """
        guided = guidance_weight != 1 and self.guided > 0
        # Every portrait as often as it is needed: with its labels, with them unsaid, with those of before.
        sides = [self.labels(labels)]
        if guided:
            sides.append(self.labels(labels, self.guided))
        if before is not None:
            sides.append(self.labels(labels_before))
        condition = torch.cat(sides)
        pasts = [block.empty_past(condition, self.positions) for block in self.blocks]
        code = torch.full((len(condition),), self.start, device=labels.device)
        sampled = []
        for position in range(self.positions):
            features = (self.codes(code) + self.places[position] + condition)[:, None]
            for block, past in zip(self.blocks, pasts, strict=True):
                features = block(features, past)
            told = self.to_logits(self.last_norm(features[:, 0])).chunk(len(sides))
            logits, earlier, patience = told[0], None, keep
            if guided:
                logits = torch.lerp(told[1].log_softmax(dim=1), told[0].log_softmax(dim=1), guidance_weight)
            if before is not None:
                earlier = before.at((slice(None), position))
                # What speaks for the new labels in this one code, all else as it is: little, and little again, where
                # many codes together make a class. It counts more than once.
                speaks = told[0].log_softmax(dim=1) - told[-1].log_softmax(dim=1)
                patience = keep + EVIDENCE * speaks.gather(1, earlier.classes[:, None]).squeeze(1)
            sampled.append(choose(logits, uniforms[:, position], earlier, patience))
            code = sampled[-1].classes.repeat(len(sides))
        return Choices(*(torch.stack(each, dim=1) for each in zip(*sampled, strict=True)))
