import io
import sys

from lightgrid.component.status import StatusReason, WorkStage, WorkStatus
from lightgrid.state.delta import Set
from lightgrid.terminal.live import LiveObserver
from lightgrid.terminal.plain import PlainObserver
from lightgrid.terminal.screen import Screen
from lightgrid.terminal.text import escape_line


class Tty(io.StringIO):
    def isatty(self):
        return True


def test_control_characters_are_shown():
    assert escape_line("\x1b[2J\x9b\u202eok\t\u2028") == "\\x1b[2J\\x9b\\u202eok\t\\u2028"


def test_of_a_progress_bar_the_last_state_is_shown():
    assert escape_line("\r 10%\r 20%") == " 20%"


def test_text_goes_above_the_frame():
    terminal = Tty()
    screen = Screen(terminal)
    screen.show(["one", "two"])
    screen.print_above("text\n")
    assert terminal.getvalue() == "one\ntwo\r\x1b[1A\x1b[Jtext\none\ntwo"


def test_the_same_frame_is_not_drawn_again():
    terminal = Tty()
    screen = Screen(terminal)
    screen.show(["one"])
    screen.show(["one"])
    assert terminal.getvalue() == "one"


def test_the_frame_waits_for_the_end_of_a_line(monkeypatch):
    terminal = Tty()
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stdout", terminal)
    screen.open(["stdout"])
    screen.show(["frame"])
    print("a", end="")
    assert terminal.getvalue() == "frame"
    print("b", end="", flush=True)
    screen.show(["other"])
    print("c", "d")
    assert terminal.getvalue() == "frame\r\x1b[Jabc d\nother"
    screen.close()
    assert sys.stdout is terminal


def test_streams_that_are_no_terminal_are_left_alone(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    screen = Screen(Tty())
    screen.open(["stderr"])
    assert sys.stderr is file
    screen.close()


def test_the_table_shows_the_works():
    terminal = Tty()
    observer = LiveObserver(terminal=terminal)
    observer.started("app.py", "127.0.0.1:1")
    observer.work_added("root.w")
    observer.work_status("root.w", WorkStatus(WorkStage.PENDING))
    observer.work_status("root.w", WorkStatus(WorkStage.FAILED, StatusReason.TIMEOUT))
    observer.work_changed("root.w", 3)
    observer.printed("root.w", "hello")
    observer.ended()
    shown = terminal.getvalue()
    assert "app.py on 127.0.0.1:1" in shown
    assert "failed (timeout)" in shown
    assert "hello\n" in shown


def test_a_table_of_many_works_is_cut_to_the_terminal(monkeypatch):
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", "80")
    observer = LiveObserver(terminal=Tty())
    for number in range(100):
        observer.work_added(f"root.w{number}")
    observer.work_status("root.w77", WorkStatus(WorkStage.FAILED))
    lines = observer._render()
    assert len(lines) < 20
    assert any("w77" in line for line in lines)
    assert "91 more; in all 1 failed, 99 not started" in lines[-1]


def test_plain_lines_tell_each_stage_once_and_each_failure(capsys):
    observer = PlainObserver()
    for stage in ("pending", "running", "succeeded", "pending", "running", "failed", "failed"):
        observer.work_status("root.w", WorkStatus(WorkStage(stage)))
    observer.work_status("root.w", WorkStatus(WorkStage.PENDING))
    observer.work_status("root.w", WorkStatus(WorkStage.FAILED, message="Traceback\nOops: no"))
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "lightgrid: w is running",
        "lightgrid: w has succeeded",
        "lightgrid: w has failed",
        "lightgrid: w has failed: Oops: no",
    ]


def test_a_delta_is_shown_in_the_form_of_deepdiff(capsys):
    observer = PlainObserver("DEBUG")
    assert observer.wants_deltas
    place = ("works", "w", "vars")
    observer.committing("root.w", place, {"counter": 1}, [Set(("counter",), 425)])
    expected = (
        """{"values_changed": {"root['works']['w']['vars']['counter']": {"new_value": 425}}}"""
    )
    assert capsys.readouterr().err == f"lightgrid: w: {expected}\n"


def test_a_works_line_does_not_tear_one_of_the_flows(monkeypatch, tmp_path):
    with (tmp_path / "out").open("w+") as file:
        monkeypatch.setattr(sys, "stdout", file)
        observer = PlainObserver()
        observer.started("app.py", "127.0.0.1:1")
        file.write("begin")
        observer.printed("root.w", "between")
        file.write(" end\n")
        observer.ended()
        assert (tmp_path / "out").read_text() == "[w] between\nbegin end\n"
