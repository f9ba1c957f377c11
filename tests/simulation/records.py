"""What the checks know of each work. They keep records of their own and do not trust the core's."""

import copy


class WorkRecord:
    """What the checks know of one work."""

    def __init__(self, kind):
        self.kind = kind
        self.seen = (None, 0)  # whose state the view shows, and which of them
        self.replaced = set()  # instances that another one took over from
        self.holder = None
        self.launch_id = ""  # the newest
        self.joining = None
        self.live_streams = set()
        self.heard_at_s = 0.0
        self.awaited_until_s = 0.0  # after a restart of the server the holder may come back
        self.is_gone = False
        self.is_silent = False  # for its lease: its session is over
        self.calls = {}  # call_id -> state that the flow saw
        self.call_order = []
        self.has_left = False
        self.is_stopped = False
        self.forgets = False
        # An oracle of the overlay rule for the one variable that is only ever assigned.
        self.number = 0  # as the work published it
        self.writes = []  # [revision, value] that the work has not seen
        self.told_revision = 0
        self.start_revision = 0

    def copy(self):
        other = copy.copy(self)
        for name in ("replaced", "live_streams", "calls", "call_order", "writes"):
            setattr(other, name, getattr(self, name).copy())
        return other
