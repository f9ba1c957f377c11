"""Works whose network, or whose process, does not behave."""

import pytest

import lightgrid as L
from lightgrid.testing import stepping


class Logging(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.log = []
        self.counter = 0
        self.until = 0

    def run(self, name, count):
        for number in range(count):
            self.log.append([name, number])
            self.counter += 1
        return count


class Endless(L.Work):
    def __init__(self):
        super().__init__(parallel=True, raise_exception=False)
        self.counter = 0

    def run(self):
        while True:
            self.counter += 1


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.logging = Logging()
        self.endless = Endless()

    def run(self):
        pass


@pytest.fixture(scope="module")
def app():
    root = Root()
    with stepping(root, see=lambda: root.endless.counter, with_faults=True) as app:
        app.run_until(lambda: True)
        root.endless.run()
        app.run_until(lambda: root.endless.counter > 0)
        yield app


def test_nothing_is_lost_or_doubled_when_connections_break_all_the_time(app):
    logging, expected = app.app.root.logging, []
    for number in range(10):
        logging.run(f"call {number}", 500)
        app.cut_connection(logging)
        expected += [[f"call {number}", at] for at in range(500)]
    app.run_until(lambda: logging.num_successes == 10)
    assert logging.log == expected
    assert logging.counter == 5000


def test_a_work_without_a_connection_goes_on_and_its_changes_come_later(app):
    endless = app.app.root.endless
    with app.disconnected(endless):
        app.run_until(lambda: True)
        before = endless.counter
        assert endless.is_running
    app.run_until(lambda: endless.counter > before)
    assert app.seen == sorted(app.seen)


def test_a_slow_network_changes_nothing_but_the_time(app):
    logging = app.app.root.logging
    successes, before = logging.num_successes, list(logging.log)
    app.delay(logging, 0.1)
    logging.run("slowly", 500)
    app.run_until(lambda: logging.num_successes == successes + 1)
    assert logging.log == [*before, *(["slowly", number] for number in range(500))]
    assert logging.status.result == 500
    app.delay(logging, 0.0)


def test_a_call_made_while_a_work_has_no_connection_is_executed_once_it_has(app):
    logging = app.app.root.logging
    before = logging.num_successes
    with app.disconnected(logging):
        logging.run("offline", 3)
        assert logging.is_pending
    app.run_until(lambda: logging.num_successes == before + 1)
    assert [entry for entry in logging.log if entry[0] == "offline"] == [
        ["offline", number] for number in range(3)
    ]


def test_faults_need_to_be_asked_for():
    with stepping(Root()) as app, pytest.raises(ValueError, match="with_faults=True"):
        app.cut_connection(app.app.root.logging)
