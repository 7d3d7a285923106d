"""Errors, branched by what the caller should do. The docstring of a class is its default message."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of the commands (contract: commands)."""

    DONE = 0
    BUG = 1
    USAGE = 2
    CONFIGURATION = 3
    INVALID_SPEC = 4
    NOT_FOUND = 6
    CONFLICT = 7
    UNREACHABLE = 8
    SOME_FAILED = 100
    NOT_FINISHED = 101
    CANCELLED = 103
    NEEDS_A_PERSON = 104
    INTERRUPTED = 130


class HintrelayError(Exception):
    """Something went wrong in hintrelay."""

    code = "error"
    exit = Exit.BUG

    def __init__(self, message: str | None = None, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.hint = hint
        if code:
            self.code = code

    @property
    def message(self) -> str:
        return str(self.args[0])


class Transient(HintrelayError):
    """It may well work later: try again."""

    code = "transient"

    def __init__(self, message: str | None = None, *, after_s: float | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.after_s = after_s  #: the platform asked to wait this long (Retry-After), else None


class Busy(Transient):
    """The account may send no more requests for now: ask again later. That is waiting, and spends no attempt."""

    code = "rate_limited"

    def __init__(
        self, message: str | None = None, *, after_s: float | None = None, code: str | None = None, pace: str = ""
    ) -> None:
        super().__init__(message, after_s=after_s, code=code)
        self.pace = pace  #: name of the pace at which there was no place; '' when the platform itself refused


class Permanent(HintrelayError):
    """It will not work by trying again."""

    code = "permanent"


class ArtifactLost(Permanent):
    """A stored file is gone or damaged: the job has to make it again."""

    code = "artifact_lost"


class StaleMove(HintrelayError):
    """The lease is somebody else's by now: drop the work quietly."""

    code = "stale"


class IllegalMove(HintrelayError):
    """The table of moves does not know this move: a bug."""

    code = "illegal_move"


class InvalidSpec(HintrelayError):
    """The job spec is not valid."""

    code = "invalid_spec"
    exit = Exit.INVALID_SPEC


class NotFound(HintrelayError):
    """There is no such job."""

    code = "not_found"
    exit = Exit.NOT_FOUND


class Conflict(HintrelayError):
    """It contradicts what is stored already."""

    code = "conflict"
    exit = Exit.CONFLICT


class ConfigurationError(HintrelayError):
    """The configuration is not complete."""

    code = "configuration"
    exit = Exit.CONFIGURATION


class Unreachable(HintrelayError):
    """Redis or the platform cannot be reached."""

    code = "unreachable"
    exit = Exit.UNREACHABLE


class UnknownVersion(HintrelayError):
    """It was written by a newer hintrelay: upgrade this one."""

    code = "unknown_version"
    exit = Exit.CONFLICT


class InvalidMessage(HintrelayError):
    """The message cannot be accepted."""

    code = "invalid_message"
    exit = Exit.USAGE
