"""How long a run trains: so many images, or so many minutes by the clock."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from src.errors import InputError
from src.schema import TrainingConfig


@dataclass(frozen=True)
class Budget:
    """The end of a run.

    Args:
        images: real images that the model will have seen; infinite where time is the limit.
        deadline: seconds on `time.monotonic`'s clock; infinite where images are the limit.
    """

    images: float = math.inf
    deadline: float = math.inf

    @classmethod
    def of_config(cls, config: TrainingConfig) -> Budget:
        """The configuration's `kimg`, rounded up to whole batches."""
        # Rounded first: 0.3 kimg are 300 images, times 1000 they may be a little more.
        return cls(images=math.ceil(round(config.kimg * 1000, 6) / config.batch_size) * config.batch_size)

    @classmethod
    def of_minutes(cls, minutes: float) -> Budget:
        """So many minutes from now.

        Raises:
            InputError: no such time.
        """
        if not 0 < minutes < math.inf:
            raise InputError(f"minutes must be positive, not {minutes}")
        return cls(deadline=time.monotonic() + 60 * minutes)

    @property
    def seconds(self) -> float:
        """What is left of the time."""
        return self.deadline - time.monotonic()

    def seconds_left(self, images_seen: float, images_per_second: float) -> float:
        """How long a run at this speed will go on."""
        if self.deadline < math.inf:
            return max(0.0, self.seconds)
        return (self.images - images_seen) / max(images_per_second, 1e-9)
