"""What the study asks, and the runs that answer: a list to read, to change and to add to.

A row is one recipe, trained with every seed. All else is as in the base row: `resnet_gan` as the studies that it
follows have it, with the profile's other values. A question puts rows beside the one they are compared with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from src.config import config_to_dict, load_config
from src.data.packed import condition_names
from src.errors import InputError
from src.families import DEFAULT_FAMILY
from src.labels import LabelSpecification


@dataclass(frozen=True)
class Row:
    """One recipe.

    Args:
        name: in tables, in `--rows` and in the names of the runs' folders.
        changes: in words, what is not as in the row it is compared with.
        family: a name of `FAMILIES`.
        overrides: settings that replace the profile's.
        published: whether a row of `resnet_gan` is the published recipe rather than the profile's.
        without: an attribute that the networks are not conditioned on.
        like: a family whose values are taken over, under the profile, for every setting that both families have ...
        own: ... but for these.
        share: of the training portraits.
        raw_weights_of: a row whose runs are evaluated once more, with the generator as it is instead of its moving
            average; no training of its own.
    """

    name: str
    changes: str
    family: str = DEFAULT_FAMILY
    overrides: Mapping[str, object] = field(default_factory=dict)
    published: bool = True
    without: str = ""
    like: str = ""
    own: tuple[str, ...] = ()
    share: float = 1.0
    raw_weights_of: str = ""


BASE = "base"

# `resnet_gan` as in those studies, where this project's profiles have something else.
PUBLISHED = {
    "colours": 0,
    "auxiliary_weight": 0.0,
    "augment": "flip,translation,cutout",
    "augment_target": 0.0,
}

# In the order in which they are run, the most telling first: an interrupted study has answers to what matters most.
ROWS = (
    Row(BASE, "`resnet_gan` as published: free pixels, no classifier"),
    Row("palette_head", "a palette head: at most 31 exact colours", overrides={"colours": 31}),
    Row(
        "as_today",
        "the profile: a palette head, a classifier beside the projection, adaptive augmentation",
        published=False,
    ),
    Row("no_ema", "evaluated without the moving average", raw_weights_of=BASE),
    Row("no_palette", "palette conditioning off", without="palette"),
    Row("no_augment", "DiffAugment off", overrides={"augment": ""}),
    Row("no_r1", "R1 off", overrides={"r1_gamma": 0.0}),
    Row("no_spectral_norm", "spectral normalisation off", overrides={"spectral_norm": False}),
    Row("cdcgan", "conditional DCGAN, its own plain recipe", family="cdcgan"),
    Row(
        "dcgan_networks",
        "the DCGAN's networks under the base row's recipe",
        family="cdcgan",
        like=DEFAULT_FAMILY,
        own=("base_channels",),
    ),
    # Soft labels and dropout are off: all that is left is how the label reaches D.
    Row(
        "acgan",
        "auxiliary classifier in place of the label map",
        family="acgan",
        like="cdcgan",
        overrides={"real_target": 1.0, "dropout": 0.0},
    ),
    Row("half", "half of the training portraits", share=1 / 2),
    Row("quarter", "a quarter of the training portraits", share=1 / 4),
    Row("eighth", "an eighth of the training portraits", share=1 / 8),
    Row("no_ttur", "one learning rate for both networks", overrides={"learning_rate_discriminator": 2e-4}),
    Row("no_instance_noise", "instance noise off", overrides={"instance_noise": 0.0}),
    Row("no_diversity", "diversity loss off", overrides={"diversity_weight": 0.0}),
    Row("r3gan", "relativistic pairs, R1 and R2, no normalisation, palette head", family="r3gan"),
)


@dataclass(frozen=True)
class Question:
    """Rows side by side.

    Args:
        name: a word.
        title: the heading.
        explanation: what the technique is and what one would expect of it.
        rows: their names.
        base: name of the row they are compared with.
    """

    name: str
    title: str
    explanation: str
    rows: tuple[str, ...]
    base: str = BASE


QUESTIONS = (
    Question(
        "palette",
        "Does conditioning on the palette help?",
        "Both networks are given the palette's class beside gender and hero class. Without it the colours are the "
        "latent's to choose: the accuracy of the palette falls to guessing by construction, and the question is what "
        "else moves.",
        ("no_palette",),
    ),
    Question(
        "augment",
        "DiffAugment",
        "Reals and fakes are flipped, shifted and partly cut out before the discriminator sees them, with gradients "
        "passing through (Zhao et al., 2020). On a small set it keeps the discriminator from memorising the "
        "portraits.",
        ("no_augment",),
    ),
    Question(
        "r1",
        "R1",
        "A penalty on the discriminator's gradient at real portraits (Mescheder et al., 2018): it has to be flat "
        "where the data are, so that the generator is not thrown about near its goal.",
        ("no_r1",),
    ),
    Question(
        "spectral_norm",
        "Spectral normalisation",
        "Every weight of the discriminator is divided by its largest singular value (Miyato et al., 2018), which "
        "bounds how fast its output can change. R1 stays on in both rows.",
        ("no_spectral_norm",),
    ),
    Question(
        "ema",
        "Moving average of the generator",
        "Samples come from a running average of the generator's weights, not from the weights of the last step, "
        "which swing with every move of the discriminator. Both rows are the same runs, sampled twice.",
        ("no_ema",),
    ),
    Question(
        "ttur",
        "Two time-scales (TTUR)",
        "The discriminator learns with twice the generator's rate (Heusel et al., 2017). Without, both have the "
        "generator's.",
        ("no_ttur",),
    ),
    Question(
        "instance_noise",
        "Instance noise",
        "Noise on whatever the discriminator sees, fading within the first 50 kimg (Sønderby et al., 2017): early on "
        "it makes the two sets overlap, so that there is a gradient to follow.",
        ("no_instance_noise",),
    ),
    Question(
        "diversity",
        "Diversity loss",
        "Samples of one label are to be as far apart as portraits of one label are (after Yang et al., 2019). With "
        "labels this strong a generator otherwise learns to ignore its latent.",
        ("no_diversity",),
    ),
    Question(
        "classifier",
        "Label as an input, or a classifier?",
        "`cdcgan` shows the discriminator portrait and label together, as one more image channel; `acgan` has it name"
        " the label itself and rewards the generator for being recognised (Odena et al., 2017). Networks, batches, "
        "rates and loss are alike here. The projection of `resnet_gan` is a third way, but it is tied to the ResNet "
        "discriminator: this comparison says nothing about it.",
        ("acgan",),
        base="cdcgan",
    ),
    Question(
        "networks",
        "DCGAN or ResNet?",
        "`cdcgan` is the baseline with its own plain recipe; `dcgan_networks` has the same networks under "
        "`resnet_gan`'s loss, penalties, augmentation and rates, so that only the networks, and with them the "
        "projection, differ from the base row.",
        ("cdcgan", "dcgan_networks"),
    ),
    Question(
        "palette_head",
        "Pixels or a palette, and the recipe of today",
        "As published, the generator's last layer gives every pixel a colour of its own. A palette head chooses 31 "
        "colours and, for every pixel, one of them: samples are pixel art by construction. The profile adds a "
        "classifier beside the projection, which rewards the generator for being recognised (Odena et al., 2017), "
        "and augments only when the discriminator memorises (Karras et al., 2020), without cutout.",
        ("palette_head", "as_today"),
    ),
    Question(
        "r3gan",
        "Another recipe altogether: R3GAN",
        "Pairs instead of single verdicts, gradient penalties instead of normalisation (Huang et al., 2024), and a "
        "palette head that limits the colours of a sample. Everything differs from the base row at once.",
        ("r3gan",),
    ),
    Question(
        "data",
        "How much data?",
        "A half, a quarter and an eighth of the training portraits: whole groups, each set within the larger one, the"
        " same for every seed. The validation portraits stay the same, and copies are looked for in the full set.",
        ("half", "quarter", "eighth"),
    ),
)


def find_rows(names: Sequence[str] | None) -> tuple[Row, ...]:
    """The rows of these names and those they are compared with, in the order of `ROWS`; all for None.

    Raises:
        InputError: an unknown name, or none at all.
    """
    known = {row.name: row for row in ROWS}
    if names is None:
        return ROWS
    if not names:
        raise InputError(f"no row is named; choose from: {', '.join(known)}")
    chosen = set()
    for name in names:
        if name not in known:
            raise InputError(f"unknown row {name!r}; choose from: {', '.join(known)}")
        chosen |= {name, *(question.base for question in QUESTIONS if name in question.rows)}
    # A base may itself be compared with another row; nobody asked for that comparison.
    return tuple(row for row in ROWS if row.name in chosen)


def settings_of(row: Row, profile: str, specification: LabelSpecification) -> dict[str, object]:
    """The settings that lead from the family's profile to this row, but for seed and length.

    Args:
        row: what to train.
        profile: `smoke`, `cpu` or `rtx2070`.
        specification: the attributes of the data.

    Raises:
        InputError: an unknown profile.
    """
    settings: dict[str, object] = dict(PUBLISHED) if row.family == DEFAULT_FAMILY and row.published else {}
    if row.like:
        published = PUBLISHED if row.like == DEFAULT_FAMILY else {}
        taken = config_to_dict(load_config(row.like, profile, overrides=published))
        known = config_to_dict(load_config(row.family, profile))
        settings |= {
            name: value
            for name, value in taken.items()
            if name in known and name not in row.own and name not in ("seed", "kimg")
        }
    if row.without:
        kept = [name for name in condition_names("all", specification) if name != row.without]
        settings["condition_on"] = ",".join(kept) or "none"
    return {**settings, **row.overrides}


def is_possible(row: Row, specification: LabelSpecification) -> bool:
    """Whether these data have the attribute that the row leaves out."""
    return not row.without or row.without in specification.names
