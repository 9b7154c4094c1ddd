"""How labels enter the networks: summed embeddings, conditional batch normalisation, projection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class AttributeEmbedding(nn.Module):
    """The sum of one embedding an attribute.

    With 2 genders, 9 classes and 5 palettes there are 90 label cells of some 70 training portraits each: a table of 90
    rows would starve, whereas every row of these three tables sees some 8 % of the set or more.

    Args:
        class_counts: the number of classes of each attribute; empty for data without labels.
        dim: the embedding's length D.
        std: of the tables at first; unless given, the sum over attributes has unit variance, however many there are.
        without: attributes (columns of the labels) that it does not look at.
    """

    def __init__(
        self, class_counts: Sequence[int], dim: int, std: float | None = None, without: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.dim = dim
        # By column: in weights a table is known by the place of its attribute.
        self.tables = nn.ModuleDict(
            {
                str(column): nn.Embedding(count, dim)
                for column, count in enumerate(class_counts)
                if column not in without
            }
        )
        for table in self.tables.values():
            nn.init.normal_(table.weight, std=std or len(self.tables) ** -0.5)

    def forward(self, labels: Tensor) -> Tensor:
        """Labels int64 [N, A] -> [N, D]; zeros where there are no attributes."""
        embedding = torch.zeros(labels.shape[0], self.dim, device=labels.device)
        for column, table in self.tables.items():
            embedding = embedding + table(labels[:, int(column)])
        return embedding


class ConditionalBatchNorm2d(nn.Module):
    """Batch normalisation whose scale and shift are computed from a condition (de Vries et al., 2017).

    Args:
        channels: C.
        condition_dim: length of the condition: label embedding and a piece of the latent (BigGAN, 2019).
    """

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm2d(channels, affine=False)
        self.scale_and_shift = nn.Linear(condition_dim, 2 * channels)
        nn.init.orthogonal_(self.scale_and_shift.weight, gain=0.5)
        nn.init.zeros_(self.scale_and_shift.bias)

    def forward(self, features: Tensor, condition: Tensor) -> Tensor:
        """Features [N, C, H, W], condition [N, condition_dim] -> [N, C, H, W]."""
        scale, shift = self.scale_and_shift(condition)[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, self.normalise(features), 1 + scale)


class ProjectionHead(nn.Module):
    """D's last layer: a linear score plus the inner product with the label's embedding (Miyato & Koyama, 2018).

    Args:
        channels: C of the pooled features.
        class_counts: the number of classes of each attribute.
        spectral: applied to every layer: `spectral_norm`, or the identity.
    """

    def __init__(self, channels: int, class_counts: Sequence[int], spectral: Callable[[nn.Module], nn.Module]) -> None:
        super().__init__()
        self.score = spectral(nn.Linear(channels, 1))
        self.tables = nn.ModuleList([spectral(nn.Embedding(count, channels)) for count in class_counts])

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Pooled features [N, C], labels int64 [N, A] -> logits [N]."""
        logits = self.score(features).squeeze(1)
        for column, table in enumerate(self.tables):
            logits = logits + (table(labels[:, column]) * features).sum(dim=1)
        return logits


class ClassifierHead(nn.Module):
    """What D takes a portrait's classes to be, read off the features that the projection sees (AC-GAN; Odena et al.,
    2017).

    Args:
        channels: C of the pooled features.
        class_counts: the number of classes of each attribute.
    """

    def __init__(self, channels: int, class_counts: Sequence[int]) -> None:
        super().__init__()
        self.tables = nn.ModuleList([nn.Linear(channels, count, bias=False) for count in class_counts])

    def forward(self, features: Tensor) -> list[Tensor]:
        """Pooled features [N, C] -> for each attribute the logits [N, K] of its K classes."""
        return [table(features) for table in self.tables]
