"""Does a set look the same in a mirror? Only then may half of its portraits be mirrored in training (`mirror_data`)."""

from __future__ import annotations

import numpy as np

SIDE = 8
"""Portraits are compared as pictures of 8x8 pixels: the side of gear, of a parting or of the light is seen there."""

PORTRAITS, PERMUTATIONS = 600, 199
SIGNIFICANT = 0.05

FEWEST_GROUPS = 100
"""Of fewer figures the test may not tell: of 50 default heroes, lit from one side, one set in five passes for
symmetric, of 80 or more none of 20 sets."""


def mirror_p_value(images: np.ndarray, labels: np.ndarray) -> float:
    """How likely a set without left and right differs at least so much from its mirror image, 0 to 1.

    The maximum mean discrepancy between one half of the set and the mirrored other half, against random divisions of
    both (Gretton et al., 2012), with a Gaussian kernel of the median distance. With labels there is a second test, in
    which portraits are as alike as they have classes in common: a mirrored hero from the left would still be labelled
    so, though the set as a whole has as many from the right. The smaller of the two values counts twice (Bonferroni).

    Args:
        images: uint8 [N, H, W, 4]; so many as `PORTRAITS` are looked at.
        labels: int [N, A], the class of each attribute; A may be 0.
    """
    random = np.random.RandomState(0)
    order = random.permutation(len(images))[:PORTRAITS]
    half = len(order) // 2
    if half < 2:
        return 1.0
    order = order[: 2 * half]
    chosen, classes = images[order], labels[order]
    vectors = _small(np.concatenate([chosen[:half], chosen[half:, :, ::-1]]))
    squares = (vectors**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * vectors @ vectors.T, 0)
    width = np.median(distances[distances > 0]) if (distances > 0).any() else 1.0
    kernels = [np.exp(-distances / width)]
    if labels.shape[1]:
        kernels.append(kernels[0] * (classes[:, None] == classes).sum(axis=2))
    signs = np.repeat([1.0, -1.0], half)
    divisions = np.stack([signs, *(random.permutation(signs) for _ in range(PERMUTATIONS))])
    return min(1.0, len(kernels) * min(_share_of_larger(kernel, divisions) for kernel in kernels))


def is_symmetric(images: np.ndarray, labels: np.ndarray) -> bool:
    """Whether a set, uint8 [N, H, W, 4] with labels int [N, A], cannot be told from its mirror image. Of fewer figures
    than `FEWEST_GROUPS` that says little."""
    return mirror_p_value(images, labels) > SIGNIFICANT


def _share_of_larger(kernel: np.ndarray, divisions: np.ndarray) -> float:
    """The share of divisions [D, M] whose discrepancy is at least that of the first, by a kernel [M, M]."""
    discrepancies = ((divisions @ kernel) * divisions).sum(axis=1)
    # A division that gives the same value counts: in a set of equal portraits all are the same.
    return float((discrepancies >= discrepancies[0] - 1e-9 * kernel.sum()).mean())


def _small(images: np.ndarray) -> np.ndarray:
    """Portraits as float64 [N, SIDE * SIDE * 4] of block means, colours premultiplied by alpha, 0 to 1."""
    pixels = images.astype(np.float64) / 255
    pixels[..., :3] *= pixels[..., 3:]
    edges = np.linspace(0, images.shape[1], SIDE + 1).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(pixels, edges, axis=1), edges, axis=2)
    counts = np.add.reduceat(np.add.reduceat(np.ones(images.shape[1:3]), edges, axis=0), edges, axis=1)
    return (sums / counts[None, :, :, None]).reshape(len(images), -1)
