"""The painter: labelled pixel-art heroes, every factor of them known.

`heroes` chooses, `paint` paints one, `paint_set` writes a set. Parts live in `headgear`, `garments`, `weapons`, `hair`
and `face`; colours in `ramps`; who wears what, in `spec`.
"""

from src.painter.paint import paint
from src.painter.spec import HeroSpec, heroes, random_silhouette, recast, recoloured
from src.painter.write import paint_heroes, paint_set

__all__ = ["HeroSpec", "heroes", "paint", "paint_heroes", "paint_set", "random_silhouette", "recast", "recoloured"]
