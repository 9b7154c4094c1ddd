"""A training run from its arguments: configuration, data and checks; then the `Trainer` does the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from src.config import config_to_dict, former_names_among
from src.data.packed import TRAIN, VALIDATION, PackedPortraits, PortraitBatches, describe, load_portraits
from src.device import pick_device
from src.errors import InputError
from src.families import build_family
from src.palettes.snap import choose_palette, colour_table
from src.schema import TrainingConfig
from src.tables import write_json
from src.training.budget import Budget
from src.training.checkpoint import load_checkpoint
from src.training.configure import Run, attributes_to_condition_on, check_data, configure
from src.training.distributed import Processes, joined_processes
from src.training.estimate import Estimate, check_batch, measure
from src.training.from_weights import Start, configure_from, read_start, take_over
from src.training.log import duration, unread
from src.training.memory import release_memory, saved_on_host
from src.training.quick_evaluation import Evaluator
from src.training.report import Reporter
from src.training.run_folder import RunFolder
from src.training.tracking import import_mlflow, open_trackers
from src.training.trainer import Trainer, TrainingResult, seed_step

COLOUR_PORTRAITS = 20_000
"""From so many training portraits, evenly picked, come the colours for snapping."""

COPIES = 6
"""How often networks are in memory at the least: weights, their average, and with gradients and the optimizer's two
moments those that are measured before the run."""


def train(
    data: Path,
    out: Path,
    family: str | None = None,
    profile: str | None = None,
    overrides: Mapping[str, object] | None = None,
    resume: bool = False,
    log: Callable[[str], None] = print,
    evaluator: Evaluator | None = None,
    settings: Path | None = None,
    start: Path | None = None,
    minutes: float | None = None,
) -> TrainingResult:
    """Train a family on the packed portraits of a data folder.

    Args:
        data: folder with `portraits.npz`.
        out: artifacts folder; gets `samples/`, `checkpoints/`, `metrics.csv`, `config.json`, and `tensorboard/` where
            TensorBoard is installed.
        family: a name of `FAMILIES`; None is the checkpoint's when resuming, else the one that `settings` names, else
            the default one.
        profile: `smoke`, `cpu` or `rtx2070`; None likewise, and at last by the hardware.
        overrides: values by name that replace all others (`kimg`, `seed`, ...); texts are read as the field's type.
        resume: go on from `checkpoints/latest.pt` where there is one. Otherwise a run that lies in `out` is moved to
            `out/earlier_runs/` and a fresh one starts.
        log: takes the status lines; where it raises OSError at one of training's, the run saves and ends.
        evaluator: measures samples every `evaluate_kimg`: its metrics go into `metrics.csv`, and the checkpoint with
            the lowest `kid_random` is kept as `checkpoints/best.pt`. What is trained does not depend on it.
        settings: a file of values that replace the profile's, or the checkpoint's when resuming (`settings_in`).
        start: a checkpoint or weights file that a fresh run begins with (`src/training/from_weights.py`); a run that is
            resumed has begun.
        minutes: so long by the clock, from this call to the last step, in place of a number of kimg.

    Raises:
        InputError: anything wrong with the arguments, the data or the checkpoint, or a checkpoint that cannot be
            written.
        TrainingDiverged: a loss became infinite or not a number.
        OSError: a report cannot be written; what was learned is saved.
    """
    overrides = dict(overrides or {})
    if (minutes is not None) + ("kimg" in overrides) + bool(overrides.get("epochs")) > 1:
        raise InputError("give the length as minutes, as kimg or as epochs, not both")
    if "kimg" in overrides:
        overrides["epochs"] = 0
    budget = None if minutes is None else Budget.of_minutes(minutes)
    folder = RunFolder(out)
    status, log = log, unread(log)
    with joined_processes() as processes:
        if not processes.leads:
            status = log = _no_log
        for line in former_names_among(overrides):
            log(line)
        checkpoint = load_checkpoint(folder.latest) if resume and folder.latest.exists() else None
        folder.is_ours = checkpoint is not None
        with processes.first_alone():
            portraits = load_portraits(data)
        begin = read_start(start) if start is not None and checkpoint is None else None
        if begin is None:
            run = configure(checkpoint, family, profile, settings, overrides, log)
        else:
            run = configure_from(begin, family, profile, settings, overrides)
        run = replace(run, config=with_epochs_in_kimg(run.config, int((portraits.split == TRAIN).sum())))
        processes.check(run.config.batch_size)
        if run.config.mlflow:
            import_mlflow()  # a missing library shows before anything is done
        portraits = portraits.conditioned_on(attributes_to_condition_on(run, portraits.specification))
        if checkpoint is not None:
            check_data(checkpoint, portraits)
        elif resume:
            log("no checkpoint yet: starting afresh")
        budget = budget or Budget.of_config(run.config)
        try:
            return _run(run, portraits, folder, checkpoint, begin, log, status, evaluator, processes, budget)
        except torch.OutOfMemoryError:
            if processes.count > 1:
                raise  # one process cannot start again while the others wait for it
        # Not in the `except` block: until it ends, the error holds on to everything that filled the card.
        release_memory()
        log(
            "the card's memory ran out: going on with activations in the computer's memory; the gradients are the "
            "same, steps take longer (a smaller --set batch_size=... avoids it)"
        )
        # Not that of an earlier run, which lies there until the networks are built.
        checkpoint = load_checkpoint(folder.latest) if folder.is_ours and folder.latest.is_file() else None
        try:
            with saved_on_host():
                return _run(run, portraits, folder, checkpoint, begin, log, status, evaluator, processes, budget)
        except torch.OutOfMemoryError:
            raise InputError(
                "the card's memory does not suffice; lower --set batch_size=..., or free the card from other programs"
            ) from None


def _run(
    run: Run,
    portraits: PackedPortraits,
    folder: RunFolder,
    checkpoint: Mapping[str, object] | None,
    begin: Start | None,
    log: Callable[[str], None],
    status: Callable[[str], None],
    evaluator: Evaluator | None,
    processes: Processes,
    budget: Budget,
) -> TrainingResult:
    """Build everything, start or resume, train."""
    config, device, out = run.config, pick_device(), folder.path
    torch.backends.cudnn.benchmark = True
    specification = describe(portraits)
    train_indices = np.flatnonzero(portraits.split == TRAIN)
    colours = colour_table(portraits.images[train_indices[:: -(-len(train_indices) // COLOUR_PORTRAITS)]])
    palette = choose_palette(config.palette_snap, colours) if config.palette_snap else None
    seed_step(config.seed, 0)  # the weights follow from the seed
    family = build_family(run.family, config, specification, device, COPIES if device.type == "cpu" else 1)
    family.build_optimizers()
    if begin is not None and checkpoint is None:
        # The moving average, made from the family's sampler below, begins with these weights too.
        take_over(begin, family, log)

    images, note = family.prepare_images(portraits.images)
    if note:
        log(note)
    prepared = replace(portraits, images=images)
    train_set, validation_set = (PortraitBatches(prepared, split, device) for split in (TRAIN, VALIDATION))
    if train_set.images is not None:
        family.inspect_training_set(train_set.images, train_set.labels)

    description = {
        "family": run.family,
        "profile": run.profile,
        "config": config_to_dict(config),
        "label_mappings": portraits.specification.to_mapping(),
        "data_fingerprint": portraits.fingerprint,
        "size": specification.size,
        "channels": specification.channels,
        "intra_class_distance": specification.intra_class_distance,
    }
    # So that samples can be snapped to the set's colours where the set itself is not at hand.
    training_colours = {
        "colours": torch.from_numpy(colours.colours),
        "counts": torch.from_numpy(colours.counts),
    }
    trainer = Trainer(
        family,
        config,
        train_set,
        validation_set,
        folder.checkpoints,
        {**description, "training_colours": training_colours},
        processes,
        budget,
    )
    if checkpoint is not None:
        trainer.load(checkpoint)
        if checkpoint["config"].get("batch_size") != config.batch_size:
            check_batch(type(family)(config, specification, device), train_set)
        log(f"resuming {run.family} at {trainer.images_seen / 1000:.2f} kimg{length_of(budget)}")
    elif processes.count == 1:
        estimate = measure(type(family), config, specification, train_set)
        announce(run, estimate, budget, train_set, validation_set, log)
    else:
        log(f"{run.family}, profile {run.profile}, on {processes.count} processes")
    if not processes.leads:
        return trainer.train(None)

    # Only now: with settings that are refused, the earlier run stays where it is.
    folder.clear(log)
    if trainer.finished:
        log(f"already trained to {trainer.images_seen / 1000:g} kimg; raise kimg to train on")
    write_json(out / "config.json", description)
    with open_trackers(out, description, trainer.images_seen, log) as trackers:
        sets = {"train": train_set, "validation": validation_set}
        reporter = Reporter(
            out, family, config, portraits, sets, trainer.images_seen, budget, palette, evaluator, trackers, status
        )
        if trainer.images_seen == 0:
            reporter.start(trainer.average.network)
        result = trainer.train(reporter)
        trackers.checkpoint(folder.latest)
    if trainer.time_is_up:
        # Of the same length without a clock.
        run_again = {**description["config"], "kimg": result.images_seen / 1000}
        write_json(out / "config.json", {**description, "config": run_again})
        log(f"the time is up at {result.images_seen / 1000:.2f} kimg; saved to {result.checkpoint}; resume to go on")
    if family.finished:
        log(f"{run.family} stopped by itself at {result.images_seen / 1000:.2f} kimg (early stopping)")
    if result.interrupted:
        log(f"interrupted at {result.images_seen / 1000:.2f} kimg; saved to {result.checkpoint}; resume to go on")
    elif not trainer.time_is_up:
        log(f"saved to {result.checkpoint}; the grids are in {out / 'samples'}")
    return result


def with_epochs_in_kimg(config: TrainingConfig, portraits: int) -> TrainingConfig:
    """The configuration with its `epochs`, where there are any, as `kimg` of so many training portraits."""
    return config.model_copy(update={"kimg": config.epochs * portraits / 1000}) if config.epochs else config


def announce(
    run: Run,
    estimate: Estimate,
    budget: Budget,
    train_set: PortraitBatches,
    validation_set: PortraitBatches,
    log: Callable[[str], None],
) -> None:
    """Log what is about to be trained, and what it will cost."""
    log(
        f"{run.family}, profile {run.profile}, on {train_set.device.type}: {len(train_set)} portraits to "
        f"train on, {len(validation_set)} for validation"
    )
    speed = estimate.images_per_second
    seconds = budget.seconds_left(0, speed)
    kimg = run.config.kimg if budget.images < math.inf else float(f"{seconds * speed / 1000:.3g}")
    memory = f", about {estimate.memory_bytes / 2**30:.1f} GB of memory" if estimate.memory_bytes else ""
    pace = f"{speed:.0f}" if speed >= 10 else f"{speed:.2g}"
    log(f"{kimg:g} kimg at about {pace} images a second: about {duration(seconds)}{memory}")


def length_of(budget: Budget) -> str:
    """What a resumed run will have seen, or how long it goes on."""
    return f" of {budget.images / 1000:g}" if budget.images < math.inf else f", {duration(budget.seconds)} to go"


def _no_log(_line: str) -> None:
    """Takes the lines of all processes but the first."""
