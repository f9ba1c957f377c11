import threading

import pytest

from lightgrid.runtime.reporting import logs
from lightgrid.runtime.reporting.logs import LogFollower, last_lines
from lightgrid.terminal.text import escape_line

PATIENCE_S = 30.0


class Screen:
    def __init__(self):
        self.lines = []
        self.grown = threading.Condition()

    def __call__(self, work, line):
        with self.grown:
            self.lines.append((work, line))
            self.grown.notify_all()

    def wait_for(self, count):
        with self.grown:
            assert self.grown.wait_for(lambda: len(self.lines) >= count, PATIENCE_S)


@pytest.fixture
def screen():
    return Screen()


@pytest.fixture
def follower(screen):
    follower = LogFollower(screen)
    yield follower
    follower.close()


def append(path, data):
    with path.open("ab") as file:
        file.write(data)


def test_lines_are_shown_as_they_come_and_the_rest_at_the_end(follower, screen, tmp_path):
    path = tmp_path / "w.log"
    follower.follow("w", path)
    follower.start()
    append(path, b"one\ntw")
    screen.wait_for(1)
    append(path, b"o\r\nthree")
    screen.wait_for(2)
    follower.close()
    assert screen.lines == [("w", "one"), ("w", "two"), ("w", "three")]


def test_a_file_is_followed_once_and_from_its_beginning(follower, screen, tmp_path):
    path = tmp_path / "w.log"
    append(path, b"before\n")
    follower.follow("w", path)
    follower.follow("w", path)
    follower.close()
    assert screen.lines == [("w", "before")]


def test_what_is_left_is_shown_when_a_work_is_dropped(follower, screen, tmp_path):
    path = tmp_path / "w.log"
    follower.follow("w", path)
    append(path, b"last\n" * 100_000)
    follower.drop("w")
    assert len(screen.lines) == 100_000
    append(path, b"more\n")
    follower.close()
    assert len(screen.lines) == 100_000


def test_bytes_that_are_no_text_are_shown_all_the_same(follower, screen, tmp_path):
    path = tmp_path / "w.log"
    append(path, b"\xff\xfe caf\xc3\xa9\n")
    follower.follow("w", path)
    follower.close()
    assert screen.lines == [("w", "\ufffd\ufffd café")]


def test_a_line_without_end_is_shown_in_pieces(follower, screen, tmp_path):
    path = tmp_path / "w.log"
    append(path, b"x" * 1_000_000)
    follower.follow("w", path)
    follower.close()
    assert sum(len(line) for _, line in screen.lines) == 1_000_000
    assert len(screen.lines) > 1


def test_a_progress_bar_is_shown_while_it_grows(follower, screen, tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "_PROGRESS_S", 0.0)
    path = tmp_path / "w.log"
    follower.follow("w", path)
    follower.start()
    for count, share in enumerate((b" 10%", b" 20%", b"100%"), 1):
        append(path, b"\rso far\r" + share)
        screen.wait_for(count)
    append(path, b"\r\nend\n")
    screen.wait_for(5)
    shown = [escape_line(line) for _, line in screen.lines]
    assert shown == [" 10%", " 20%", "100%", "100%", "end"]


def test_in_a_hurry_only_the_last_of_the_output_is_shown(follower, screen, tmp_path):
    path = tmp_path / "w.log"
    append(path, b"old\n" * 100_000 + b"new\n")
    follower.follow("w", path)
    follower.close(hurry=True)
    lines = [line for _, line in screen.lines]
    assert "bytes left out" in lines[0]
    assert lines[-1] == "new"
    assert len(lines) < 70_000


def test_a_file_that_is_not_there_yet_is_waited_for(follower, screen, tmp_path):
    path = tmp_path / "w.log"
    follower.follow("w", path)
    follower.start()
    append(path, b"here\n")
    screen.wait_for(1)


def test_the_last_lines_of_a_work_are_at_hand(follower, tmp_path):
    path = tmp_path / "w.log"
    append(path, "".join(f"{number}\n" for number in range(100_000)).encode())
    follower.follow("w", path)
    assert follower.tail("w", 2) == ["99998", "99999"]
    assert follower.tail("nobody") == []
    assert last_lines(tmp_path / "none.log", 3) == []
