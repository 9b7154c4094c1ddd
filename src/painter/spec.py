"""What a hero is: every factor of a portrait in one record, and how heroes are chosen.

The tables say how likely a part is for a class or a gender. They overlap on purpose: a mage may wear a hood, so may a
rogue; a feminine hero may crop her hair, a masculine one may wear it long.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from src.errors import MOST_SEED, InputError, check_range
from src.painter.face import (
    AGES,
    BEARD_NAMES,
    BROWS,
    EAR_TIPS,
    EARRINGS,
    EXPRESSIONS,
    EYES,
    MARKS,
    MOUTHS,
    NOSES,
)
from src.painter.garments import CAPES, GARMENTS, JEWELS, SHOULDERS
from src.painter.hair import HAIRSTYLES
from src.painter.headgear import HEADGEAR
from src.painter.pose import BUILDS, JAWS
from src.painter.ramps import (
    CLOTH_RAMPS,
    GREY_HAIR,
    HAIR_RAMPS,
    IRIS_COLOURS,
    LEATHER_RAMPS,
    METAL_RAMPS,
    SKIN_RAMPS,
    TRIM_RAMPS,
    hue_gap,
)
from src.painter.weapons import COMPANIONS, WEAPONS

GENDERS = ("feminine", "masculine")
HERO_CLASSES = ("barbarian", "bard", "cavalry", "cleric", "knight", "mage", "ranger", "rogue", "warrior")
PALETTES = ("cool", "dark", "muted", "neutral", "warm")
VIEWS = ("front", "left", "right")
RECOLOURS = 2
"""The most portraits of one silhouette, unless another number is given."""

MOST_HEROES = 1_000_000
"""Hours of painting, and 4 GB of small files."""

MOST_RECOLOURS = 99
"""File names have two digits for them, and no palette runs out of cloths before."""

Weights = Mapping[str, int]


@dataclass(frozen=True)
class HeroSpec:
    """One portrait: its labels, the parts that give its shape, the ramps that give its colours.

    `paint` depends on nothing else. The fields up to `wave` decide the silhouette and the shading; those from `palette`
    on only the colours, so heroes that differ there alone share their mask.

    Raises:
        InputError: a part, ramp or number that the painter does not have; the message lists those it has.
    """

    gender: str
    hero_class: str
    view: str
    top: int
    sway: int
    head_width: int
    jaw: str
    shoulders: int
    slope: int
    build: str
    hand: int
    ears: str
    age: str
    eyes: str
    brows: str
    nose: str
    mouth: str
    expression: str
    mark: str
    earrings: str
    hair: str
    hair_length: int
    beard: str
    headgear: str
    garment: str
    cape: str
    shoulder_armour: str
    jewel: str
    weapon: str
    companion: str
    wave: int
    palette: str
    skin: str
    hair_ramp: str
    cloth: str
    second: str
    metal: str
    leather: str
    trim: str
    iris: str
    tint: int

    def __post_init__(self) -> None:
        vocabulary = {
            "gender": GENDERS,
            "hero_class": HERO_CLASSES,
            "view": VIEWS,
            "jaw": JAWS,
            "build": BUILDS,
            "ears": EAR_TIPS,
            "age": AGES,
            "eyes": EYES,
            "brows": BROWS,
            "nose": NOSES,
            "mouth": MOUTHS,
            "expression": EXPRESSIONS,
            "mark": MARKS,
            "earrings": EARRINGS,
            "hair": HAIRSTYLES,
            "beard": BEARD_NAMES,
            "headgear": HEADGEAR,
            "garment": GARMENTS,
            "cape": CAPES,
            "shoulder_armour": SHOULDERS,
            "jewel": JEWELS,
            "weapon": WEAPONS,
            "companion": COMPANIONS,
            "palette": PALETTES,
            "skin": SKIN_RAMPS,
            "iris": IRIS_COLOURS,
            "hand": (-1, 1),
            "top": range(12, 19),
            "sway": range(-2, 3),
            "head_width": range(11, 14),
            "shoulders": range(18, 29),
            "slope": range(6),
            "hair_length": range(-4, 5),
            "wave": range(8),
            "tint": range(-3, 4),
        }
        if self.palette in PALETTES:
            vocabulary["hair_ramp"] = HAIR_RAMPS[self.palette]
            vocabulary["cloth"] = vocabulary["second"] = CLOTH_RAMPS[self.palette]
            vocabulary["metal"] = METAL_RAMPS[self.palette]
            vocabulary["leather"] = LEATHER_RAMPS[self.palette]
            vocabulary["trim"] = TRIM_RAMPS[self.palette]
        for field_name, known in vocabulary.items():
            _check_known(field_name, getattr(self, field_name), known)


def _check_known(field_name: str, value: object, known: Collection) -> None:
    if value not in known:
        raise InputError(f"unknown {field_name} {value!r}; choose one of: {', '.join(map(str, known))}")


def _weights(text: str) -> dict[str, int]:
    """Read `name:weight name name:weight`; a name alone weighs 1."""
    return {name: int(weight or 1) for name, _, weight in (word.partition(":") for word in text.split())}


CLASS_WEIGHTS = _weights("barbarian:10 bard:8 cavalry:9 cleric:10 knight:14 mage:14 ranger:12 rogue:11 warrior:12")
FEMININE_SHARE = _weights("barbarian:40 bard:52 cavalry:44 cleric:54 knight:36 mage:56 ranger:50 rogue:48 warrior:42")
PALETTE_WEIGHTS = {
    "barbarian": _weights("cool:14 dark:18 muted:22 neutral:14 warm:32"),
    "bard": _weights("cool:28 dark:10 muted:14 neutral:10 warm:38"),
    "cavalry": _weights("cool:26 dark:14 muted:18 neutral:18 warm:24"),
    "cleric": _weights("cool:24 dark:10 muted:16 neutral:28 warm:22"),
    "knight": _weights("cool:26 dark:20 muted:12 neutral:24 warm:18"),
    "mage": _weights("cool:36 dark:20 muted:12 neutral:12 warm:20"),
    "ranger": _weights("cool:28 dark:14 muted:28 neutral:10 warm:20"),
    "rogue": _weights("cool:18 dark:34 muted:20 neutral:12 warm:16"),
    "warrior": _weights("cool:20 dark:18 muted:16 neutral:18 warm:28"),
}

HEADGEAR_WEIGHTS = {
    "barbarian": _weights("none:5 horned_helm:5 fur_hat:3 wolf_pelt:4 headband:3 antlers:2 nasal_helm bandana circlet"),
    "bard": _weights(
        "feathered_cap:6 plumed_hat:5 beret:4 none:3 tricorne:2 flowers:2 laurel:2 headband wide_hat turban"
    ),
    "cavalry": _weights(
        "crested_helm:4 leather_cap:3 raised_visor:3 winged_helm:2 goggles_cap:2"
        " none:3 plumed_hat:2 visor_helm kettle_hat fur_hat turban"
    ),
    "cleric": _weights("mitre:4 veil:4 none:4 skullcap:4 halo:4 second_hood:3 hood circlet:2 coif tiara"),
    "knight": _weights(
        "great_helm:4 visor_helm:4 raised_visor:4 coif:3 cheek_helm:2"
        " winged_helm:2 none:3 crown:2 circlet kettle_hat crested_helm"
    ),
    "mage": _weights(
        "wizard_hat:6 pointed_hat:5 hood:4 circlet:3 none:3 deep_hood:2 turban:2 wide_hat:2 tiara skullcap crown"
    ),
    "ranger": _weights(
        "hood:5 feathered_cap:4 none:5 headband:3 wide_hat:2"
        " straw_hat:2 laurel leather_cap antlers second_hood:3 bandana"
    ),
    "rogue": _weights(
        "deep_hood:5 mask_hood:4 bandana:4 face_scarf:3 none:3 eyepatch:3 tricorne:2 hood:3 headband beret wide_hat"
    ),
    "warrior": _weights(
        "none:5 nasal_helm:4 cheek_helm:4 kettle_hat:3 headband:3 horned_helm:2"
        " coif:2 bandana leather_cap eyepatch winged_helm crested_helm"
    ),
}
GARMENT_WEIGHTS = {
    "barbarian": _weights("bare_straps:5 fur_vest:5 one_shoulder:3 leather_jerkin:2 tunic studded_leather:2"),
    "bard": _weights("doublet:6 laced_shirt:4 long_coat:3 wide_dress:2 scarfed_tunic:2 tunic halved_surcoat"),
    "cavalry": _weights(
        "breastplate:4 gambeson:3 halved_surcoat:3 long_coat:3 mail_shirt:2 scale_armour:2 leather_jerkin tabard"
    ),
    "cleric": _weights("vestment:6 robe:4 tabard:2 high_robe:2 star_robe one_shoulder tunic"),
    "knight": _weights("full_plate:6 breastplate:4 tabard:5 halved_surcoat:2 mail_shirt:2 scale_armour"),
    "mage": _weights("robe:5 high_robe:5 star_robe:5 vestment wide_dress:2 long_coat scarfed_tunic"),
    "ranger": _weights("leather_jerkin:5 scarfed_tunic:4 tunic:4 studded_leather:2 laced_shirt:2 gambeson"),
    "rogue": _weights("studded_leather:4 long_coat:4 leather_jerkin:4 scarfed_tunic:3 laced_shirt:3 bare_straps tunic"),
    "warrior": _weights(
        "mail_shirt:4 scale_armour:4 gambeson:3 studded_leather:3"
        " breastplate:3 leather_jerkin bare_straps:2 tunic fur_vest"
    ),
}
CAPE_WEIGHTS = {
    "barbarian": _weights("none:5 fur_mantle:6 half_cape"),
    "bard": _weights("none:6 half_cape:4 cape:2"),
    "cavalry": _weights("none:4 cape:3 cloak:3 half_cape:3 fur_mantle"),
    "cleric": _weights("none:7 cape:2 cloak:2"),
    "knight": _weights("none:5 cape:5 fur_mantle half_cape"),
    "mage": _weights("none:6 cloak:3 cape:2 fur_mantle"),
    "ranger": _weights("none:3 cloak:5 half_cape:2 fur_mantle"),
    "rogue": _weights("none:5 cloak:4 half_cape:2 cape"),
    "warrior": _weights("none:6 cape:2 fur_mantle:2 half_cape"),
}
SHOULDER_WEIGHTS = {
    "barbarian": _weights("none:5 spiked_pauldron:5 leather_shoulders:2"),
    "bard": _weights("none:5 puffed_sleeves:5"),
    "cavalry": _weights("none:4 pauldrons:3 leather_shoulders:3"),
    "cleric": _weights("none:9 puffed_sleeves:1 pauldrons"),
    "knight": _weights("none:2 pauldrons:6 layered_pauldrons:5"),
    "mage": _weights("none:8 puffed_sleeves:2 leather_shoulders"),
    "ranger": _weights("none:5 leather_shoulders:5"),
    "rogue": _weights("none:5 leather_shoulders:4 spiked_pauldron"),
    "warrior": _weights("none:3 pauldrons:4 layered_pauldrons:2 leather_shoulders:3 spiked_pauldron:2"),
}
JEWEL_WEIGHTS = {
    "barbarian": _weights("none:4 beads:6 pendant"),
    "bard": _weights("none:6 pendant:3 choker:2"),
    "cavalry": _weights("none:7 gorget:3"),
    "cleric": _weights("holy_symbol:8 none:2 pendant:2 beads"),
    "knight": _weights("none:6 gorget:4 holy_symbol"),
    "mage": _weights("none:4 pendant:5 choker:2 beads"),
    "ranger": _weights("none:7 beads:2 pendant:2"),
    "rogue": _weights("none:8 choker:2 pendant"),
    "warrior": _weights("none:6 gorget:2 beads:2 pendant"),
}
WEAPON_WEIGHTS = {
    "barbarian": _weights("great_axe:6 axe:5 club:4 hammer:3 great_sword:2 spear:2 hunting_horn bedroll none"),
    "bard": _weights("lute:8 harp:4 flute:4 hunting_horn:2 none:2 sword dagger bedroll"),
    "cavalry": _weights(
        "lance:5 banner:2 none:2 spear:2 sword:3 shield:2 riding_crop:3 bedroll:3 hunting_horn:2 bow mace"
    ),
    "cleric": _weights("mace:4 crosier:5 book:5 crook_staff:2 hammer:2 none:2 potion"),
    "knight": _weights("sword:6 shield:4 great_sword:4 lance:2 mace:2 halberd:2 none:2 banner"),
    "mage": _weights("orb_staff:6 crystal_staff:5 crook_staff:4 book:4 wand:4 potion:2 none:2"),
    "ranger": _weights("bow:9 quiver:4 crossbow:4 spear:2 bedroll:2 hunting_horn:2 crook_staff none two_swords"),
    "rogue": _weights("dagger:7 two_swords:4 throwing_knives:5 crossbow:2 none:2 potion:2 quiver"),
    "warrior": _weights("sword:5 two_swords:2 axe:4 halberd:4 spear:4 hammer:2 shield:4 great_sword:2 none great_axe"),
}
COMPANION_WEIGHTS = {
    "barbarian": _weights("none:13 wolf:3 raven:2 hawk"),
    "bard": _weights("none:14 dove:2 hound raven"),
    "cavalry": _weights("brown_horse:5 pale_horse:4 armoured_horse:3 griffin:2 reins_only:3 none:4 hawk hound"),
    "cleric": _weights("none:14 dove:3 owl:2"),
    "knight": _weights("none:16 armoured_horse:2 pale_horse hawk hound"),
    "mage": _weights("none:12 owl:3 raven:2 dove griffin"),
    "ranger": _weights("none:10 hawk:3 wolf:2 hound:2 owl brown_horse"),
    "rogue": _weights("none:14 raven:3 hound"),
    "warrior": _weights("none:15 brown_horse hound:2 wolf"),
}

HAIR_WEIGHTS = {
    "feminine": _weights(
        "long_parted:4 long_blunt:3 long_locks:3 long_waves:4"
        " long_drawn_back:2 wavy_tips:3 shoulder_parted:3 shoulder_swept:3 bob_blunt:3"
        " bob_parted:3 bun:2 bun_fringe:3 ponytail:3 ponytail_tips:3"
        " twin_tails:2 twin_braids:3 side_braid:3 crown_braid:2 pixie:3 mane:2"
        " afro:1 curly_short tousled short_swept top_knot mohawk bowl"
    ),
    "masculine": _weights(
        "short_neat:4 short_swept:4 tousled:4 spiky:3 receding:3 shaven:3"
        " bald:3 flat_top:2 mohawk:2 bowl:2 curly_short:3 wild_short:3"
        " afro:2 mane:2 top_knot:2 shoulder_parted:2 shoulder_swept:2"
        " long_drawn_back:2 long_parted:1 ponytail pixie long_waves"
    ),
}
BEARD_WEIGHTS = {
    "feminine": _weights("none"),
    "masculine": _weights(
        "none:5 stubble:5 moustache:2 handlebar:2 boxed:3 full:4 long:2 forked:2 pointed:2 goatee:3 chops:2 braided:2"
    ),
}
JAW_WEIGHTS = {
    "feminine": _weights("oval:4 round:3 heart:5 slender:4 pointed:2 long:1"),
    "masculine": _weights("square:5 broad:3 long:3 oval:3 round:2 slender:1"),
}
EYE_WEIGHTS = {
    "feminine": _weights("large:5 almond:4 lashed:6 round:1 level:1 closed:1 sleepy:1"),
    "masculine": _weights("level:4 narrow:3 deep:4 round:3 almond:1 sleepy:1"),
}
BROW_WEIGHTS = {
    "feminine": _weights("thin:4 arched:4 soft:3 raised:1 straight:1"),
    "masculine": _weights("straight:3 thick:4 stern:4 bushy:2 soft:1 raised:1"),
}
NOSE_WEIGHTS = {
    "feminine": _weights("button:5 short:4 straight:3 long"),
    "masculine": _weights("straight:4 long:3 broad:4 hooked:2 short:2"),
}
EARRING_WEIGHTS = {
    "feminine": _weights("none:2 studs:2 hoops:3 drops:3"),
    "masculine": _weights("none:12 studs:2 hoops:2 drops"),
}
BUILD_WEIGHTS = {
    "feminine": _weights("curved:6 slight:4 average:2 brawny:1"),
    "masculine": _weights("brawny:5 average:5 slight:3"),
}
EXPRESSION_WEIGHTS = {
    "barbarian": _weights("fierce:5 grim:3 calm:2 cheerful:2 surprised sad sly weary"),
    "bard": _weights("cheerful:6 calm:3 sly:3 surprised:2 sad fierce grim weary"),
    "rogue": _weights("sly:5 calm:3 cheerful:2 grim:2 weary:2 fierce sad surprised"),
}
OTHER_EXPRESSIONS = _weights("calm:5 cheerful:3 grim:2 fierce:2 weary:2 sly sad surprised")
# What a mouth does depends on the mood; its lips, on the gender, and not always.
MOUTH_WEIGHTS = {
    "feminine": {
        "calm": _weights("full:5 small:3 calm:2"),
        "cheerful": _weights("full_smile:5 smile:2 full_open:2 grin"),
        "fierce": _weights("full_frown:3 gritted:2 shout:2 stern"),
        "grim": _weights("full_frown:4 stern:2 small"),
        "sad": _weights("full_frown:3 small:2 frown"),
        "sly": _weights("full_smirk:4 smirk:2"),
        "surprised": _weights("full_open:3 gasp:2 open"),
        "weary": _weights("full:3 calm:2 frown small"),
    },
    "masculine": {
        "calm": _weights("calm:6 full:2 small"),
        "cheerful": _weights("smile:4 grin:4 full_smile:2 open"),
        "fierce": _weights("gritted:3 shout:3 stern:3 full_frown"),
        "grim": _weights("stern:4 frown:2 full_frown"),
        "sad": _weights("frown:3 calm:2 full_frown"),
        "sly": _weights("smirk:5 full_smirk:2"),
        "surprised": _weights("gasp:4 open:2 full_open"),
        "weary": _weights("calm:3 frown:2 full"),
    },
}
MARK_WEIGHTS = {
    "barbarian": _weights("none:4 war_paint_bands:3 war_paint_eyes:2 scar_cheek:2 scar_eye:2 tattoo:2"),
    "rogue": _weights("none:6 scar_cheek:2 scar_eye:2 mole tattoo war_paint_eyes"),
    "warrior": _weights("none:6 scar_cheek:3 scar_eye:2 war_paint_bands freckles"),
}
OTHER_MARKS = _weights("none:9 freckles:2 blush:2 mole scar_cheek tattoo")
EAR_WEIGHTS = {
    "ranger": _weights("human:5 pointed:3 long_pointed:2"),
    "mage": _weights("human:6 pointed:2 long_pointed"),
}
OTHER_EARS = _weights("human:9 pointed")
AGE_WEIGHTS = _weights("young:4 adult:5 old:2")
VIEW_WEIGHTS = _weights("front:5 left:3 right:3")
SKIN_WEIGHTS = _weights(
    "porcelain:5 rosy:6 peach:7 sand:6 olive:4 tan:5 bronze:4 umber:4 ebony:3 ashen:1 moss:1 dusk:1"
)


class Chooser:
    """Draws from weighted tables with one generator; integers only, so that every platform draws the same."""

    def __init__(self, entropy: Sequence[int]) -> None:
        self.generator = np.random.Generator(np.random.PCG64(list(entropy)))

    def number(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        return int(self.generator.integers(low, high + 1))

    def name(self, weights: Weights) -> str:
        """A name, as often as its weight says."""
        place = self.number(1, sum(weights.values()))
        for name, weight in weights.items():
            place -= weight
            if place <= 0:
                return name
        raise AssertionError("unreachable: the place lies within the sum of the weights")

    def one_of(self, names: Sequence[str] | Mapping[str, object]) -> str:
        """One of the names, all alike."""
        return list(names)[self.number(0, len(names) - 1)]


def random_silhouette(gender: str, hero_class: str, entropy: Sequence[int]) -> HeroSpec:
    """A hero's shape, in colours of no account: `recoloured` gives it its own.

    Args:
        entropy: integers that the choice depends on, and on nothing else.

    Raises:
        InputError: an unknown gender or class.
    """
    _check_known("gender", gender, GENDERS)
    _check_known("hero_class", hero_class, HERO_CLASSES)
    choose = Chooser(entropy)
    masculine = gender == "masculine"
    age = choose.name(AGE_WEIGHTS)
    expression = choose.name(EXPRESSION_WEIGHTS.get(hero_class, OTHER_EXPRESSIONS))
    return HeroSpec(
        gender=gender,
        hero_class=hero_class,
        view=choose.name(VIEW_WEIGHTS),
        top=choose.number(14, 18),
        sway=choose.number(-2, 2),
        head_width=choose.number(11, 12 + masculine),
        jaw=choose.name(JAW_WEIGHTS[gender]),
        shoulders=choose.number(21, 27) if masculine else choose.number(19, 25),
        slope=choose.number(0, 4),
        build=choose.name(BUILD_WEIGHTS[gender]),
        hand=choose.number(0, 1) * 2 - 1,
        ears=choose.name(EAR_WEIGHTS.get(hero_class, OTHER_EARS)),
        age=age,
        eyes=choose.name(EYE_WEIGHTS[gender]),
        brows=choose.name(BROW_WEIGHTS[gender]),
        nose=choose.name(NOSE_WEIGHTS[gender]),
        mouth=choose.name(MOUTH_WEIGHTS[gender][expression]),
        expression=expression,
        mark=choose.name(MARK_WEIGHTS.get(hero_class, OTHER_MARKS)),
        earrings=choose.name(EARRING_WEIGHTS[gender]),
        hair=choose.name(HAIR_WEIGHTS[gender]),
        hair_length=choose.number(-3, 3),
        beard=choose.name(BEARD_WEIGHTS[gender]),
        **_gear(hero_class, choose),
        wave=choose.number(0, 7),
        palette="neutral",
        skin=choose.name(SKIN_WEIGHTS),
        hair_ramp="iron",
        cloth="ash",
        second="ash",
        metal="iron",
        leather="weathered",
        trim="ivory_trim",
        iris=choose.one_of(IRIS_COLOURS),
        tint=0,
    )


def _gear(hero_class: str, choose: Chooser) -> dict[str, str]:
    """What a hero of a class wears, carries and is followed by: field -> part."""
    cape = choose.name(CAPE_WEIGHTS[hero_class])
    return {
        "headgear": choose.name(HEADGEAR_WEIGHTS[hero_class]),
        "garment": choose.name(GARMENT_WEIGHTS[hero_class]),
        "cape": cape,
        "shoulder_armour": choose.name(SHOULDER_WEIGHTS[hero_class]) if cape == "none" else "none",
        "jewel": choose.name(JEWEL_WEIGHTS[hero_class]),
        "weapon": choose.name(WEAPON_WEIGHTS[hero_class]),
        "companion": choose.name(COMPANION_WEIGHTS[hero_class]),
    }


def recast(spec: HeroSpec, hero_class: str, entropy: Sequence[int]) -> HeroSpec:
    """The same person in another class: face, hair, body and colours stay, gear is chosen anew.

    Raises:
        InputError: an unknown class.
    """
    _check_known("hero_class", hero_class, HERO_CLASSES)
    return replace(spec, hero_class=hero_class, **_gear(hero_class, Chooser(entropy)))


def recoloured(spec: HeroSpec, palette: str, entropy: Sequence[int]) -> HeroSpec:
    """The same hero in other colours of a palette category: the mask stays, pixel for pixel.

    Skin and eyes stay too, two times in three.

    Raises:
        InputError: an unknown palette category.
    """
    _check_known("palette", palette, PALETTES)
    choose = Chooser(entropy)
    cloths = CLOTH_RAMPS[palette]
    cloth = choose.one_of(cloths)
    # Contrast inside a portrait: the second cloth leans to another hue; old hair is grey three times in four.
    others = [name for name in cloths if hue_gap(cloths[name], cloths[cloth]) >= 20]
    greyed = spec.age == "old" and choose.number(0, 3) > 0
    return replace(
        spec,
        palette=palette,
        hair_ramp=choose.one_of(GREY_HAIR[palette] if greyed else HAIR_RAMPS[palette]),
        cloth=cloth,
        second=choose.one_of(others),
        metal=choose.one_of(METAL_RAMPS[palette]),
        leather=choose.one_of(LEATHER_RAMPS[palette]),
        trim=choose.one_of(TRIM_RAMPS[palette]),
        tint=choose.number(-3, 3),
        skin=spec.skin if choose.number(0, 2) else choose.name(SKIN_WEIGHTS),
        iris=spec.iris if choose.number(0, 2) else choose.one_of(IRIS_COLOURS),
    )


class _Quota:
    """Deals names so that each comes about as often as its weight asks, and every name once before any comes twice."""

    def __init__(self, weights: Weights, first: Sequence[str]) -> None:
        self.weights = dict(weights)
        self.first = list(first)
        self.dealt = dict.fromkeys(weights, 0)

    def deal(self) -> str:
        """The next name."""
        count = sum(self.dealt.values())
        name = self.first[count] if count < len(self.first) else self._most_wanted(self.weights, count + 1)
        self.dealt[name] += 1
        return name

    def deal_unlike(self, count: int) -> list[str]:
        """So many names at once, as unlike as the weights let them be.

        A name comes as often as its weight asks of `count`, rounded down or up; which way evens out from call to call.
        """
        total, after = sum(self.weights.values()), sum(self.dealt.values()) + count
        dealt = [name for name, weight in self.weights.items() for _ in range(weight * count // total)]
        for name in dealt:
            self.dealt[name] += 1
        left = dict(self.weights)
        while len(dealt) < count:
            new = [name for name in self.first if not self.dealt[name]]
            name = new[0] if new else self._most_wanted(left, after)
            self.dealt[name] += 1
            dealt.append(name)
            del left[name]
        return dealt

    def _most_wanted(self, names: Iterable[str], count: int) -> str:
        """Of the names, the one with the largest shortfall once `count` are dealt."""
        total = sum(self.weights.values())
        # Integers, so no rounding decides a tie.
        return max(names, key=lambda name: self.weights[name] * count - self.dealt[name] * total)


def heroes(count: int, seed: int = 0, recolours: int = RECOLOURS) -> Iterator[HeroSpec]:
    """The heroes of a set, recolours of one silhouette one after the other.

    Args:
        count: how many heroes.
        seed: of the set. The silhouettes of a seed are the same ones whatever the count and the recolours.
        recolours: how many of each silhouette; fewer where `count` is too small for every gender and class to have a
            silhouette of its own (below 18 times as many).

    Raises:
        InputError: a count, seed or recolours out of range.
    """
    check_range("the number of heroes", count, 1, MOST_HEROES)
    check_range("the seed", seed, 0, MOST_SEED)
    check_range("the number of recolours", recolours, 1, MOST_RECOLOURS)
    return _deal_heroes(count, seed, recolours)


def _deal_heroes(count: int, seed: int, most_recolours: int) -> Iterator[HeroSpec]:
    cells = {
        f"{gender} {hero_class}": CLASS_WEIGHTS[hero_class]
        * (FEMININE_SHARE[hero_class] if gender == "feminine" else 100 - FEMININE_SHARE[hero_class])
        for gender in GENDERS
        for hero_class in HERO_CLASSES
    }
    order = Chooser([seed, 0])
    quota = _Quota(cells, _shuffled(list(cells), order))
    palettes = {cell: _Quota(PALETTE_WEIGHTS[cell.split()[1]], _shuffled(list(PALETTES), order)) for cell in cells}
    recolours = max(1, min(most_recolours, count // len(cells)))
    made = 0
    silhouette_index = 0
    while made < count:
        cell = quota.deal()
        gender, hero_class = cell.split()
        silhouette = random_silhouette(gender, hero_class, [seed, 1, silhouette_index])
        dyes: set[tuple[str, int]] = set()
        attempt = 0
        number = min(recolours, count - made)
        # More recolours than palettes show every palette however they are dealt.
        unlike = recolours <= len(PALETTES)
        of_one = palettes[cell].deal_unlike(number) if unlike else [palettes[cell].deal() for _ in range(number)]
        for palette in of_one:
            while True:
                attempt += 1
                spec = recoloured(silhouette, palette, [seed, 2, silhouette_index, attempt])
                # Cloth is seen on every hero: where it differs, so do the pixels.
                if (spec.cloth, spec.tint) not in dyes:
                    break
            dyes.add((spec.cloth, spec.tint))
            yield spec
            made += 1
        silhouette_index += 1


def _shuffled(names: list[str], choose: Chooser) -> list[str]:
    """The names in another order (Fisher-Yates)."""
    for index in range(len(names) - 1, 0, -1):
        other = choose.number(0, index)
        names[index], names[other] = names[other], names[index]
    return names
