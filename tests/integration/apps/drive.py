"""Runs an app file as a script would, and ends it when an expression is true.

    python drive.py FILE EXPRESSION

The expression sees `root` and `lines`, what works have printed so far. Lines of
works come out as "[root.w] line"; the last line tells how the app ended.
"""

import json
import sys

import lightgrid as L
from lightgrid.process.app_file import load_app_file
from lightgrid.runtime.reporting.observer import Observer


class Driver(Observer):
    def __init__(self, app, expression):
        self.app = app
        self.expression = expression
        self.lines = []

    def printed(self, work, line):
        self.lines.append(line)
        print(f"[{work}] {line}", flush=True)

    def flow_ran(self):
        if eval(self.expression, {"root": self.app.root, "lines": self.lines}):
            self.loop.hub.ask(lambda root: root.stop("driven to its end"))

    def see_loop(self, loop):
        self.loop = loop


def main():
    file, expression = sys.argv[1:]
    app = load_app_file(file).app
    driver = Driver(app, expression)
    outcome = app.execute(L.RunOptions(on_loop=driver.see_loop), driver)
    print(json.dumps({"state": app.state_vars, "message": outcome.message}), flush=True)
    sys.exit(outcome.exit_code)


if __name__ == "__main__":
    main()
