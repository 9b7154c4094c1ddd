"""What the metrics show: which of them see the known faults, and words for what is wrong with the samples."""

from __future__ import annotations

from collections.abc import Mapping

from src.evaluation.distances import Metric

Metrics = Mapping[str, Metric]

HIGHER_IS_BETTER = ("precision", "recall", "density", "coverage", "accuracy", "two_eyes", "mouth")
LOWER_IS_BETTER = ("frechet", "kid", "colour_distance", "pixel_art_distance", "copies_share", "two_sample")
"""First words of metrics' names. Others (a number of colours) have no better side."""

CLEARLY = 3.0
"""A difference counts from this many of its own spreads on."""

LOW_DIVERSITY_BELOW = 0.5
LOW_LABEL_ACCURACY_BELOW = 0.5
TOO_MANY_COLOURS_ABOVE = 2.0
"""In shares of what validation portraits reach; of an accuracy, of what they reach beyond guessing."""

FLAGS = {
    "copies": "more samples lie too close to a training portrait than real portraits do that were never trained on",
    "low_diversity": f"recall is below {LOW_DIVERSITY_BELOW:.0%} of what validation portraits reach",
    "unlike": "precision is below half of what validation portraits reach, or the Fréchet distance is worse than "
    "that of blurred training portraits",
    "low_label_accuracy": f"an attribute is right less than {LOW_LABEL_ACCURACY_BELOW:.0%} as far beyond guessing as "
    "on validation portraits",
    "too_many_colours": f"a sample has more than {TOO_MANY_COLOURS_ABOVE:.0f} times the colours of a real portrait",
    "other_data": "the checkpoint was trained on other data than these: the copy check says nothing about it",
    "few_samples": "fewer samples than validation portraits: every row is measured at this small count",
}
"""Every word that may stand in `flags`, with its meaning."""


def difference(name: str, metric: Metric, real: Metric) -> float:
    """By how many spreads a metric is worse than the same one of validation portraits; negative where it is better.

    Args:
        name: of the metric.
        metric: of a set.
        real: of validation portraits.
    """
    worse = metric.value - real.value
    if name.startswith(HIGHER_IS_BETTER):
        worse = -worse
    # The tiny addend: two metrics without any spread (all of them right) differ for certain, or not at all.
    return worse / ((metric.spread**2 + real.spread**2) ** 0.5 + 1e-9)


def measures_that_tell(control: Metrics, real: Metrics) -> list[str]:
    """The measures under which a control set is clearly worse than validation portraits.

    Args:
        control: metrics by name.
        real: the same of validation portraits.
    """
    directed = (name for name in control if name.startswith(HIGHER_IS_BETTER + LOWER_IS_BETTER) and name in real)
    return [name for name in directed if difference(name, control[name], real[name]) > CLEARLY]


def flags(
    samples: Metrics,
    real: Metrics,
    blurred: Metrics,
    chance: Mapping[str, float],
    copies: bool,
    trained_on_this_data: bool,
    enough: bool,
) -> list[str]:
    """Words for what is wrong with the samples; none where nothing is.

    Args:
        samples: metrics by name.
        real: of validation portraits.
        blurred: of blurred training portraits.
        chance: attribute -> the accuracy of guessing.
        copies: whether the copy check found copies.
        trained_on_this_data: false for a checkpoint of another data set.
        enough: whether there are as many samples as validation portraits.
    """

    def value(metrics: Metrics, name: str) -> float:
        return metrics[name].value

    worse_than_blurred = value(samples, "frechet_random") > value(blurred, "frechet_random")
    # A classifier that hardly beats guessing on reals, on a small set, shows nothing; nor does a difference by chance.
    low_label_accuracy = any(
        value(samples, name) - guessing < LOW_LABEL_ACCURACY_BELOW * (value(real, name) - guessing)
        and difference(name, samples[name], real[name]) > CLEARLY
        for name, guessing in ((f"accuracy_{attribute}", guessing) for attribute, guessing in chance.items())
    )
    found = {
        "copies": copies,
        "low_diversity": value(samples, "recall") < LOW_DIVERSITY_BELOW * value(real, "recall"),
        "unlike": worse_than_blurred or value(samples, "precision") < 0.5 * value(real, "precision"),
        "low_label_accuracy": low_label_accuracy,
        "too_many_colours": value(samples, "colours_median") > TOO_MANY_COLOURS_ABOVE * value(real, "colours_median"),
        "other_data": not trained_on_this_data,
        "few_samples": not enough,
    }
    return [name for name in FLAGS if found[name]]
