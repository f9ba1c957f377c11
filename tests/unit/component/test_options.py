"""Options are checked where they are given, in works, flows, apps and tests alike."""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import numpy
import pytest
from unit.component.fake_app import FakeApp

import lightgrid as L
from lightgrid.component.node import node_of
from lightgrid.component.options import OptionChecker
from lightgrid.errors import OptionError
from lightgrid.testing import stepping

INF, NAN = float("inf"), float("nan")
NO_TIMES = [INF, -INF, NAN, -1, -0.001, 1e10, 10**400, True, "1", b"1", [1], 1j, timedelta(1)]


class Worker(L.Work):
    def __init__(self, **options):
        super().__init__(**options)

    def run(self):
        pass


class Root(L.Flow):
    def run(self):
        pass


def refused(make, *told):
    with pytest.raises(OptionError) as found:
        make()
    assert isinstance(found.value, ValueError)
    assert isinstance(found.value, TypeError)
    for text in told:
        assert text in str(found.value)


@pytest.mark.parametrize("value", NO_TIMES)
@pytest.mark.parametrize("option", ["stop_grace_s", "run_timeout_s", "stall_timeout_s"])
def test_what_is_no_time_is_refused_where_the_work_is_made(option, value):
    refused(lambda: Worker(**{option: value}), f"Worker: {option} cannot be ", "seconds")


def test_the_refusal_says_which_work_option_and_value_and_what_is_allowed():
    with pytest.raises(OptionError) as found:
        Worker(stop_grace_s=INF)
    assert str(found.value) == (
        "Worker: stop_grace_s cannot be inf; it is a number of seconds, 0 or more and up to "
        "1e+09, or None for the app's own"
    )
    assert (found.value.owner, found.value.option, found.value.value) == (
        "Worker", "stop_grace_s", INF,
    )  # fmt: skip


@pytest.mark.parametrize("option", ["run_timeout_s", "stall_timeout_s"])
def test_a_call_that_may_take_no_time_at_all_has_no_meaning(option):
    refused(lambda: Worker(**{option: 0}), "above 0")


@pytest.mark.parametrize(
    "value", [0, 2, 1.5, numpy.float64(1.5), numpy.int64(3), Fraction(1, 2), None]
)
def test_every_kind_of_real_number_is_a_time(value):
    grace_s = node_of(Worker(stop_grace_s=value)).options.stop_grace_s
    assert grace_s == value
    assert type(grace_s) in (float, type(None))


@pytest.mark.parametrize("value", [None, 0, 1, "", "False", [], numpy.True_])
@pytest.mark.parametrize(
    "option",
    ["parallel", "cache_calls", "raise_exception", "receive_updates", "start_with_flow", "launch"],
)
def test_a_flag_is_true_or_false_and_nothing_that_may_mean_it(option, value):
    refused(lambda: Worker(**{option: value}), f"Worker: {option} cannot be", "True or False")


@pytest.mark.parametrize("value", [None, "", "a b", "a\0b", "\ud800", 127, b"127.0.0.1"])
def test_what_no_machine_is_called_is_refused(value):
    refused(lambda: Worker(host=value), "Worker: host cannot be", "name or address of a machine")


@pytest.mark.parametrize("value", [0, -1, 65536, 1.5, True, "80", NAN])
def test_a_port_out_of_range_is_refused(value):
    refused(lambda: Worker(port=value), "Worker: port cannot be", "1 to 65535, or None for a free")


def test_a_port_in_range_is_taken():
    assert Worker(port=numpy.int64(8080)).port == 8080


@pytest.mark.parametrize("value", [None, 3, "sometimes", L.Restart])
def test_what_is_no_restart_policy_is_refused(value):
    refused(
        lambda: Worker(restart=value),
        "Worker: restart cannot be",
        "never, on_failure or always, or a Restart",
    )


@pytest.mark.parametrize(
    "options",
    [
        *({"first_delay_s": value} for value in NO_TIMES),
        {"max_delay_s": NAN},
        {"healthy_after_s": "60"},
        {"factor": 0.5},
        {"factor": INF},
        {"factor": 1e9},
        {"max_attempts": 0},
        {"max_attempts": 2.5},
        {"max_attempts": True},
        {"max_attempts": INF},
        {"when": None},
    ],
)
def test_a_restart_policy_that_could_not_be_followed_is_refused(options):
    refused(lambda: L.Restart(**options), f"Restart: {next(iter(options))} cannot be")


def test_the_steepest_policy_still_has_a_delay():
    policy = L.Restart("always", first_delay_s=1e9, factor=1000, max_delay_s=1)
    assert policy.delay_s(10**6) <= 1


@pytest.mark.parametrize("value", [*NO_TIMES, None])
def test_the_grace_of_an_app_is_a_time(value):
    refused(lambda: L.App(Root(), stop_grace_s=value), "App: stop_grace_s cannot be")


@pytest.mark.parametrize("value", [*NO_TIMES, None])
def test_flush_waits_for_a_time(value):
    refused(lambda: Worker().flush(value), "Worker.flush(): timeout_s cannot be")


