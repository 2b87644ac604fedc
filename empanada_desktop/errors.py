"""Errors that a person can act on, and the one that only ends a job."""


class AppError(Exception):
    """Something the user can mend: what happened in plain words, and what to do about it.

    Shown as a plain dialog, or as one line and a hint on stderr with exit code 2; never as a traceback.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class VolumeError(AppError):
    """An image volume that cannot be opened, read or written."""


class DiskFullError(VolumeError):
    """There is no room left where something is written."""


class WeightsError(AppError):
    """Network weights that are missing, mangled, unsafe or of another kind."""


class DatasetError(AppError):
    """A training set with faults; the hint or message names every one of them."""


class SettingsError(AppError):
    """Parameters that contradict each other or the data."""


class JobCancelled(Exception):  # noqa: N818 - an event, not an error: nobody is ever shown it
    """The user cancelled the job."""
