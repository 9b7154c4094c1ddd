"""What settings a training run has: their types and ranges. The values are in `configs/FAMILY.yaml`; `src/config.py`
reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

Count = Annotated[int, Field(ge=1, lt=2**32)]
CountOrZero = Annotated[int, Field(ge=0, lt=2**32)]
Positive = Annotated[float, Field(gt=0, lt=2**32)]
NonNegative = Annotated[float, Field(ge=0, lt=2**32)]
Share = Annotated[float, Field(ge=0, le=1)]
# A decay rate of Adam's moments.
Decay = Annotated[float, Field(ge=0, lt=1)]


class TrainingConfig(BaseModel):
    """What the training loop itself needs to know. Families extend it with their own fields.

    Budgets, intervals and half-lives are in kimg: thousands of real images the model has seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)

    # How long, and from which seed.
    kimg: Positive
    # In passes over the training portraits in place of kimg; 0: kimg counts.
    epochs: NonNegative
    seed: CountOrZero
    batch_size: Annotated[Count, Field(multiple_of=2)]
    # auto: bf16 where the hardware has it, else fp16 on CUDA, else fp32.
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    # Attributes the networks are conditioned on: `all`, `none`, or names joined by commas. Palette conditioning is
    # switched off with `gender,hero_class`.
    condition_on: str
    # Half of the portraits are mirrored, and so are half of the samples: only for sets that look the same in a mirror.
    # `build` says whether a set does (`mirror_symmetric` in `dataset_config.json`).
    mirror_data: bool
    # Samples come from an exponential moving average of the generator with this half-life ...
    ema_half_life_kimg: NonNegative
    # ... but never longer than this share of the images seen: early on, an average would lag far behind. 0: no such
    # limit, as in runs that begin with weights (StyleGAN2-ADA).
    ema_rampup: NonNegative
    # Reporting.
    log_kimg: Positive
    # 0: once an epoch.
    sample_kimg: NonNegative
    checkpoint_kimg: Positive
    keep_checkpoints: Count
    # A quick evaluation of the averaged sampler, where the loop was given an evaluator: so many samples, so often; the
    # best checkpoint is kept as `best.pt`. 0: never.
    evaluate_kimg: NonNegative
    evaluate_count: Count
    # Of so many training and validation portraits the exact likelihood is measured with every grid, for families that
    # have one. 0: never.
    bits_count: CountOrZero
    # A number of colours, or a palette file (.gpl, .hex, .pal, .png): the grids show the samples snapped to that
    # palette beside the raw ones.
    palette_snap: str
    # The MLflow experiment that gets what `metrics.csv` gets; empty: none.
    mlflow: str

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError(f"must be a number or a text, not {value}")
        return value


def first_fault(error: ValidationError) -> tuple[str, str, object]:
    """The first thing that a schema refuses: where it is, what is wrong with it, and the value."""
    first = error.errors(include_url=False)[0]
    reason = first["msg"].removeprefix("Value error, ").partition(",")[0]
    reason = reason.replace("Input should be", "must be").replace("Field required", "is missing")
    reason = reason.replace("Unable to parse input string as", "must be")
    return ".".join(map(str, first["loc"])), reason, first["input"]
