"""Portraits to measure, with what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.labels import LabelSpecification


@dataclass(frozen=True)
class PortraitSet:
    """Portraits with labels and groups.

    Args:
        portraits: uint8 [N, H, W, 4], binary alpha.
        labels: int64 [N, A]; of samples, those requested.
        specification: the attributes behind the columns of `labels`; none where no labels are known.
        groups: [N], which portraits are recolours of one another; None where nobody knows.
    """

    portraits: np.ndarray
    labels: np.ndarray
    specification: LabelSpecification
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.portraits)

    def __getitem__(self, rows: slice | np.ndarray) -> PortraitSet:
        """The portraits of these rows: a slice, indices or a mask."""
        groups = None if self.groups is None else self.groups[rows]
        return PortraitSet(self.portraits[rows], self.labels[rows], self.specification, groups)

    def labelled_by(self, names: tuple[str, ...]) -> PortraitSet:
        """The same portraits with only these attributes.

        Raises:
            InputError: a name that is no attribute of theirs.
        """
        kept = self.specification.restricted_to(names)
        columns = [self.specification.column(name) for name in kept.names]
        return PortraitSet(self.portraits, self.labels[:, columns], kept, self.groups)
