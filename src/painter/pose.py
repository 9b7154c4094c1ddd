"""Where things are on a hero: head and body coordinates to pixels, seen from the front or turned by a quarter.

Head coordinates: `u` runs from -12 (one temple) to 12 (the other), `v` in rows from the top of the skull (0) over the
eyes (17) to the chin (about 29). Body coordinates: `u` from the middle, `v` in rows from the chin. A part drawn in them
fits every hero and both views. Turned heroes look to the right; the finished map is mirrored for those that look left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.painter.canvas import SIZE, Point, blob, ellipse, polygon, smooth

MIDDLE = 31.5
EYE_ROW, NOSE_ROW, MOUTH_ROW = 17, 22, 25

# Half-widths of the face, row by row from the cheekbones (v = 19) down to the chin, for a head 12 wide to each side.
JAWS: dict[str, tuple[int, ...]] = {
    "oval": (12, 12, 11, 11, 10, 10, 9, 8, 7, 5),
    "round": (12, 12, 12, 12, 11, 11, 10, 9, 8, 5),
    "heart": (12, 11, 11, 10, 9, 8, 7, 6, 5, 3),
    "slender": (11, 11, 10, 10, 9, 8, 8, 7, 6, 4),
    "square": (12, 12, 12, 12, 11, 11, 11, 10, 9, 7),
    "broad": (12, 12, 12, 12, 12, 12, 11, 10, 9, 7),
    "long": (12, 11, 11, 11, 10, 10, 9, 9, 8, 7, 5),
    "pointed": (12, 11, 11, 10, 10, 9, 8, 7, 5, 4, 2),
}
SKULL = (5, 7, 9, 10, 11, 11, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12)


# Half-width of the neck, by build; the muscles beside it rise and fall with it.
BUILDS = {"slight": 5.2, "average": 6.5, "curved": 5.6, "brawny": 8.2}


@dataclass(frozen=True)
class Pose:
    """The proportions that place a hero's parts.

    Args:
        turned: three-quarter view, looking right.
        top: the canvas row of the skull's top.
        sway: columns that the whole hero stands to the right of the canvas's middle, -2 .. 2.
        width: half the head's width in pixels, 11 .. 13.
        jaw: one of `JAWS`.
        shoulders: half the shoulders' width in pixels, 18 .. 28.
        slope: rows that the shoulders fall from neck to arm, 0 .. 5.
        build: one of `BUILDS`.
        hand: the side that carries the weapon, -1 or 1.
    """

    turned: bool
    top: int
    sway: int
    width: int
    jaw: str
    shoulders: int
    slope: int
    build: str
    hand: int

    def head(self, u: float, v: float) -> Point:
        """Head coordinates to canvas coordinates."""
        u = u * self.width / 12
        if self.turned:
            # The far side is foreshortened; outside the face (hats, hair) that fades, so that they keep their size.
            return self.middle + 1.2 + (u if u < 0 else 0.78 * min(u, 12) + max(u - 12, 0)), self.top + v
        return self.middle + u, self.top + v

    def feature(self, u: float, v: float) -> Point:
        """Like `head`, for what sits on the face's front: in the turned view it moves with the nose."""
        u = u * self.width / 12
        if self.turned:
            return self.middle + 4.0 + (0.98 * u if u < 0 else 0.72 * u), self.top + v
        return self.middle + u, self.top + v

    def body(self, u: float, v: float) -> Point:
        """Body coordinates to canvas coordinates; v = 0 is the chin's row."""
        u = u * self.shoulders / 24
        if self.turned:
            # The chest faces the way the head looks: its middle moves over, the near shoulder comes forward and down.
            return self.middle + 2.6 + u * (1.13 if u < 0 else 0.76), self.top + 29 + v - u / 24
        return self.middle + u, self.top + 29 + v

    def side(self, u: float, v: float) -> Point:
        """Like `body`, but as wide for every hero: for what is carried beside it."""
        return self.middle - (0.5 if self.turned else 0.0) + u, self.top + 29 + v

    @property
    def middle(self) -> float:
        """The canvas column the hero stands at."""
        return MIDDLE + self.sway

    @property
    def neck(self) -> float:
        """Half the neck's width."""
        return BUILDS[self.build]

    def head_points(self, points: Sequence[Point], mirrored: bool = False) -> list[Point]:
        """Map a list of head coordinates; `mirrored` closes the shape with the same points on the other side."""
        return [self.head(u, v) for u, v in (with_mirror(points) if mirrored else points)]

    def body_points(self, points: Sequence[Point], mirrored: bool = False) -> list[Point]:
        """Map a list of body coordinates; `mirrored` closes the shape with the same points on the other side."""
        return [self.body(u, v) for u, v in (with_mirror(points) if mirrored else points)]

    def head_blob(self, points: Sequence[Point], mirrored: bool = True) -> np.ndarray:
        """Mask of a rounded shape in head coordinates (by default given as its left half, from top to bottom)."""
        return blob(self.head_points(points, mirrored))

    def head_polygon(self, points: Sequence[Point], mirrored: bool = True) -> np.ndarray:
        """Mask of an angular shape in head coordinates (by default given as its left half, from top to bottom)."""
        return polygon(self.head_points(points, mirrored))

    def head_curve(self, points: Sequence[Point]) -> list[Point]:
        """A smooth line in head coordinates, as canvas points."""
        return smooth(self.head_points(points), closed=False)

    def body_blob(self, points: Sequence[Point], mirrored: bool = True) -> np.ndarray:
        """Mask of a rounded shape in body coordinates (by default given as its left half, from top to bottom)."""
        return blob(self.body_points(points, mirrored))

    def body_polygon(self, points: Sequence[Point], mirrored: bool = True) -> np.ndarray:
        """Mask of an angular shape in body coordinates (by default given as its left half, from top to bottom)."""
        return polygon(self.body_points(points, mirrored))

    def body_curve(self, points: Sequence[Point]) -> list[Point]:
        """A smooth line in body coordinates, as canvas points."""
        return smooth(self.body_points(points), closed=False)

    def spot(self, u: float, v: float, radius: float) -> np.ndarray:
        """Mask of a disc in body coordinates, its radius in pixels: a gem, a clasp, a rivet."""
        x, y = self.body(u, v)
        return ellipse(round(x), round(y), radius, radius)

    def head_spot(self, u: float, v: float, radius: float = 1.2) -> np.ndarray:
        """Mask of a disc in head coordinates, its radius in pixels: a rivet, a brooch, a blossom."""
        x, y = self.head(u, v)
        return ellipse(round(x), round(y), radius, radius)

    def skull_mask(self) -> np.ndarray:
        """Mask of the whole head without ears: bool `[64, 64]`."""
        rows = list(SKULL) + list(JAWS[self.jaw])
        mask = np.zeros((SIZE, SIZE), dtype=bool)
        for v, half_width in enumerate(rows):
            y = self.top + v
            if not 0 <= y < SIZE:
                continue
            left, _ = self.head(-half_width, v)
            right, _ = self.head(half_width, v)
            if self.turned and v >= len(SKULL):
                # The near jaw starts in front of the ear, and the chin sits under the nose.
                left, right = left + 3.4, right + 2.4 * (v - len(SKULL)) / len(JAWS[self.jaw])
                right = min(right, self.middle + 10.5 - max(0, v - 22) * 0.5)
            elif self.turned and EYE_ROW - 1 <= v <= EYE_ROW + 1:
                right -= 1  # the eye's hollow
            mask[y, int(left + 0.5 + 1 / 64) : int(right + 0.5 + 1 / 64) + 1] = True
        if self.turned:
            # The back of the skull.
            mask |= ellipse(self.middle - 0.5, self.top + 10, self.width - 0.6, 10.5)
        return mask

    @property
    def chin(self) -> int:
        """The canvas row of the chin."""
        return self.top + len(SKULL) + len(JAWS[self.jaw]) - 1


def with_mirror(points: Sequence[Point]) -> list[Point]:
    """The points, then the same ones on the other side in reverse order: a closed symmetric outline."""
    return [*points, *((-u, v) for u, v in reversed(points))]
