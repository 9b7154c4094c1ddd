"""The training loop: batch, step, moving average; every so often a report and a checkpoint. Knows no family by name.

What a step does is a function of the state, the seed and the images seen before it, nothing else: the order of the data
and every random number follow from the last two. So training to N, stopping and resuming to 2N gives the same bits as
training to 2N.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from src.config import config_to_dict
from src.data.packed import PortraitBatches, batch_indices
from src.errors import InputError, TrainingDiverged
from src.family import Family
from src.gan.diff_augment import mirror
from src.gan.moving_average import MovingAverage
from src.schema import TrainingConfig
from src.training.budget import Budget
from src.training.checkpoint import save_checkpoint
from src.training.distributed import Processes
from src.training.interrupt import StopRequest
from src.training.log import RunningMeans
from src.training.report import Reporter

VALIDATION_STEPS = 8
"""The loss on validation portraits is computed in one step of so many."""


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Args:
        checkpoint: the newest checkpoint.
        images_seen: real images the model has seen.
        interrupted: stopped by Ctrl-C, the kernel's interrupt, a kill or a hang-up, after saving.
    """

    checkpoint: Path
    images_seen: int
    interrupted: bool


class Trainer:
    """One run.

    Args:
        family: the networks, their optimizers and their training step.
        config: the run's configuration.
        train_set: the portraits to learn from.
        validation_set: portraits to measure on; may be empty.
        checkpoints: the folder that gets the checkpoints.
        description: what a checkpoint holds besides the state of training.
        processes: those that train together.
        budget: when to stop.
    """

    def __init__(
        self,
        family: Family,
        config: TrainingConfig,
        train_set: PortraitBatches,
        validation_set: PortraitBatches,
        checkpoints: Path,
        description: Mapping[str, object],
        processes: Processes,
        budget: Budget,
    ) -> None:
        self.family, self.config = family, config
        self.train_set, self.validation_set = train_set, validation_set
        self.checkpoints, self.description, self.processes = checkpoints, description, processes
        self.average = MovingAverage(family.sampler, config.ema_half_life_kimg, config.ema_rampup)
        self.means = RunningMeans()
        self.images_seen = 0
        self.budget, self.time_is_up = budget, False
        # Once an epoch where no interval is given.
        self.sample_kimg = config.sample_kimg or len(train_set) / 1000
        processes.average_gradients(family)

    @property
    def finished(self) -> bool:
        """Whether the budget is used up, or the family has stopped by itself."""
        return self.images_seen >= self.budget.images or self.time_is_up or self.family.finished

    def train(self, reporter: Reporter | None) -> TrainingResult:
        """Train to the end, or until an interrupt.

        Args:
            reporter: writes metrics and grids; None in all processes but the first, which then write nothing.

        Raises:
            TrainingDiverged: a loss or a weight is infinite or not a number.
            OSError: a report cannot be written, after saving.
            InputError: a checkpoint cannot be written, or nobody reads the status lines, after saving.
        """
        checkpoint, saved_at, stopped = self.checkpoints / "latest.pt", self.images_seen, False
        with StopRequest() as request:
            while not self.finished and not stopped:
                self.step()
                stopped = self.processes.any(request.stopped)
                if self.budget.deadline < math.inf:
                    self.time_is_up = self.processes.any(self.budget.seconds <= 0)
                if reporter is None:
                    continue
                try:
                    best = self.report(reporter)
                except BrokenPipeError:  # `| head`
                    raise InputError(
                        f"nobody reads what is printed any more: saved to {self.save()}; go on with --resume"
                    ) from None
                except OSError:  # the disk is full, or the terminal gone
                    self.save()
                    raise
                if self.finished or best or self.passed(self.config.checkpoint_kimg):
                    checkpoint, saved_at = self.save(best), self.images_seen
            if stopped and reporter is not None and saved_at < self.images_seen:
                checkpoint = self.save()
        return TrainingResult(checkpoint, self.images_seen, stopped)

    def step(self) -> None:
        """Learn from one batch, and move the average."""
        seen, batch_size, seed = self.images_seen, self.config.batch_size, self.config.seed
        indices = batch_indices(seen, batch_size, len(self.train_set), seed)
        reals, labels = self.train_set.batch(self.processes.share(indices))
        seed_step(seed, seen, self.processes.rank)
        if self.config.mirror_data:
            reals = mirror(reals, torch.rand(len(reals), device=reals.device) < 0.5)
        self.means.add(self.family.train_step(reals, labels, seen))
        # A mean over the interval like the other scalars: a single value could not be compared with those.
        if self.processes.leads and len(self.validation_set) and seen // batch_size % VALIDATION_STEPS == 0:
            indices = batch_indices(seen, batch_size, len(self.validation_set), seed)
            self.means.add(self.family.validate(*self.validation_set.batch(indices), seen))
        # After the validation, which may end the training of all processes.
        self.processes.synchronise(self.family)
        self.images_seen = seen + batch_size
        self.average.update(self.family.sampler, self.images_seen, batch_size)

    def report(self, reporter: Reporter) -> bool:
        """Report where it is time to: whether this is the best model so far."""
        grids = self.finished or self.passed(self.sample_kimg)
        evaluate = reporter.evaluates and self.passed(self.config.evaluate_kimg)
        if not (grids or evaluate or self.passed(self.config.log_kimg)):
            return False
        means = self.means.take()
        self.check_finite(means)
        return reporter.report(self.average.network, means, self.images_seen, grids, evaluate)

    def passed(self, interval_kimg: float) -> bool:
        """Whether the last step crossed a multiple of the interval."""
        interval = interval_kimg * 1000
        return self.images_seen // interval > (self.images_seen - self.config.batch_size) // interval

    def save(self, best: bool = False) -> Path:
        """Write a checkpoint; returns its path."""
        # Steps since the last report have not been checked yet.
        self.check_finite(self.means.means())
        content = {**self.description, "state": self.family.state_dict(), "average": self.average.state_dict()}
        return save_checkpoint(self.checkpoints, content, self.images_seen, self.config.keep_checkpoints, best)

    def load(self, checkpoint: Mapping[str, object]) -> None:
        """Go on from the content of a checkpoint.

        Raises:
            InputError: it is of other networks.
        """
        try:
            self.family.load_state_dict(checkpoint["state"])
            self.average.load_state_dict(checkpoint["average"])
        except (RuntimeError, KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
            raise InputError(
                f"the checkpoint does not fit the networks asked for ({str(error).splitlines()[0][:120]}); "
                "resume without --set, or start afresh"
            ) from None
        self.images_seen = int(checkpoint["images_seen"])

    def check_finite(self, scalars: Mapping[str, float]) -> None:
        """Scalars and averaged weights.

        Raises:
            TrainingDiverged: one of them is infinite or not a number.
        """
        broken = [name for name, value in scalars.items() if not math.isfinite(value)]
        if not broken:
            broken = [name for name, weight in self.average.state_dict().items() if not weight.isfinite().all()][:1]
        if not broken:
            return
        latest = self.checkpoints / "latest.pt"
        last = f"{latest} is the last good checkpoint" if latest.is_file() else "there is no checkpoint yet"
        rates = [name for name in config_to_dict(self.config) if name.startswith("learning_rate")]
        raise TrainingDiverged(
            f"{', '.join(broken)} is not a finite number at {self.images_seen / 1000:.2f} kimg; {last}; "
            f"resume with a smaller learning rate (--set {' or '.join(rates)}), or start afresh with another seed"
        )


def seed_step(seed: int, images_seen: int, rank: int = 0) -> None:
    """Seed torch's generators for one step. The numbers are mixed, so that neighbours have nothing in common."""
    mixed = np.random.SeedSequence([seed, images_seen, rank]).generate_state(1, np.uint64)[0]
    torch.manual_seed(int(mixed >> 1))
