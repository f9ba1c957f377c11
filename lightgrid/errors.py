"""Every exception of lightgrid, grouped by whose fault it is; names and places in messages.

`StateError` is a value or a change that does not fit, `WireError` a peer that
speaks another protocol, `RefusedError` an answer of the flow server,
`ComponentError` a mistake in how components are put together or called, `OptionError` one
in how they are set up, `FlowUnavailableError` a flow server that cannot be reached (retry),
and `ClosedError` something that we closed ourselves. Facts that a program may need are
attributes.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Explained:
    """Marks an exception of ours: its message says what happened, and where is the user's line."""


class LightgridError(Explained, Exception):
    """Base of all errors that lightgrid raises on purpose."""


def short_name(component: str) -> str:
    """Return a component's name as people write it and read it: "w" for "root.w"."""
    return component.removeprefix("root.")


def place_of(function: object) -> tuple[str, int]:
    """Return the file and line where a function is written; "" and 0 for one of C."""
    code = getattr(function, "__code__", None)
    return ("", 0) if code is None else (code.co_filename, code.co_firstlineno)


# --- state ------------------------------------------------------------------


class StateError(LightgridError):
    """A value, a path or a change does not fit the state."""


class UnsupportedValueError(StateError, TypeError, AttributeError):
    """A value cannot be state.

    It is a `TypeError`, which is what it says, and an `AttributeError`, which
    is what programs written for the predecessor catch.
    """

    def __init__(self, path: Iterable[str], what: str, component: str = "") -> None:
        self.path = tuple(path)
        self.what = what
        self.component = component
        where = f"{short_name(component)}: " if component else ""
        super().__init__(f"{where}{'.'.join(self.path) or 'the value'}: {what}")

    def again(self) -> UnsupportedValueError:
        """Return the same error, raised nowhere yet."""
        return UnsupportedValueError(self.path, self.what, self.component)

    def inside(self, component: str, *prefix: str) -> UnsupportedValueError:
        """Return the same error, told from the component it happened in."""
        return UnsupportedValueError((*prefix, *self.path), self.what, component)


class MisfitError(StateError):
    """A change does not fit the state it was meant for."""

    def __init__(self, path: Iterable[str], cause: str) -> None:
        self.path = tuple(path)
        self.cause = cause
        super().__init__(f"{'.'.join(self.path) or 'the root'}: {cause}")


class PathSyntaxError(StateError, ValueError):
    """A path that a person wrote cannot be read."""

    def __init__(self, text: str, position: int, cause: str) -> None:
        self.text = text
        self.position = position
        super().__init__(f"cannot read the path {text!r} at character {position + 1}: {cause}")


class NoSuchPathError(StateError, LookupError):
    """A place that a person named is not in the state."""

    def __init__(self, path: Iterable[str], message: str) -> None:
        self.path = tuple(path)
        super().__init__(message)


class DeltaFormError(StateError, TypeError):
    """What is given for a delta in DeepDiff's form is none."""


# --- the wire ---------------------------------------------------------------


class WireError(LightgridError):
    """A message that is not what the protocol says."""


class Reason(Enum):
    """Why the flow server refused; the names are those of `ErrorReason` in errors.proto."""

    SESSION_UNKNOWN = "SESSION_UNKNOWN"
    EPOCH_FENCED = "EPOCH_FENCED"
    SEQUENCE_GAP = "SEQUENCE_GAP"
    SNAPSHOT_REQUIRED = "SNAPSHOT_REQUIRED"
    STREAM_SUPERSEDED = "STREAM_SUPERSEDED"
    REVISION_CONFLICT = "REVISION_CONFLICT"
    WORK_HELD = "WORK_HELD"
    NO_SUCH_WORK = "NO_SUCH_WORK"
    NO_SUCH_PATH = "NO_SUCH_PATH"
    BAD_OP = "BAD_OP"
    UNKNOWN_OP = "UNKNOWN_OP"
    UNKNOWN_VALUE_KIND = "UNKNOWN_VALUE_KIND"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    WORK_STOPPED = "WORK_STOPPED"
    BATCHES_PENDING = "BATCHES_PENDING"
    TOKEN_MISSING = "TOKEN_MISSING"
    TOKEN_INVALID = "TOKEN_INVALID"
    NOT_ALLOWED = "NOT_ALLOWED"


class RefusedError(LightgridError):
    """The flow server refused, with a reason that both sides know.

    Attributes:
        reason: One of `Reason`.
        facts: What `errors.proto` calls metadata: path, limit, expected_seq, ...
    """

    def __init__(
        self, reason: Reason, message: str, facts: Mapping[str, object] | None = None
    ) -> None:
        self.reason = reason
        self.facts = {key: str(value) for key, value in (facts or {}).items()}
        super().__init__(message)


class FlowUnavailableError(LightgridError, ConnectionError):
    """The flow server cannot be reached; the same call may work later."""


class FlowUntrustedError(FlowUnavailableError):
    """What listens there cannot show that it is the flow server, by the certificates trusted here.

    Or it speaks TLS and this side does not, or the other way round: then it could show nothing.
    """


class ClosedError(LightgridError):
    """This side has closed what the call needs."""


# --- components -------------------------------------------------------------


class ComponentError(LightgridError):
    """Components are put together or called in a way that has no meaning."""


class ComponentAttributeError(ComponentError, AttributeError):
    """An attribute of a component cannot be used like this."""


class ComponentTypeError(ComponentError, TypeError):
    """Something of a component is called with, or made of, what it does not take."""


class ComponentNameError(ComponentError, ValueError):
    """A name that no component can have."""


class NotOverriddenError(ComponentError, NotImplementedError):
    """A method was called that a subclass is to define."""


class OptionError(LightgridError, ValueError, TypeError):
    """An option has a value that it cannot have.

    A `ValueError` and a `TypeError`: which of the two it is, is of no interest to
    who catches it.

    Attributes:
        owner: What was made or called with it.
        option: Its name.
        value: What was given.
    """

    def __init__(self, owner: str, option: str, value: object, allowed: str) -> None:
        self.owner = owner
        self.option = option
        self.value = value
        shown = repr(value)
        if len(shown) > 80:
            shown = f"{shown[:80]}..."
        super().__init__(f"{owner}: {option} cannot be {shown}; it is {allowed}")


class UndeclaredAttributeError(ComponentAttributeError):
    """A public attribute appeared after `__init__`."""

    def __init__(self, component: str, attribute: str) -> None:
        self.component = component
        self.attribute = attribute
        super().__init__(
            f"{short_name(component)}: Cannot set attributes that were not defined in __init__: "
            f"{attribute}. Set it in __init__ first, or call it _{attribute} to keep it out of "
            "the state."
        )


class AppLoadError(LightgridError):
    """The app file cannot be used: not there, no app in it, or several."""


class AppFailedError(LightgridError):
    """An app that was run from a notebook or a prompt has failed: there is no process to end.

    Attributes:
        exit_code: What the process would have ended with.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(message or f"the app has failed with exit code {exit_code}")


class WorkFailedError(LightgridError):
    """A work failed, and its `raise_exception` says that the app fails with it."""

    def __init__(self, work: str, message: str) -> None:
        self.work = work
        super().__init__(message)


class SlowFlowWarning(UserWarning):
    """The root's `run` takes so long that what works do is seen late."""


class WorkStopped(Explained, SystemExit):
    """Raised in a work's main thread to end its `run` when the work is to stop.

    A `SystemExit`, so that `except Exception` lets it pass. It is raised again
    until `run` has ended, so that code which catches everything ends as well.
    """
