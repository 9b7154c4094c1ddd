"""A contact sheet of heroes at true size: a row a class, eight feminine heroes, then eight masculine ones.

python -m src.painter.contact_sheet --out docs/images/heroes_144.png
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from src.console import report_error
from src.errors import MOST_SEED, check_range
from src.painter.canvas import SIZE
from src.painter.paint import paint
from src.painter.spec import (
    GENDERS,
    HERO_CLASSES,
    PALETTE_WEIGHTS,
    Chooser,
    HeroSpec,
    random_silhouette,
    recoloured,
)

BACKGROUND = (92, 92, 104)
GAP = 2


def one_of_each(each: int = 8, seed: int = 0) -> list[HeroSpec]:
    """`each` heroes of every class and gender, sorted by class, then gender; none chosen by hand."""
    chosen = []
    for row, hero_class in enumerate(HERO_CLASSES):
        for index in range(len(GENDERS) * each):
            entropy = [seed, 3, row, index]
            silhouette = random_silhouette(GENDERS[index // each], hero_class, entropy)
            chosen.append(recoloured(silhouette, Chooser(entropy).name(PALETTE_WEIGHTS[hero_class]), entropy))
    return chosen


def contact_sheet(specs: Sequence[HeroSpec], columns: int = 16, scale: int = 1) -> Image.Image:
    """The heroes side by side, RGB, each pixel of theirs `scale` pixels wide."""
    cell = SIZE + GAP
    rows = -(-len(specs) // columns)
    sheet = Image.new("RGB", (columns * cell + GAP, rows * cell + GAP), BACKGROUND)
    for index, spec in enumerate(specs):
        portrait = Image.fromarray(paint(spec))
        sheet.paste(portrait, (index % columns * cell + GAP, index // columns * cell + GAP), portrait)
    return sheet.resize((sheet.width * scale, sheet.height * scale), Image.Resampling.NEAREST)


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments, write the sheet; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the PNG to write")
    parser.add_argument("--seed", type=int, default=0, help="other heroes (default: 0)")
    parser.add_argument("--scale", type=int, default=1, help="pixels a pixel (default: 1, true size)")
    parsed = parser.parse_args(arguments)
    try:
        check_range("--seed", parsed.seed, 0, MOST_SEED)
        check_range("--scale", parsed.scale, 1, 16)
        parsed.out.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(one_of_each(seed=parsed.seed), scale=parsed.scale).save(parsed.out, "PNG", optimize=True)
    except (Exception, KeyboardInterrupt) as error:
        return report_error(error, "contact_sheet")
    return 0


if __name__ == "__main__":
    sys.exit(main())
