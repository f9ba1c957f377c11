import io
import sys

from lightgrid.cli import logs


class Stdout:
    def __init__(self, *, is_terminal):
        self.buffer = io.BytesIO()
        self.isatty = lambda: is_terminal


def shown(monkeypatch, pieces, *, is_terminal):
    stdout = Stdout(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stdout", stdout)
    logs._show(pieces)
    return stdout.buffer.getvalue()


BAR = [b"one\n", b"\r 10%", b"\r 20%\r 30%", b"\n", b"\x1b[2Jend"]


def test_a_progress_bar_takes_one_line_of_a_terminal_and_the_prompt_another(monkeypatch):
    text = shown(monkeypatch, BAR, is_terminal=True)
    assert text == b"one\n 10%\r\x1b[K 30%\n\\x1b[2Jend\n"


def test_a_file_gets_what_the_work_printed(monkeypatch):
    assert shown(monkeypatch, BAR, is_terminal=False) == b"".join(BAR)
