"""The exceptions that end a command with one clear line instead of a traceback."""


class InputError(ValueError):
    """Bad arguments or bad input: the message is one line that says what is wrong and what to do.

    The command line prints it without a traceback and leaves with exit status 2.
    """


class TrainingDiverged(RuntimeError):
    """A loss or a weight is no longer a finite number; the last good checkpoint is in place. Exit status 1."""


MOST_SEED = 2**63 - 1
"""What every generator of random numbers here takes."""


def check_range(what: str, value: float, least: float, most: float) -> None:
    """Refuse a number outside of `least` to `most`, and one that is none (NaN).

    Raises:
        InputError: the message names `what`, the limits and the value.
    """
    if not least <= value <= most:
        raise InputError(f"{what} must be from {least:,} to {most:,}, not {value:,}")
