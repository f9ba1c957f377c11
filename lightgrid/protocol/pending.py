"""Which works have sent something that the flow has not merged yet."""

from __future__ import annotations


class Pending:
    """Works to be merged, in order of arrival."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._has_more = False

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Note that there is more of a work."""
        self._names[name] = None
        self._has_more = True

    def discard(self, name: str) -> None:
        """Merge a work no more."""
        self._names.pop(name, None)

    def take(self) -> list[str]:
        """Return those there are, which are merged now."""
        names, self._names = self._names, {}
        return list(names)

    def take_more(self) -> bool:
        """Tell whether there is more than the last time; what only waits still is no more."""
        has_more, self._has_more = self._has_more, False
        return has_more
