"""What the networks of the pyramid are built of: a transformer layer and a convolutional residual block."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.gan.conditioning import AttributeEmbedding


def zeroed(layer: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """The layer with all its weights at zero: a residual branch then begins as the identity."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Cache:
    """Keys and values of the tokens so far, for writing token after token.

    Args:
        room: the most tokens; joining old and new ones at every token would copy more than is computed.
    """

    def __init__(self, room: int) -> None:
        self.room, self.count = room, 0
        self.keys: Tensor | None = None
        self.values: Tensor | None = None

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append those of new tokens [N, heads, T, C]; returns all."""
        if self.keys is None:
            count, heads, _, width = keys.shape
            self.keys, self.values = (each.new_empty(count, heads, self.room, width) for each in (keys, values))
        first, self.count = self.count, self.count + keys.shape[2]
        self.keys[:, :, first : self.count] = keys
        self.values[:, :, first : self.count] = values
        return self.keys[:, :, : self.count], self.values[:, :, : self.count]


class TransformerLayer(nn.Module):
    """Self-attention, then two linear layers, each normalised before and added (Vaswani et al., 2017; Xiong et al.,
    2020). It begins as the identity.

    Args:
        width: C of the tokens.
        heads: of the attention.
        dropout: of what is added.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} cannot be shared by {heads} heads of attention")
        self.heads, self.dropout = heads, dropout
        self.normalise_attention, self.normalise_linear = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_heads = nn.Linear(width, 3 * width)
        self.from_heads = zeroed(nn.Linear(width, width))
        self.widen, self.narrow = nn.Linear(width, 4 * width), zeroed(nn.Linear(4 * width, width))

    def forward(self, tokens: Tensor, mask: Tensor | None = None, cache: Cache | None = None) -> Tensor:
        """Tokens [N, T, C] -> [N, T, C].

        Args:
            mask: bool, broadcast to [N, heads, T, all tokens]; true where a token (row) sees another (column).
            cache: the tokens before these; they are seen too, and these are added to it.
        """
        heads = self.to_heads(self.normalise_attention(tokens)).unflatten(2, (3, self.heads, -1))
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)
        if cache is not None:
            keys, values = cache.extend(keys, values)
        seen = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        tokens = tokens + self._dropped(self.from_heads(seen.transpose(1, 2).flatten(2)))
        hidden = functional.gelu(self.widen(self.normalise_linear(tokens)))
        return tokens + self._dropped(self.narrow(hidden))

    def _dropped(self, features: Tensor) -> Tensor:
        return functional.dropout(features, self.dropout, self.training)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, each after normalisation and SiLU; the condition scales and shifts between them (FiLM;
    Perez et al., 2018). It begins as the identity.

    Args:
        width: channels C.
        condition_dim: D of the condition.
        dropout: before the second convolution.
    """

    def __init__(self, width: int, condition_dim: int, dropout: float) -> None:
        super().__init__()
        groups = next(groups for groups in (8, 4, 2, 1) if width % groups == 0)
        self.dropout = dropout
        self.normalise_first, self.normalise_second = nn.GroupNorm(groups, width), nn.GroupNorm(groups, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = zeroed(nn.Conv2d(width, width, 3, padding=1))
        self.scale_and_shift = zeroed(nn.Linear(condition_dim, 2 * width))

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Features [N, C, H, W], condition [N, D] -> [N, C, H, W]."""
        hidden = self.first(functional.silu(self.normalise_first(features)))
        scale, shift = self.scale_and_shift(condition)[:, :, None, None].chunk(2, dim=1)
        hidden = functional.silu(torch.addcmul(shift, self.normalise_second(hidden), 1 + scale))
        hidden = functional.dropout(hidden, self.dropout, self.training)
        return features + self.second(hidden)


class LabelEmbedding(AttributeEmbedding):
    """The sum of one embedding an attribute; the class behind an attribute's last one is the null label, for a label
    that is not given (label dropout; Ho & Salimans, 2021)."""

    def __init__(self, class_counts: Sequence[int], width: int) -> None:
        super().__init__([count + 1 for count in class_counts], width, std=0.5)
