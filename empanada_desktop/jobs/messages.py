"""What travels between the window's process and the one that computes. Everything is small and picklable."""

from dataclasses import dataclass
from typing import Any, Protocol

from empanada_desktop.core.context import JobContext, Partial
from empanada_desktop.errors import AppError

Room = dict[str, Any]


class Deed(Protocol):
    """Something to be done in the other process. Pickled there; `room` keeps things warm between deeds."""

    def carry_out(self, room: Room, context: JobContext) -> Any:  # noqa: ANN401 - each its own
        """Do it and return something picklable."""


@dataclass(frozen=True)
class Request:
    """Do a deed. log: file that everything said meanwhile is appended to. stops_after: see Stop."""

    number: int
    deed: Deed
    log: str | None = None
    stops_after: float = 1.0
    waits: bool = False


@dataclass(frozen=True)
class Stop:
    """Cancel a deed: at its next check, or inside the network `stops_after` seconds later."""

    number: int


@dataclass(frozen=True)
class Pause:
    """Let a deed wait at its next check, or go on."""

    number: int
    waits: bool


@dataclass(frozen=True)
class Progress:
    """How far a deed is."""

    number: int
    done: int
    total: int
    message: str


@dataclass(frozen=True)
class StageNews:
    """A stage of a deed begins: a part of it that takes about as long as each of the others."""

    number: int
    stage: int
    count: int


@dataclass(frozen=True)
class PartialNews:
    """A part of a deed's result that can be shown already."""

    number: int
    partial: Partial


@dataclass(frozen=True)
class Done:
    """A deed is done."""

    number: int
    result: Any


@dataclass(frozen=True)
class Failed:
    """A deed failed in a way that the user can mend."""

    number: int
    error: AppError


@dataclass(frozen=True)
class Stopped:
    """A deed was cancelled."""

    number: int


@dataclass(frozen=True)
class Faulted:
    """A deed failed by a defect of the program."""

    number: int
    summary: str
    details: str


Ending = Done | Failed | Stopped | Faulted
News = Progress | StageNews | PartialNews | Ending