@pytest.mark.parametrize("value", NO_TIMES)
def test_an_update_is_waited_for_a_time(value):
    work = Worker(receive_updates=True)
    refused(lambda: work.wait_for_update(value), "Worker.wait_for_update(): timeout_s cannot be")


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ({"cron": None}, "cron"),
        ({"cron": 5}, "cron"),
        ({"cron": "\ud800"}, "cron"),
        ({"cron": "hourly", "start_time": 5}, "start_time"),
        ({"cron": "hourly", "user_key": 5}, "user_key"),
        ({"cron": "hourly", "user_key": "\ud800"}, "user_key"),
    ],
)
def test_a_schedule_of_none_is_refused_with_what_it_can_be(arguments, option):
    refused(lambda: Root().schedule(**arguments), f"Root.schedule(): {option} cannot be")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"address": None}, "HOST:PORT"),
        ({"address": "127.0.0.1"}, "HOST:PORT"),
        ({"address": "127.0.0.1:65536"}, "HOST:PORT with a port up to 65535"),
        ({"address": "127.0.0.1:-1"}, "HOST:PORT"),
        *(
            ({"advertise": host}, "HOST or HOST:PORT that others can dial")
            for host in (
                *("", 5, b"flow", ":80", "flow:", "flow:0", "flow:65536", "flow:http", "a b"),
                *("http://flow", "me@flow", "flow/x", "flow\n", "::1", "fd00::1:80", "[flow]:80"),
                *("0.0.0.0", "0.0.0.0:80", "0", "[::]", "[::]:80", "[0::0]", "*"),
            )
        ),
        ({"tls_certificate": "cert.pem"}, "pathlib.Path"),
        ({"tls_ca": "ca.pem"}, "pathlib.Path"),
        ({"insecure": "no"}, "True or False"),
        ({"tls": "yes"}, "True or False"),
        ({"environment": [("A", "1")]}, "a dict of texts"),
        ({"environment": {"A": 1}}, "environment['A'] cannot be 1; it is a text"),
        ({"environment": {"A=B": "1"}}, "a name in environment cannot be 'A=B'"),
        ({"environment": {"A": "a\0b"}}, "without null"),
        ({"log_level": "LOUD"}, "DEBUG, INFO, WARNING or ERROR"),
        ({"log_level": 10}, "DEBUG, INFO, WARNING or ERROR"),
        ({"stream_lifetime_s": 5}, "two numbers of seconds"),
        ({"stream_lifetime_s": (2, 1)}, "the smaller one first"),
        ({"stream_lifetime_s": (1, INF)}, "two numbers of seconds"),
        ({"make_launcher": 3}, "a function"),
    ],
)
def test_an_app_is_not_begun_with_options_that_it_cannot_be_run_with(options, told):
    refused(lambda: L.RunOptions(**options), "RunOptions: ", told)


@pytest.mark.parametrize(
    "host", ["flow", "flow.example.org:80", "10.0.0.1", "10.0.0.1:65535", "[fd00::1]", "[::1]:1"]
)
def test_what_others_dial_is_a_host_with_or_without_a_port(host):
    assert L.RunOptions(advertise=host).advertise == host


def test_a_level_may_be_in_small_letters():
    options = L.RunOptions(log_level="debug", tls_certificate=Path("a"), tls_key=Path("b"))
    assert options.log_level == "DEBUG"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ([], "a program and its arguments"),
        ([""], "a program"),
        (["a\0b"], "without null"),
        (None, "a list of its words"),
        (3, "a list of its words"),
    ],
)
def test_what_is_no_command_is_refused_where_the_work_is_made(command, told):
    refused(lambda: L.CommandWork(command), "CommandWork: command cannot be", told)


def test_an_argument_that_no_program_can_get_is_refused_at_the_flows_line():
    root = Root()
    root.program = L.CommandWork(["echo"])
    FakeApp(root)
    refused(lambda: root.program.run("a\0b"), "program.run(): the arguments cannot be", "null")


def test_an_environment_of_numbers_is_refused_where_the_work_is_made():
    refused(
        lambda: L.CommandWork(["x"], environment={"PORT": 80}),
        "CommandWork: environment['PORT'] cannot be 80; it is a text",
    )


def test_a_test_waits_for_a_condition_and_a_time():
    refused(lambda: stepping(Root(), see=3), "stepping(): see cannot be 3; it is a function")
    refused(lambda: stepping(Root(), with_faults="no"), "with_faults")
    refused(lambda: stepping(Root(), options={}), "options", "a RunOptions")
    refused(lambda: stepping(Root(), stop_grace_s=NAN), "App: stop_grace_s")
    app = stepping(Root())
    refused(lambda: app.run_until(True), "run_until(): condition cannot be True")
    refused(lambda: app.run_until(lambda: True, NAN), "run_until(): timeout_s")
    refused(lambda: app.run_for(-1), "run_for(): seconds")


def test_a_value_that_is_long_is_not_shown_whole():
    with pytest.raises(OptionError) as found:
        OptionChecker("X").flag("y", "a" * 1000)
    assert len(str(found.value)) < 200
