"""The exceptions that end a command with one clear line instead of a traceback."""


class InputError(ValueError):
    """Bad arguments or bad input: the message is one line that says what is wrong and what to do.

    The command line prints it without a traceback and leaves with exit status 2.
    """


class TrainingDiverged(RuntimeError):
    """A loss or a weight is no longer a finite number; the last good checkpoint is in place. Exit status 1."""
