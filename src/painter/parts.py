"""How a part joins the library: a drawing function and a few facts about it, kept under a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from src.painter.canvas import Canvas
from src.painter.pose import Pose

Draw = Callable[[Canvas, Pose], None]


@dataclass(frozen=True)
class Part:
    """A piece of gear.

    Args:
        draw: draws it over what is there.
        back: draws what lies behind head and body, before them; None where nothing does.
        hides: what it leaves no room for: "hair" (all of it), "head" (hair and face, but not what hangs below the rim),
            "crown" (only the hair's top), "ears" (pointed ones).
    """

    draw: Draw
    back: Draw | None = None
    hides: frozenset[str] = frozenset()


class Library(dict[str, Part]):
    """Name -> part. Functions join it by decorator: `@HEADGEAR.part("kettle_hat", hides="crown")`."""

    def part(self, name: str, hides: str = "", back: Draw | None = None) -> Callable[[Draw], Draw]:
        """Keep the decorated function under `name`; `hides` is a list of words with spaces between."""

        def keep(draw: Draw) -> Draw:
            self[name] = Part(draw, back, frozenset(hides.split()))
            return draw

        return keep


def nothing(canvas: Canvas, pose: Pose) -> None:
    """The part that is not there."""
