import io
import sys

import pytest
from rich.text import Text

from lightgrid.component.status import StatusReason, WorkStage, WorkStatus
from lightgrid.state.delta import Set
from lightgrid.terminal import make_observer
from lightgrid.terminal.live import LiveObserver
from lightgrid.terminal.plain import PlainObserver
from lightgrid.terminal.screen import Screen
from lightgrid.terminal.text import escape_line, status_news


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
    assert terminal.getvalue() == "one\ntwo\r\x1b[K\x1b[A\x1b[Ktext\none\ntwo"


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
    assert terminal.getvalue() == "frame\r\x1b[Kabc d\nother"
    screen.close()
    assert sys.stdout is terminal


def test_the_last_frame_is_there_after_text_that_ends_no_line(monkeypatch):
    terminal = Tty()
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stdout", terminal)
    screen.open(["stdout"])
    print("100%", end="", flush=True)
    screen.show(["frame"])
    print(" done", end="")
    screen.close()
    assert terminal.getvalue() == "100% done\nframe\n"


def test_a_works_line_does_not_stick_to_a_progress_bar_of_the_flow(monkeypatch):
    terminal = Tty()
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stdout", terminal)
    screen.open(["stdout"])
    print("\r 50%", end="", flush=True)
    screen.print_line_above("[w] hello")
    print("\r100%")
    screen.close()
    assert terminal.getvalue() == "\r 50%\n[w] hello\n\r100%\n"


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


@pytest.mark.parametrize("columns", [24, 44, 60, 200])
def test_the_stage_has_room_on_a_narrow_terminal(monkeypatch, columns):
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", str(columns))
    observer = LiveObserver(terminal=Tty())
    for name in ("root.trainers_of_the_second_round.0", "root.trainers_of_the_second_round.1"):
        observer.work_added(name)
        observer.work_status(name, WorkStatus(WorkStage.SUCCEEDED))
    _, titles, *rows = (Text.from_ansi(line).plain.rstrip() for line in observer._render())
    assert all(len(line) < columns for line in (titles, *rows))
    assert titles.split()[:2] == ["work", "stage"]
    for number, row in enumerate(rows):
        name, stage, *_ = row.split()
        assert name.endswith(f"d.{number}" if columns == 24 else f"round.{number}")
        assert stage == "succeeded"
    assert ("last change" in titles) == (columns >= 60)


def test_the_rows_of_deleted_works_are_gone_whatever_is_still_heard_of_them():
    terminal = Tty()
    observer = LiveObserver(terminal=terminal)
    for name in ("root.d.a", "root.d.b"):
        observer.work_added(name)
        observer.work_status(name, WorkStatus(WorkStage.SUCCEEDED))
    observer.work_removed("root.d.a")
    observer.printed("root.d.a", "last words")
    observer.work_changed("root.d.a", 1)
    observer.work_status("root.d.a", WorkStatus(WorkStage.STOPPED))
    assert "[d.a]" in terminal.getvalue()
    assert "last words\n" in terminal.getvalue()
    table = "\n".join(observer._render())
    assert "d.b" in table
    assert "d.a" not in table


@pytest.mark.parametrize("columns", [80, 60])
def test_a_long_name_takes_no_column_away(monkeypatch, columns):
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", str(columns))
    observer = LiveObserver(terminal=Tty())
    for number in range(2):
        name = f"root.experiments.{'x' * 70}.{number}"
        observer.work_added(name)
        observer.work_status(name, WorkStatus(WorkStage.RUNNING))
    _, titles, *rows = (Text.from_ansi(line).plain for line in observer._render())
    assert titles.split() == ["work", "stage", "calls", "changes/s", "last", "change"]
    assert [row.split()[0][-4:] for row in rows] == ["xx.0", "xx.1"]
    assert [row.split()[1] for row in rows] == ["running", "running"]


def test_a_frame_is_drawn_over_without_clearing_the_screen():
    terminal = Tty()
    screen = Screen(terminal)
    screen.show(["one", "two", "three"])
    screen.show(["1"])
    screen.close()
    assert "\x1b[J" not in terminal.getvalue()
    assert "\x1b[2J" not in terminal.getvalue()


def test_plain_lines_tell_each_stage_once_and_each_failure(capsys):
    observer = PlainObserver()
    for stage in ("pending", "running", "succeeded", "pending", "running", "failed", "failed"):
        observer.work_status("root.w", WorkStatus(WorkStage(stage)))
    observer.work_status("root.w", WorkStatus(WorkStage.PENDING))
    observer.work_status("root.w", WorkStatus(WorkStage.FAILED, message="Oops: no\nTraceback"))
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "lightgrid: w is running",
        "lightgrid: w has succeeded",
        "lightgrid: w has failed",
        "lightgrid: w has failed: Oops: no",
    ]


def test_the_cause_of_a_failure_is_one_line(capsys):
    observer = PlainObserver()
    died = "the process of w ended with exit code 3. Its last output:\n    going down"
    for reason, message in (
        (StatusReason.PROCESS_DIED, died),
        (StatusReason.NEVER_REGISTERED, "It ended. Its last output:\n    Oops: no\n"),
    ):
        observer.work_status("root.w", WorkStatus(WorkStage.PENDING))
        observer.work_status("root.w", WorkStatus(WorkStage.FAILED, reason, message))
    assert capsys.readouterr().err.splitlines() == [
        "lightgrid: w has failed (process_died): the process of w ended with exit code 3.",
        "lightgrid: w has failed (never_registered): Oops: no",
    ]


def test_at_level_error_only_failures_and_what_the_app_says_are_told(capsys):
    observer = PlainObserver("ERROR")
    observer.started("app.py", "127.0.0.1:1")
    for stage in ("started", "running", "succeeded", "failed", "stopped"):
        observer.work_status("root.w", WorkStatus(WorkStage(stage)))
    observer.said("bye")
    observer.ended()
    assert capsys.readouterr().err == "lightgrid: w has failed\nlightgrid: bye\n"


@pytest.mark.parametrize(("level", "kind"), [("ERROR", PlainObserver), ("WARNING", LiveObserver)])
def test_at_level_error_there_is_no_table(monkeypatch, level, kind):
    monkeypatch.setattr(sys, "stdout", Tty())
    monkeypatch.setenv("TERM", "xterm")
    observer = make_observer(level)
    observer.ended()
    assert type(observer) is kind


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


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ('ValueError: several\nlines\n    of text\n'
         'Traceback (most recent call last):\n  File "a.py", line 3, in run\n    f()\n    ^^^\n'
         "ValueError: several\nlines\n    of text\n", "ValueError: several"),
        ("the process of w (pid 5) was killed by SIGKILL. Its last output:\n    begins with 0",
         "the process of w (pid 5) was killed by SIGKILL."),
        ("w has timed out: it ran for 3 s", "w has timed out: it ran for 3 s"),
    ],
)  # fmt: skip
def test_what_has_happened_is_one_line_of_what_is_known(message, told):
    failed = WorkStatus(WorkStage.FAILED, StatusReason.USER_EXCEPTION, message)
    assert status_news("root.w", failed) == f"w has failed (user_exception): {told}"
    again = WorkStatus(WorkStage.PENDING, StatusReason.RESTARTING, message)
    assert status_news("root.w", again) == f"w has failed and is started again: {told}"
