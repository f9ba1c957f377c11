"""What there is to read of a work: how it was made, where it stands, where it is reached."""

from __future__ import annotations

from lightgrid.component.component import Component
from lightgrid.component.status import WorkStage, WorkStatus, is_over
from lightgrid.component.work_node import WorkNode


class WorkStanding(Component):
    """What can be read of a work. Nothing here changes anything."""

    _lightgrid_node_class = WorkNode
    _lightgrid_node: WorkNode

    @property
    def parallel(self) -> bool:
        """Whether the flow goes on while a call runs."""
        return self._lightgrid_node.options.parallel

    @property
    def cache_calls(self) -> bool:
        """Whether a completed call is not made again."""
        return self._lightgrid_node.options.cache_calls

    @property
    def raise_exception(self) -> bool:
        """Whether an exception in `run` ends the app."""
        return self._lightgrid_node.options.raise_exception

    @property
    def receive_updates(self) -> bool:
        """Whether what the flow writes reaches this work while it runs."""
        return self._lightgrid_node.options.receive_updates

    @property
    def start_with_flow(self) -> bool:
        """Whether the process is started when the app starts."""
        return self._lightgrid_node.options.start_with_flow

    @property
    def status(self) -> WorkStatus:
        """Where the work stands: its newest call, unless it was stopped or failed since.

        The end of the app stops what runs and changes nothing else: a call that had ended
        stands there as it did, with its result.
        """
        return self._lightgrid_node.status

    @property
    def statuses(self) -> list[WorkStatus]:
        """The life of the newest call so far, and the end of the work if it came behind it.

        Of a long life the last 100 steps. The last one is `status`.
        """
        node = self._lightgrid_node
        own, latest = node.process_status, node.calls.latest
        if latest is None:
            return [own]
        last = latest.status
        if is_over(own, last) and not last.says_same(own):
            return [*latest.statuses, own]
        return list(latest.statuses)

    @property
    def process_status(self) -> WorkStatus:
        """Where the work's process stands, whatever its calls do.

        `not_started`, `started`, `stopped` or `failed`.
        """
        return self._lightgrid_node.process_status

    @property
    def has_started(self) -> bool:
        """Whether the work has a process or was called."""
        return self.status.stage is not WorkStage.NOT_STARTED

    @property
    def has_stopped(self) -> bool:
        """Whether the work was stopped."""
        return self.status.stage is WorkStage.STOPPED

    @property
    def has_succeeded(self) -> bool:
        """Whether the newest call has succeeded."""
        return self.status.stage is WorkStage.SUCCEEDED

    @property
    def has_failed(self) -> bool:
        """Whether the newest call has failed."""
        return self.status.stage is WorkStage.FAILED

    @property
    def has_timeout(self) -> bool:
        """Whether the newest call has failed because it took too long."""
        return self.has_failed and self.status.reason.is_timeout

    @property
    def is_running(self) -> bool:
        """Whether the newest call is being executed."""
        return self.status.stage is WorkStage.RUNNING

    @property
    def is_pending(self) -> bool:
        """Whether the newest call was made and has not begun."""
        return self.status.stage is WorkStage.PENDING

    @property
    def num_successes(self) -> int:
        """How many calls have succeeded."""
        return self._lightgrid_node.calls.success_count

    @property
    def num_timeouts(self) -> int:
        """How many calls took too long since the last success."""
        return self._lightgrid_node.calls.timeout_count

    @property
    def host(self) -> str:
        """The address of a server that the work runs."""
        return self._lightgrid_node.options.host

    @property
    def port(self) -> int:
        """Its port; a free one is chosen when this is first read, or when the process starts.

        So the flow and the work's process know the same one.
        """
        return self._lightgrid_node.port

    @property
    def internal_ip(self) -> str:
        """Where other works reach the work's machine, while it has a process; else ""."""
        return "127.0.0.1" if self._lightgrid_node.has_process else ""

    @property
    def url(self) -> str:
        """Where people reach its server, while it has a process; else ""."""
        return f"http://{self.host}:{self.port}" if self.internal_ip else ""

    @property
    def connection(self) -> dict[str, str] | None:
        """What a process that dials in by itself needs in its environment, once it is expected."""
        connection = self._lightgrid_node.connection
        return None if connection is None else dict(connection)
