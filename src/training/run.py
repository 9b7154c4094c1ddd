"""The training loop: which images a step sees, averaging, checkpoints, grids, logs. Knows no family by name.

What step k does is a function of the seed and the images seen before it, nothing else: data order and every random
draw follow from them, so training to N, stopping and resuming to 2N gives the same bits as training to 2N.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from src.config import (
    TrainingConfig,
    config_from_checkpoint,
    config_to_dict,
    differences,
    family_and_profile_in,
    load_config,
    settings_in,
)
from src.data.packed import (
    TRAIN,
    VALIDATION,
    PackedPortraits,
    PortraitBatches,
    batch_indices,
    condition_names,
    describe,
    load_portraits,
    to_signed,
)
from src.device import default_profile, pick_device
from src.errors import InputError, TrainingDiverged
from src.families import DEFAULT_FAMILY, find_family
from src.gan.moving_average import MovingAverage
from src.labels import LabelSpecification
from src.palettes.snap import choose_palette, colour_table
from src.tables import write_json
from src.training.checkpoint import load_checkpoint, save_checkpoint
from src.training.distributed import Processes, joined_processes
from src.training.estimate import Estimate, measure
from src.training.grids import (
    COLUMNS,
    grid_labels,
    grid_latents,
    row_names,
    spread_within_rows,
    to_rgba,
    write_grid,
)
from src.training.interrupt import StopRequest
from src.training.log import MetricsTable, RunningMeans, duration, status_line
from src.training.memory import within_memory
from src.training.quick_evaluation import Evaluator, Examination, is_best
from src.training.tracking import RUN_ID_FILE, Trackers, import_mlflow, open_trackers

# From so many training portraits, evenly picked, come the colours for snapping.
COLOUR_PORTRAITS = 20_000

# Validation portraits are looked at in one step of so many.
WATCH_STEPS = 8


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Args:
        checkpoint: the newest checkpoint.
        images_seen: real images the model has seen.
        interrupted: stopped by Ctrl-C, the kernel's interrupt or a kill, after saving.
    """

    checkpoint: Path
    images_seen: int
    interrupted: bool


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
        say: takes the status lines.
        judge: looks at samples every `evaluate_kimg`: its measures go into `metrics.csv`, and the checkpoint with the
            lowest `kid_random` is kept as `checkpoints/best.pt`. What is trained does not depend on it.
        settings: a file of values that replace the profile's, or the checkpoint's when resuming (`settings_in`).

    Raises:
        InputError: anything wrong with the arguments, the data or the checkpoint.
        TrainingDiverged: a loss became infinite or not a number.
    """
    with joined_processes() as processes:
        return _train(data, Path(out), family, profile, overrides or {}, resume, log, evaluator, processes, settings)


def _train(
    data: Path,
    out: Path,
    family: str | None,
    profile: str | None,
    overrides: Mapping[str, object],
    resume: bool,
    log: Callable[[str], None],
    evaluator: Evaluator | None,
    processes: Processes,
    settings: Path | None,
) -> TrainingResult:
    device = pick_device()
    if not processes.leads:
        log = _silence
    latest = out / "checkpoints" / "latest.pt"
    state = load_checkpoint(latest, device) if resume and latest.is_file() else None
    with processes.first_alone():
        portraits = load_portraits(data)
    run = _configure(state, family, profile, overrides, device, settings)
    processes.check(run.config.batch_size)
    if run.config.mlflow:
        import_mlflow()  # a missing library shows before anything is done
    portraits = portraits.conditioned_on(_conditions(run, portraits.specification))
    if state is None and resume:
        log("no checkpoint yet: starting afresh")
    if state is not None:
        _check_data(state, portraits)
        for line in run.changes:
            log(f"resuming with a change: {line}")
    started = False

    def attempt() -> TrainingResult:
        nonlocal started
        begin = load_checkpoint(latest, device) if started and latest.is_file() else state
        training = _Training(run, portraits, out, device, begin, log, evaluator, processes)
        if begin is None and processes.leads:
            # Only now: with settings that make no network, the earlier run stays where it is.
            _move_earlier_run(out, log)
        started = True
        return training.run()

    # One process cannot begin again while the others wait for it.
    return within_memory(attempt, log) if processes.count == 1 else attempt()


def _silence(_line: str) -> None:
    """Takes the lines of all processes but the first."""


def _conditions(run: _Run, specification: LabelSpecification) -> tuple[str, ...]:
    """The attributes that the networks are conditioned on."""
    if find_family(run.family).conditional:
        return condition_names(run.config.condition_on, specification)
    if run.config.condition_on not in ("all", "none"):
        raise InputError(
            f"{run.family} draws without labels, so condition_on={run.config.condition_on} means nothing to it; "
            "leave it out, or train a conditional family"
        )
    return ()


@dataclass(frozen=True)
class _Run:
    family: str
    profile: str
    config: TrainingConfig
    changes: tuple[str, ...] = ()


def _configure(
    state: Mapping[str, object] | None,
    family: str | None,
    profile: str | None,
    overrides: Mapping[str, object],
    device: torch.device,
    settings: Path | None,
) -> _Run:
    """The run's family, profile and configuration: the checkpoint's where one is resumed, else what was asked for."""
    if state is None:
        named_family, named_profile = family_and_profile_in(settings) if settings else (None, None)
        family = family or named_family or DEFAULT_FAMILY
        profile = profile or named_profile or default_profile(device)
        return _Run(family, profile, load_config(family, profile, settings, overrides))
    if family not in (None, state["family"]):
        raise InputError(f"the run to resume trains {state['family']!r}, not {family!r}; choose another --out")
    before = config_from_checkpoint(state["family"], state["config"])
    values = {**(settings_in(settings, state["family"], state["profile"]) if settings else {}), **overrides}
    if "kimg" not in values and profile not in (None, state["profile"]):
        raise InputError(f"the run to resume has profile {state['profile']!r}; resume with that, or with --kimg alone")
    config = config_from_checkpoint(state["family"], state["config"], values)
    if config.seed != before.seed:
        raise InputError(f"the run to resume has seed {before.seed}; resume with that, or choose another --out")
    return _Run(state["family"], state["profile"], config, tuple(differences(before, config)))


def _check_data(state: Mapping[str, object], portraits: PackedPortraits) -> None:
    saved = LabelSpecification.from_mapping(state["label_mappings"])
    if saved.to_mapping() != portraits.specification.to_mapping():
        raise InputError(
            f"the run to resume was trained with the labels {saved.to_mapping()}, the data have "
            f"{portraits.specification.to_mapping()}; build the same data, or start afresh without --resume"
        )
    if state["data_fingerprint"] != portraits.fingerprint:
        raise InputError(
            "the run to resume was trained on other data (the fingerprints differ); "
            "build the same data, or start afresh without --resume"
        )


def _move_earlier_run(out: Path, log: Callable[[str], None]) -> None:
    """Nothing of an earlier run is overwritten: a fresh run moves it out of the way."""
    if not any((out / "checkpoints").glob("*.pt")):
        return
    number = 1
    while (target := out / "earlier_runs" / f"{number:03d}").exists():
        number += 1
    patterns = ("checkpoints/*.pt", "samples/*.png", "tensorboard/*", "metrics.csv", "config.json", RUN_ID_FILE)
    for pattern in patterns:
        for path in out.glob(pattern):
            moved = target / path.relative_to(out)
            moved.parent.mkdir(parents=True, exist_ok=True)
            path.replace(moved)
    log(f"an earlier run was here: moved to {target.relative_to(out)}")


class _Training:
    """One run in progress."""

    def __init__(
        self,
        run: _Run,
        portraits: PackedPortraits,
        out: Path,
        device: torch.device,
        state: Mapping[str, object] | None,
        log: Callable[[str], None],
        evaluator: Evaluator | None,
        processes: Processes,
    ) -> None:
        self.processes = processes
        self.family_name, self.profile, self.config = run.family, run.profile, run.config
        self.portraits, self.out, self.device, self.log = portraits, out, device, log
        self.specification = describe(portraits)
        some = np.flatnonzero(portraits.split == TRAIN)
        # All of them, but for sets so large that they are not read as a whole.
        self.colours = colour_table(portraits.images[some[:: -(-len(some) // COLOUR_PORTRAITS)]])
        self.palette = choose_palette(self.config.palette_snap, self.colours) if self.config.palette_snap else None
        torch.backends.cudnn.benchmark = True

        family_class = find_family(self.family_name)
        _seed(self.config.seed, 0)
        try:
            self.family = family_class(self.config, self.specification, device)
        except ValueError as error:
            raise InputError(f"these settings and data make no network: {error}") from None
        self.family.build_optimizers()
        images, note = self.family.prepare_images(portraits.images)
        if note:
            self.log(note)
        self.train_set = PortraitBatches(replace(portraits, images=images), TRAIN, device)
        self.validation_set = PortraitBatches(replace(portraits, images=images), VALIDATION, device)
        if self.train_set.images is not None:
            self.family.inspect_training_set(self.train_set.images, self.train_set.labels)
        self.average = MovingAverage(self.family.sampler, self.config.ema_half_life_kimg, self.config.ema_rampup)
        self.images_seen = 0
        if state is not None:
            self._load(state)
        elif processes.count == 1:
            self._announce(measure(family_class, self.config, self.specification, self.train_set))
        else:
            self.log(f"{self.family_name}, profile {self.profile}, on {processes.count} processes")
        processes.prepare(self.family)

        cells = grid_labels(portraits.labels[portraits.split == TRAIN])
        # Once an epoch where no interval is given.
        self.sample_kimg = self.config.sample_kimg or len(self.train_set) / 1000
        self.captions = row_names(cells, portraits.specification)
        self.grid_labels = torch.from_numpy(np.repeat(cells, COLUMNS, axis=0)).to(device)
        self.grid_latents = grid_latents(len(cells), self.family.latent_dim, self.config.seed).to(device)
        self.grid_reals = self._pick_reals(cells)
        self.examination = None
        if evaluator is not None and self.config.evaluate_kimg > 0 and processes.leads:
            self.examination = Examination(
                evaluator, portraits, self.config.evaluate_count, self.family.latent_dim, self.config.seed, device
            )
        self.real_spread = spread_within_rows(to_signed(torch.from_numpy(self.grid_reals)))

    def run(self) -> TrainingResult:
        if not self.processes.leads:
            return self._follow()
        (self.out / "samples").mkdir(parents=True, exist_ok=True)
        write_json(self.out / "config.json", self._describe_run())
        with open_trackers(self.out, self._describe_run(), self.images_seen, self.log) as trackers:
            result = self._run(trackers)
            trackers.checkpoint(self.out / "checkpoints" / "latest.pt")
        return result

    def _follow(self) -> TrainingResult:
        """Learn along with the first process, which does all the writing."""
        means = RunningMeans()
        with StopRequest() as request:
            while not (stopped := self.processes.any(request.stopped)) and self._goes_on:
                self._step(means)
        return TrainingResult(self.out / "checkpoints" / "latest.pt", self.images_seen, stopped)

    @property
    def total(self) -> int:
        """How many images the whole run sees."""
        return math.ceil(self.config.kimg * 1000 / self.config.batch_size) * self.config.batch_size

    @property
    def _goes_on(self) -> bool:
        return self.images_seen < self.total and not self.family.finished

    def _run(self, trackers: Trackers) -> TrainingResult:
        config, out = self.config, self.out
        table = MetricsTable(out / "metrics.csv", self.images_seen / 1000)
        means = RunningMeans()
        checkpoint = out / "checkpoints" / "latest.pt"
        if self.images_seen == 0:
            write_grid(out / "samples" / "reals.png", self.grid_reals, self.captions)
            trackers.picture("reals", out / "samples" / "reals.png", 0)
            self._write_grids("init", trackers)
        if self.images_seen >= self.total:
            self.log(f"already trained to {self.images_seen / 1000:g} kimg; raise kimg to train on")
        saved_at = self.images_seen
        reported_at, clock = self.images_seen, time.perf_counter()

        with StopRequest() as request:
            while not (stopped := self.processes.any(request.stopped)) and self._goes_on:
                self._step(means)
                done = not self._goes_on
                look = self.examination is not None and self._passed(config.evaluate_kimg)
                best = False
                if done or look or self._passed(config.log_kimg) or self._passed(self.sample_kimg):
                    row = {"kimg": self.images_seen / 1000, **means.take()}
                    self._check_finite(row)
                    seconds = time.perf_counter() - clock
                    row["images_per_second"] = (self.images_seen - reported_at) / seconds
                    if done or self._passed(self.sample_kimg):
                        row |= self._write_grids(f"{self.images_seen // 1000:06d}", trackers)
                        row |= self._measure_likelihood()
                    if look:
                        metrics = self.examination.metrics(self.family, self.average.network)
                        best = is_best(metrics, table.rows)
                        row |= metrics
                    table.add(row)
                    trackers.row(row, self.images_seen)
                    self.log(status_line(row, self.total / 1000))
                    reported_at, clock = self.images_seen, time.perf_counter()
                if done or best or self._passed(config.checkpoint_kimg):
                    checkpoint, saved_at = self._save(means, best), self.images_seen
            if stopped and saved_at < self.images_seen:
                checkpoint = self._save(means)
        if self.family.finished:
            self.log(f"{self.family_name} stopped by itself at {self.images_seen / 1000:.2f} kimg (early stopping)")
        if stopped:
            self.log(f"interrupted at {self.images_seen / 1000:.2f} kimg; saved to {checkpoint}; resume to go on")
        return TrainingResult(checkpoint, self.images_seen, stopped)

    def _step(self, means: RunningMeans) -> None:
        """One batch: a function of the state, the seed and the images seen."""
        batch_size, seen = self.config.batch_size, self.images_seen
        indices = batch_indices(seen, batch_size, len(self.train_set), self.config.seed)
        reals, labels = self.train_set.batch(self.processes.share(indices))
        _seed(self.config.seed, seen)
        with self.processes.step(self.family):
            means.add(self.family.train_step(reals, labels, seen))
        self.images_seen = seen + batch_size
        self.average.update(self.family.sampler, self.images_seen, batch_size)
        # Averaged over the interval like the other scalars: D swings from step to step, and one look at held-out
        # portraits could not be compared with a mean over many at those it learns from.
        if self.processes.leads and len(self.validation_set) and seen // batch_size % WATCH_STEPS == 0:
            indices = batch_indices(seen, batch_size, len(self.validation_set), self.config.seed)
            means.add(self.family.validate(*self.validation_set.batch(indices), seen))

    def _passed(self, interval_kimg: float) -> bool:
        """Whether the last step crossed a multiple of the interval."""
        interval = interval_kimg * 1000
        return self.images_seen // interval > (self.images_seen - self.config.batch_size) // interval

    def _write_grids(self, name: str, trackers: Trackers) -> dict[str, float]:
        """Write what the averaged sampler draws, and what it makes of portraits where the family encodes them.

        Returns:
            `variety`: the samples' spread within rows as a share of the reals'; nothing where there are no samples.
        """
        network, labels = self.average.network, self.grid_labels
        reals = to_signed(torch.from_numpy(self.grid_reals).to(self.device))
        reconstructed = self.family.reconstruct(network, reals, labels)
        if reconstructed is not None:
            path = self.out / "samples" / f"reconstructions_{name}.png"
            write_grid(path, to_rgba(reconstructed), self.captions)
            trackers.picture("reconstructions", path, self.images_seen)
        if self.family.cannot_sample:
            return {}
        fakes = self.family.sample(network, self.grid_latents, labels)
        path = self.out / "samples" / f"fakes_{name}.png"
        write_grid(path, to_rgba(fakes), self.captions, self.palette)
        trackers.picture("fakes", path, self.images_seen)
        return {"diversity": spread_within_rows(fakes) / max(self.real_spread, 1e-6)}

    def _measure_likelihood(self) -> dict[str, float]:
        """Exact bits a portrait of the averaged sampler, of some training and some validation portraits, always the
        same ones; nothing for a family without a likelihood."""
        found = {}
        for name, portraits in (("train", self.train_set), ("validation", self.validation_set)):
            chosen = np.linspace(0, len(portraits) - 1, min(len(portraits), self.config.bits_count)).astype(np.int64)
            parts = (
                [
                    self.family.likelihood(self.average.network, *portraits.batch(indices))
                    for indices in np.array_split(chosen, -(-len(chosen) // 16))
                ]
                if len(chosen)
                else []
            )
            for part in parts[0] if parts else ():
                found[f"{part}_{name}"] = float(torch.cat([each[part] for each in parts]).mean())
        return found

    def _pick_reals(self, cells: np.ndarray) -> np.ndarray:
        """Training portraits of the grid's labels, uint8 [R * 8, H, W, 4]; repeated where a cell has fewer than 8."""
        train = np.flatnonzero(self.portraits.split == TRAIN)
        random = np.random.RandomState(self.config.seed)
        picked = []
        for cell in cells:
            members = random.permutation(train[(self.portraits.labels[train] == cell).all(axis=1)])
            picked.append(np.resize(members, COLUMNS))
        return self.portraits.images[np.concatenate(picked)]

    def _check_finite(self, row: Mapping[str, float]) -> None:
        broken = [name for name, value in row.items() if not math.isfinite(value)]
        if not broken:
            broken = [name for name, weight in self.average.state_dict().items() if not weight.isfinite().all()][:1]
        if broken:
            folder = self.out / "checkpoints"
            last = (
                f"{folder / 'latest.pt'} is the last good checkpoint"
                if (folder / "latest.pt").is_file()
                else ("there is no checkpoint yet")
            )
            rates = [name for name in config_to_dict(self.config) if name.startswith("learning_rate")]
            raise TrainingDiverged(
                f"{', '.join(broken)} is not a finite number at {self.images_seen / 1000:.2f} kimg; {last}; "
                f"resume with a smaller learning rate (--set {' or '.join(rates)}), or start afresh with another seed"
            )

    def _describe_run(self) -> dict[str, object]:
        return {
            "family": self.family_name,
            "profile": self.profile,
            "config": config_to_dict(self.config),
            "label_mappings": self.portraits.specification.to_mapping(),
            "data_fingerprint": self.portraits.fingerprint,
            "size": self.specification.size,
            "channels": self.specification.channels,
            "intra_class_distance": self.specification.intra_class_distance,
        }

    def _save(self, means: RunningMeans, best: bool = False) -> Path:
        # Steps since the last report have not been looked at yet.
        self._check_finite(means.means())
        content = {
            **self._describe_run(),
            "state": self.family.state_dict(),
            "average": self.average.state_dict(),
            # So that samples can be snapped to the set's colours where the set itself is not at hand.
            "training_colours": {
                "colours": torch.from_numpy(self.colours.colours),
                "counts": torch.from_numpy(self.colours.counts),
            },
        }
        keep = self.config.keep_checkpoints
        return save_checkpoint(self.out / "checkpoints", content, self.images_seen, keep, best)

    def _load(self, state: Mapping[str, object]) -> None:
        try:
            self.family.load_state_dict(state["state"])
            self.average.load_state_dict(state["average"])
        except (RuntimeError, KeyError, ValueError, IndexError, TypeError) as error:
            raise InputError(
                f"the checkpoint does not fit the networks asked for ({str(error).splitlines()[0][:120]}); "
                "resume without --set, or start afresh"
            ) from None
        self.images_seen = int(state["images_seen"])
        self.log(f"resuming {self.family_name} at {self.images_seen / 1000:.2f} kimg of {self.config.kimg:g}")

    def _announce(self, estimate: Estimate) -> None:
        memory = f", about {estimate.memory_bytes / 2**30:.1f} GB of memory" if estimate.memory_bytes else ""
        self.log(
            f"{self.family_name}, profile {self.profile}, on {self.device.type}: {len(self.train_set)} portraits to "
            f"train on, {len(self.validation_set)} held out"
        )
        seconds = self.config.kimg * 1000 / estimate.images_per_second
        self.log(
            f"{self.config.kimg:g} kimg at about {estimate.images_per_second:.0f} images a second: "
            f"about {duration(seconds)}{memory}"
        )


def _seed(seed: int, images_seen: int) -> None:
    """Seed torch's generators for one step. The two numbers are mixed, so that neighbours share nothing."""
    torch.manual_seed(int(np.random.SeedSequence([seed, images_seen]).generate_state(1, np.uint64)[0] >> 1))
