"""The default recipe for the Universal LPC Spritesheet (github.com/makrohn/Universal-LPC-spritesheet).

The same shape as a JSON file for `--recipe`: see `src.data.sources.lpc.Recipe`. Paths are those of that repository;
alternatives whose files a collection lacks are passed over.
"""

from __future__ import annotations

from typing import Any

_HAIR = ["plain", "bangs", "bedhead", "loose", "messy1", "ponytail", "swoop", "long", "page"]

_COLOURS = {
    "skin": ["light", "tanned", "tanned2", "dark", "dark2"],
    "hair": ["black", "blonde", "brown", "brunette", "gray", "raven", "redhead", "ruby-red", "white", "blue", "green"],
    "cloth": ["brown", "maroon", "teal", "white"],
    "trousers": ["magenta", "red", "teal", "white"],
    "robe": [
        "black",
        "blue",
        "brown",
        "dark brown",
        "dark gray",
        "forest green",
        "light gray",
        "purple",
        "red",
        "white",
    ],
    "shoes": ["black", "brown"],
}

_TORSO = {
    "barbarian": ["", "torso/leather/shoulders_{sex}.png"],
    "bard": ["{shirt}"],
    "cleric": ["{shirt}", "torso/chain/tabard/jacket_{sex}.png"],
    "knight": ["torso/plate/chest_{sex}.png"],
    "mage": ["torso/robes_{sex}_no_th-sh/{{robe}}.png", "{shirt}"],
    "ranger": ["torso/leather/chest_{sex}.png"],
    "rogue": ["torso/leather/chest_{sex}.png", "{shirt}"],
    "warrior": ["torso/chain/mail_{sex}.png", "torso/leather/chest_{sex}.png"],
}
_SHIRT = {
    "male": "torso/shirts/longsleeve/male/{cloth}_longsleeve.png",
    "female": "torso/shirts/sleeveless/female/{cloth}_sleeveless.png",
}
_HEAD = {
    "barbarian": [""],
    "bard": ["", "head/caps/{sex}/leather_cap_{sex}.png"],
    "cleric": ["", "head/hoods/{sex}/cloth_hood_{sex}.png"],
    "knight": ["head/helms/{sex}/metal_helm_{sex}.png", "head/helms/{sex}/golden_helm_{sex}.png"],
    "mage": ["head/hoods/{sex}/cloth_hood_{sex}.png", "head/caps/{sex}/wizard_hat_{sex}.png", ""],
    "ranger": ["head/hoods/{sex}/cloth_hood_{sex}.png", "head/caps/{sex}/leather_cap_{sex}.png"],
    "rogue": ["head/hoods/{sex}/cloth_hood_{sex}.png", ""],
    "warrior": ["head/hoods/{sex}/chain_hood_{sex}.png", "head/helms/{sex}/chainhat_{sex}.png"],
}
_LEGS = {
    "knight": ["legs/armor/{sex}/metal_pants_{sex}.png"],
    "mage": ["legs/skirt/{sex}/robe_skirt_{sex}.png", "legs/pants/{sex}/{{trousers}}_pants_{sex}.png"],
}
_WEAPON = {
    "barbarian": ["weapons/right hand/{sex}/spear_{sex}.png", ""],
    "bard": [""],
    "cleric": [""],
    "knight": ["weapons/right hand/{sex}/spear_{sex}.png", ""],
    "mage": ["weapons/right hand/{sex}/woodwand_{sex}.png", ""],
    "ranger": ["weapons/right hand/either/bow.png"],
    "rogue": ["weapons/right hand/{sex}/dagger_{sex}.png"],
    "warrior": ["weapons/right hand/{sex}/spear_{sex}.png", "weapons/right hand/{sex}/dagger_{sex}.png", ""],
}


def _kind(sex: str, gender: str, hero_class: str) -> dict[str, Any]:
    """Layers back to front: body, legs, feet, torso, hair, headgear, weapon."""
    trousers = ["legs/pants/{sex}/{{trousers}}_pants_{sex}.png"]
    boots = (
        "feet/armor/{sex}/metal_boots_{sex}.png"
        if hero_class == "knight"
        else "feet/shoes/{sex}/{{shoes}}_shoes_{sex}.png"
    )
    layers = [
        ["body/{sex}/{{skin}}.png"],
        _LEGS.get(hero_class, trousers),
        [boots],
        _TORSO[hero_class],
        [f"hair/{{sex}}/{style}/{{{{hair}}}}.png" for style in _HAIR],
        _HEAD[hero_class],
        _WEAPON[hero_class],
    ]
    return {
        "labels": {"gender": gender, "hero_class": hero_class},
        "layers": [[path.format(sex=sex, shirt=_SHIRT[sex]) for path in alternatives] for alternatives in layers],
    }


DEFAULT_RECIPE: dict[str, Any] = {
    # The walk cycle begins at row 8, a row for each view; its first frame stands.
    "views": {"back": [8, 0], "left": [9, 0], "front": [10, 0], "right": [11, 0]},
    "frame_size": 64,
    "colours": _COLOURS,
    "kinds": [
        _kind(sex, gender, hero_class)
        for sex, gender in (("female", "feminine"), ("male", "masculine"))
        for hero_class in _TORSO
    ],
}
