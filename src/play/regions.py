"""Parts of a portrait, as masks bool [S, S]."""

from __future__ import annotations

import numpy as np

from src.errors import InputError

FACE_MIDDLE, FACE_REACH = (0.52, 0.5), (0.17, 0.175)
"""Middle and half-axes of the face's ellipse, down and across, as shares of the side: the default heroes' framing."""


def face(size: int) -> np.ndarray:
    """Where the default heroes have their faces: brows to chin, temple to temple; no hat and little hair."""
    grid = (np.indices((size, size)) + 0.5) / size
    away = [(each - middle) / reach for each, middle, reach in zip(grid, FACE_MIDDLE, FACE_REACH, strict=True)]
    return away[0] ** 2 + away[1] ** 2 <= 1


def box(size: int, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """The rectangle of columns `left` to `right` and rows `top` to `bottom`, the last ones not included.

    Raises:
        InputError: nothing lies inside.
    """
    mask = np.zeros((size, size), bool)
    mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    if not mask.any():
        raise InputError(f"no pixel lies in columns {left} to {right}, rows {top} to {bottom}; choose others")
    return mask


def nothing(size: int) -> np.ndarray:
    """No pixel."""
    return np.zeros((size, size), bool)
