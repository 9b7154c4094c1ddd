"""Evaluate a checkpoint or a folder of images: one JSON with every metric, one HTML page with every picture.

Six sets go through the same evaluator: the samples, validation portraits (the ceiling), and training portraits blurred,
grained, shuffled and copied, whose faults are known. A metric that does not see a known fault is not to be believed
there; `which_measure_tells` says which do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from src.errors import InputError
from src.evaluation.evaluator import Evaluator
from src.evaluation.inception import InceptionFeatures
from src.evaluation.report import Pictures, write_report
from src.evaluation.report_content import compose
from src.evaluation.report_rows import (
    add_copies,
    add_faces,
    add_inception,
    add_labels,
    add_likelihood,
    add_pixel_art,
    add_two_sample_tests,
    make_rows,
)
from src.evaluation.samples import Samples, read_samples, sample_checkpoint
from src.files import check_place
from src.progress import track
from src.sampling import load_model
from src.tables import write_json

FEWEST = 20
"""Samples, training and validation portraits below which no row of the report means anything."""


def evaluate(
    data: Path,
    out: Path,
    checkpoint: Path | None = None,
    images: Path | None = None,
    count: int = 2000,
    seed: int = 0,
    log: Callable[[str], None] = print,
    inception: Path | None = None,
    guidance: float | None = None,
) -> dict[str, object]:
    """Compare samples with the portraits of a data folder.

    Args:
        data: folder that `build` wrote, with validation portraits.
        out: the JSON to write; the page is written beside it, under the same name with `.html`.
        checkpoint: take samples of this model,
        images: or read them from this folder.
        count: the most samples to evaluate.
        seed: of the samples, of the choice of portraits for the controls, of the classifier.
        log: gets a line when a step is done.
        inception: file of Inception weights; adds `frechet_inception`.
        guidance: of the checkpoint's sampling (`load_model`); None: as configured.

    Returns:
        The content of the JSON.

    Raises:
        InputError: bad input, too few samples or validation portraits.
    """
    started = time.monotonic()

    def done(what: str) -> None:
        log(f"{what} ({time.monotonic() - started:.0f} s)")

    if (checkpoint is None) == (images is None):
        raise InputError("give either a checkpoint or a folder of images")
    if not 0 <= seed < 2**32:
        raise InputError(f"the seed must lie between 0 and {2**32 - 1}, not {seed}")
    if Path(out).suffix.lower() == ".html":
        raise InputError(f"{out} is where the page would be; name the JSON, such as {Path(out).with_suffix('.json')}")
    check_place(Path(out))
    check_place(Path(out).with_suffix(".html"))
    if images is not None and guidance is not None:
        raise InputError("guidance is of a checkpoint's sampling; leave --guidance out for images")
    # Before samples are made: a wrong file is refused at once.
    inception_features = InceptionFeatures(inception) if inception is not None else None
    evaluator = Evaluator(data, seed, log)
    samples = _take_samples(evaluator, checkpoint, images, count, guidance)
    rows = make_rows(evaluator, samples)
    equal = min(len(row.portraits) for row in rows.values())
    log(f"{len(samples.portraits):,} samples; every set is compared at {equal:,} portraits")

    for row in track(rows.values(), "distances", delay=2.0):
        row.metrics |= evaluator.distances(row.portraits[:equal]) | evaluator.colour_distance(row.portraits[:equal])
    if inception_features is not None:
        add_inception(rows, evaluator, equal, inception_features)
    done("distances in the random spaces and of colours measured")
    if evaluator.specification.names:
        add_labels(rows, evaluator, equal)
        if checkpoint is not None:
            rows["samples"].metrics |= evaluator.control(load_model(checkpoint, guidance))
        done("label accuracy measured")
    tested = add_two_sample_tests(rows, equal)
    done("two-sample tests made" if tested else f"two-sample tests left out: {equal} portraits a set are too few")
    add_faces(rows, evaluator)
    if checkpoint is not None:
        add_likelihood(rows, evaluator, load_model(checkpoint))
        done("faces and likelihood measured")
    pixel_measures = add_pixel_art(rows, evaluator, samples.partial_alpha)
    check = add_copies(rows, evaluator)
    done("pixels and copies measured")

    content = compose(evaluator, samples, rows, check, equal)
    write_json(out, content)
    pictures = Pictures(
        {name: row.portraits.portraits for name, row in rows.items()},
        samples.names,
        evaluator.train.portraits,
        check,
        pixel_measures,
    )
    write_report(Path(out).with_suffix(".html"), content, pictures)
    done("report written")
    return content


def _take_samples(
    evaluator: Evaluator, checkpoint: Path | None, images: Path | None, count: int, guidance: float | None
) -> Samples:
    fewest = min(count, len(evaluator.train), len(evaluator.validation))
    if fewest < FEWEST:
        raise InputError(f"at least {FEWEST} samples, training and validation portraits are needed, not {fewest}")
    specification, size = evaluator.specification, evaluator.train.portraits.shape[1]
    if checkpoint is not None:
        # With the labels of validation portraits both sets have the same mix of classes.
        requested, fingerprint = evaluator.real.labels, evaluator.packed.fingerprint
        samples = sample_checkpoint(checkpoint, count, evaluator.seed, requested, specification, fingerprint, guidance)
    else:
        samples = read_samples(images, count, size, specification)
    if samples.portraits.portraits.shape[1:] != evaluator.train.portraits.shape[1:]:
        raise InputError("the samples are not of the size of the portraits; name the data folder that goes with them")
    if len(samples.portraits) < FEWEST:
        raise InputError(f"at least {FEWEST} samples are needed, there are {len(samples.portraits)}")
    return samples
