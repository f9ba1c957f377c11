# A work goes through all that can become of it. After each call the flow prints its life, which
# stands in `work.statuses`; the last of them is `work.status`.
#
#     lightgrid flow examples/statuses.py

import time

import lightgrid as L


class Walker(L.Work):
    def __init__(self):
        # Failures are the flow's business here; by default they end the app.
        super().__init__(parallel=True, raise_exception=False, start_with_flow=False)

    def run(self, what):
        if what == "fail":
            raise ValueError("as you wish")
        while what == "wait":
            time.sleep(1)
        return f"did {what}"


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.walker = Walker()
        self.told = 0

    def run(self):
        steps = [self.start, self.succeed, self.fail_once, self.wait, self.go_on]
        while self.told < len(steps) and steps[self.told]():
            self.told += 1
        if self.told == len(steps):
            self.stop()

    def start(self):
        if not self.walker.has_started:
            print(self.walker.status.stage)
            self.walker.start()  # a process, and no call yet
            print(self.walker.status.stage)
        return True

    def succeed(self):
        return self.call("work")

    def fail_once(self):
        return self.call("fail")

    def wait(self):
        self.walker.run("wait")
        if self.walker.is_running:
            self.walker.stop()
        return self.call("wait")

    def go_on(self):
        return self.call("something else")  # a stopped work starts again at its next call

    def call(self, what):
        """Make a call, and once it has ended tell how it went."""
        self.walker.run(what)
        status = self.walker.status
        if not status.stage.is_end:
            return False
        life = ", ".join(one.stage for one in self.walker.statuses)
        print(f"{what}: {life} ({status.result or status.reason})")
        return True


app = L.App(Root())
