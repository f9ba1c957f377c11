"""How large state may be.

Lists and dicts travel in parts, so of these only the whole is bounded. What cannot be
cut has to fit into one message: a str, bytes, the leaves of a tuple, and the keys that
lead to it.

Sizes are counted, not measured: so many bytes for each leaf or container, and the text
itself. Each count is at least what the same takes on the wire, so that what is found
to fit here fits there as well, and both ends find the same.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final, NamedTuple

from lightgrid.errors import UnsupportedValueError
from lightgrid.state.delta import Op, Path, Set, Splice
from lightgrid.state.values import Numbers, Value, count_nodes, is_container, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The largest piece that is not cut. A message has 4 MiB, which is what the clients of
#: other languages take by default; the rest of it is for the keys that lead to the piece.
MAX_PIECE_BYTES: Final = 3 * 2**20 + 2**19
#: The longest key. The keys of 24 levels and a piece fit into one message.
MAX_KEY_BYTES: Final = 16 * 2**10
#: Leaves and containers of all variables of one work.
MAX_NODES: Final = 1_000_000
#: What all variables of one work may take. They travel as one batch when a connection was lost.
MAX_STATE_BYTES: Final = 256 * 2**20

#: A leaf or container with its frames: a number takes 13 at most.
_NODE_BYTES: Final = 16
#: An entry of a dict, which may travel as an op of its own.
_ENTRY_BYTES: Final = 32
_NUMBERS: Final = frozenset({type(None), bool, int, float})


class Size(NamedTuple):
    """How large something is: leaves and containers, and bytes."""

    nodes: int
    bytes: int

    def plus(self, other: Size) -> Size:
        """Return the size of both together."""
        return Size(self.nodes + other.nodes, self.bytes + other.bytes)


NOTHING: Final = Size(0, 0)
_ONE: Final = Size(1, 2 * _NODE_BYTES)


class Excess(NamedTuple):
    """A limit that is exceeded."""

    limit: str
    most: int
    found: int

    def __str__(self) -> str:
        what = "values" if self.limit == "max_nodes" else "bytes"
        return (
            f"the work's state has {self.found:,} {what}, the limit {self.limit} is {self.most:,}"
        )


def size_of(value: Value) -> Size:
    """Return the size of a value.

    Cost: one pass; a list of numbers or of ASCII text is counted at C speed.
    """
    return Size(count_nodes(value), _bytes_of(value))


def size_of_op(op: Op) -> Size:
    """Return the size of what an op brings, and of the path that it travels with."""
    path_bytes = _NODE_BYTES + sum(map(len, op.path))
    if type(op) is Set:
        value = op.value
    elif type(op) is Splice:
        value = op.insert
    else:
        return Size(0, path_bytes)
    nodes, size_bytes = size_of(value)
    return Size(nodes, path_bytes + size_bytes)


def check_op(op: Op) -> Size:
    """Return the size of an op of which every piece fits into a message.

    Raises:
        UnsupportedValueError: One does not; with its path.
    """
    if type(op) is Set and len(op.path) == 1 and type(op.value) in _NUMBERS:
        return _ONE  # nearly all ops are this one
    size = size_of_op(op)
    if size.bytes > MAX_KEY_BYTES:  # else nothing in it is too large for anything
        for at, key in enumerate(op.path):
            _check_key(key, op.path[:at])
        if type(op) is Set:
            _check_pieces(op.value, op.path)
        elif type(op) is Splice and type(op.insert) is not Numbers:
            for index, item in enumerate(op.insert, op.start):
                _check_pieces(item, (*op.path, str(index)))
    return size


def check_variable(value: Value, path: Path, *, of_work: bool) -> None:
    """Refuse a value that is too large for a variable.

    Args:
        value: It can be state.
        path: Where it is to be.
        of_work: The variable is a work's, whose state is bounded as a whole.

    Raises:
        UnsupportedValueError: With the path of the part that no message can carry, or
            because all of it is more than a work may have.
    """
    size = size_of(value)
    if size.bytes > MAX_KEY_BYTES:
        excess = Budget(size).excess
        if of_work and excess is not None:
            raise UnsupportedValueError(path, f"{excess}. {_ELSEWHERE}")
        _check_pieces(value, path)


def check_variables(values: dict[str, Value]) -> None:
    """Refuse the variables of a work that are too large together.

    Raises:
        UnsupportedValueError: For the largest of them.
    """
    excess = Budget(size_of(values)).excess
    if excess is not None:
        raise _over_budget(excess, {name: size_of(value) for name, value in values.items()})


def check_scalar(value: Value, path: Path) -> None:
    """Refuse a str or bytes that no message can carry; another value at no cost.

    Raises:
        UnsupportedValueError: It is too large.
    """
    if isinstance(value, str | bytes) and len(value) > MAX_PIECE_BYTES // 4:
        _check_pieces(value, path)


class Budget:
    """Keeps the state of a work within its limits.

    What is added is counted, and what is taken away is not: an upper bound is kept, at a
    cost that follows the change, and only when it reaches a limit is the whole counted.

    Args:
        size: Of the state as it is.
        max_nodes: Leaves and containers.
        max_bytes: See `Size`.
    """

    def __init__(
        self, size: Size, max_nodes: int = MAX_NODES, max_bytes: int = MAX_STATE_BYTES
    ) -> None:
        self._nodes, self._bytes = size
        self.max_nodes = max_nodes
        self.max_bytes = max_bytes

    def grow(self, by: Size, whole: Callable[[], Size]) -> Excess | None:
        """Note that something is added; return what it is too much for.

        Args:
            by: Its size.
            whole: Returns the size of the state with it.
        """
        self._nodes += by[0]
        self._bytes += by[1]
        if self._nodes <= self.max_nodes and self._bytes <= self.max_bytes:
            return None  # nearly always, and for each batch
        return self.reset(whole())

    def take(self, added: Mapping[str, Size], whole: Callable[[], Size]) -> None:
        """Note what variables add to the state.

        Args:
            added: By the variable's name.
            whole: Returns the size of the state with it.

        Raises:
            UnsupportedValueError: It is too much, for the variable that adds most of what is.
        """
        excess = self.grow(reduce(Size.plus, added.values(), NOTHING), whole)
        if excess is not None and added:
            raise _over_budget(excess, added)

    def reset(self, size: Size) -> Excess | None:
        """Note the size of the whole; return what it is too much for."""
        self._nodes, self._bytes = size
        return self.excess

    @property
    def excess(self) -> Excess | None:
        """The limit that the bound exceeds, if it does."""
        if self._nodes > self.max_nodes:
            return Excess("max_nodes", self.max_nodes, self._nodes)
        if self._bytes > self.max_bytes:
            return Excess("max_batch_bytes", self.max_bytes, self._bytes)
        return None


def _over_budget(excess: Excess, added: Mapping[str, Size]) -> UnsupportedValueError:
    counted = 0 if excess.limit == "max_nodes" else 1
    name = max(added, key=lambda name: added[name][counted])
    return UnsupportedValueError((name,), f"with this value {excess}. {_ELSEWHERE}")


_ELSEWHERE: Final = "Keep it in a file, and its path here"


def _bytes_of(value: Value) -> int:
    if isinstance(value, str | bytes):
        return _NODE_BYTES + _text_bytes(value)
    if isinstance(value, dict):
        keys = sum(map(_text_bytes, value))
        return _NODE_BYTES + _ENTRY_BYTES * len(value) + keys + sum(map(_bytes_of, value.values()))
    if type(value) is Numbers:
        return _NODE_BYTES * (1 + len(value))
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))
        if kinds <= _NUMBERS:
            return _NODE_BYTES * (1 + len(value))
        if kinds == {str} and all(map(str.isascii, value)):
            return _NODE_BYTES * (1 + len(value)) + sum(map(len, value))
        return _NODE_BYTES + sum(map(_bytes_of, value))
    return _NODE_BYTES


def _text_bytes(text: str | bytes) -> int:
    if isinstance(text, bytes) or text.isascii():
        return len(text)
    return len(text.encode("utf-8", "surrogatepass"))


def _check_pieces(value: Value, path: Path) -> None:
    if isinstance(value, str | bytes):
        _check_piece(value, _text_bytes(value), path)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_key(key, path)
            _check_pieces(item, (*path, key))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            _check_pieces(item, (*path, str(index)))
        _check_piece(value, _shell_bytes(value), path)
    elif isinstance(value, list) and type(value) is not Numbers:
        kinds = set(map(type, value))
        is_short = {str} >= kinds and 4 * max(map(len, value), default=0) <= MAX_PIECE_BYTES
        if not (is_short or kinds <= _NUMBERS):
            for index, item in enumerate(value):
                _check_pieces(item, (*path, str(index)))


def _check_piece(value: Value, size_bytes: int, path: Path) -> None:
    if size_bytes > MAX_PIECE_BYTES:
        about, advice = "", _ELSEWHERE
        if isinstance(value, tuple):
            about, advice = "up to ", "Make it a list, which travels in parts"
        raise UnsupportedValueError(
            path,
            f"a {type_name(value)} of {about}{size_bytes:,} bytes does not fit into one message, "
            f"which has room for {MAX_PIECE_BYTES:,}. {advice}",
        )


def _check_key(key: str, path: Path) -> None:
    if len(key) > MAX_KEY_BYTES // 4 and _text_bytes(key) > MAX_KEY_BYTES:
        raise UnsupportedValueError(
            path,
            f"the key that begins with {key[:20]!r} has {_text_bytes(key):,} bytes, the limit "
            f"is {MAX_KEY_BYTES:,}. Use a shorter one, such as a hash of it",
        )


def _shell_bytes(value: Value) -> int:
    """Return what a tuple takes with every list and dict in it empty."""
    if isinstance(value, tuple):
        if _NUMBERS.issuperset(map(type, value)):
            return _NODE_BYTES * (1 + len(value))
        return _NODE_BYTES + sum(map(_shell_bytes, value))
    return _NODE_BYTES if is_container(value) else _bytes_of(value)
