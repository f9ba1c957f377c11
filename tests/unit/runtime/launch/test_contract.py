"""The contract of launchers can be broken: each of its rules, by a launcher with that fault."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from lightgrid.runtime.launch.events import Ended, NotStarted
from lightgrid.runtime.launch.local import LocalLauncher
from lightgrid.testing import LauncherContract

RULES = sorted(name for name in dir(LauncherContract) if name.startswith("test_"))
#: How long to wait for what a broken launcher never does, once it has not done it.
NEVER_S = 0.1


def ends(event):
    return isinstance(event, Ended | NotStarted)


class Faulty(LocalLauncher):
    """A launcher whose faults are in what it changes of the local one."""

    def __init__(self, contract):
        super().__init__()
        self.contract = contract

    def nothing_more_comes(self):
        self.contract.patience_s = NEVER_S


def by_way_of(*prefix):
    class ByWayOf(Faulty):
        def start(self, spec, tell):
            def told(event):
                if isinstance(event, Ended):
                    self.nothing_more_comes()
                tell(event)

            super().start(replace(spec, command=[*prefix, *spec.command]), told)

    return ByWayOf


def shell(script):
    return by_way_of("/bin/sh", "-c", script, "sh")


def changing(change):
    class Changing(Faulty):
        def start(self, spec, tell):
            super().start(change(spec), tell)

    return Changing


def telling(change):
    """One that tells other events in place of each."""

    class Telling(Faulty):
        def start(self, spec, tell):
            super().start(spec, lambda event: list(map(tell, change(event))))

    return Telling


def overwriting(spec):
    spec.log_file.unlink(missing_ok=True)
    return spec


def with_code(change):
    return telling(
        lambda event: [replace(event, code=change(event.code)) if type(event) is Ended else event]
    )


class NeverTelling(Faulty):
    def start(self, spec, tell):
        self.nothing_more_comes()
        super().start(spec, lambda event: None)


class InTheFlowsSession(Faulty):
    def start(self, spec, tell):
        with spec.log_file.open("ab") as log:
            tell(Ended(spec.launch_id, subprocess.call(spec.command, stdout=log)))


class KillingAtOnce(Faulty):
    def stop(self, launch_id):
        self.kill(launch_id)


class LosingStops(Faulty):
    def stop(self, launch_id):
        self.nothing_more_comes()


class WaitingForEver(Faulty):
    def start(self, spec, tell):
        super().start(replace(spec, stop_grace_s=3600.0), tell)

    def stop(self, launch_id):
        super().stop(launch_id)
        self.nothing_more_comes()


class AskingOnly(Faulty):
    def kill(self, launch_id):
        self.stop(launch_id)
        self.nothing_more_comes()


class KnowingWorksOnly(Faulty):
    """One for whom a work's name is enough."""

    def __init__(self, contract):
        super().__init__(contract)
        self.launches = []

    def start(self, spec, tell):
        self.launches.append(spec.launch_id)
        super().start(spec, tell)

    def kill(self, launch_id):
        for one in self.launches:
            super().kill(one)


class KnowingNoOther(Faulty):
    def stop(self, launch_id):
        raise KeyError(launch_id)


class LeavingWhatRuns(Faulty):
    """One that waits for no end, and leaves that to who closes it again."""

    is_closed = False

    def close(self):
        if self.is_closed:
            super().close()
        self.is_closed = True
        self.nothing_more_comes()


# It puts the program into a session of its own without its mark, and so loses it.
LOSING = by_way_of(
    sys.executable,
    "-S",
    "-c",
    "import os, signal, subprocess, sys; del os.environ['LIGHTGRID_LAUNCH']; "
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "sys.exit(subprocess.call(sys.argv[1:], start_new_session=True))",
)
LEFT = "something that the launch has started is left"
NOT_TOLD = "the end of its process was not told"

#: A launcher with a fault, the rule that it breaks, and what is said of it.
BROKEN = [
    (
        shell('unset CONTRACT_FLOWS; exec "$@"'),
        "test_it_has_the_flows_environment_its_own_and_its_launchs_id",
        "environment: 'None own own call",
    ),
    (
        shell('unset LIGHTGRID_LAUNCH; exec "$@"'),
        "test_it_has_the_flows_environment_its_own_and_its_launchs_id",
        "environment: 'flow own own call None",
    ),
    (
        changing(lambda spec: replace(spec, environment={**os.environ, **spec.environment})),
        "test_what_an_outer_flow_has_told_is_not_handed_on",
        r"variables of an outer flow: .*LIGHTGRID_TOKEN",
    ),
    (shell('cd /; exec "$@"'), "test_it_runs_in_the_flows_working_folder", "working folder: '/"),
    (InTheFlowsSession, "test_it_is_in_another_session_than_the_flow", "session of the flow"),
    (
        changing(lambda spec: replace(spec, handed_over=spec.handed_over[:65536])),
        "test_bytes_are_handed_over_on_standard_input",
        "hash of its input",
    ),
    (
        changing(lambda spec: replace(spec, handed_over=b"typed by someone")),
        "test_without_bytes_standard_input_is_at_its_end",
        "standard input: \"'typed",
    ),
    (
        shell('exec "$@" 2>/dev/null'),
        "test_output_is_appended_to_the_log_before_the_end_is_told",
        r"log: \['out'\]",
    ),
    (
        changing(overwriting),
        "test_output_is_appended_to_the_log_before_the_end_is_told",
        r"log: \['next'\]",
    ),
    (with_code(lambda code: 0), "test_the_exit_code_is_told", "exit code: 0, not 3"),
    (
        telling(lambda event: [NotStarted(event.launch_id, "?")] if ends(event) else [event]),
        "test_the_exit_code_is_told",
        "it was not started",
    ),
    (
        telling(lambda event: [event] if ends(event) else []),
        "test_a_start_is_told_before_the_end",
        "events: ",
    ),
    (
        telling(lambda event: [event if ends(event) else replace(event, pid=1)]),
        "test_a_start_is_told_before_the_end",
        "another pid than its own was told: 1",
    ),
    (
        shell('"$@"; exit $?'),
        "test_the_signal_that_killed_it_is_told_as_a_negative_code",
        "exit code: 137, not -9",
    ),
    (NeverTelling, "test_an_end_is_told_once_and_by_its_launchs_id", NOT_TOLD),
    (
        telling(lambda event: [event, event]),
        "test_an_end_is_told_once_and_by_its_launchs_id",
        "told again",
    ),
    (
        telling(lambda event: [replace(event, launch_id="another")]),
        "test_an_end_is_told_once_and_by_its_launchs_id",
        "launch that was told to have ended: 'another'",
    ),
    (
        telling(lambda event: [Ended(event.launch_id, 0)]),
        "test_a_program_that_is_not_there_is_told_not_to_start_or_to_have_failed",
        "has ended with 0",
    ),
    (
        telling(lambda event: [NotStarted(event.launch_id, "")]),
        "test_a_program_that_is_not_there_is_told_not_to_start_or_to_have_failed",
        "nothing is said of why",
    ),
    (KillingAtOnce, "test_a_stop_asks_with_sigterm", "did not get as far"),
    (LosingStops, "test_a_stop_right_after_the_start_is_not_lost", NOT_TOLD),
    (
        WaitingForEver,
        "test_what_does_not_end_is_killed_after_its_grace_with_all_it_started",
        NOT_TOLD,
    ),
    (LOSING, "test_what_does_not_end_is_killed_after_its_grace_with_all_it_started", LEFT),
    (AskingOnly, "test_kill_ends_what_a_stop_has_asked_with_all_it_started", NOT_TOLD),
    (LOSING, "test_kill_ends_what_a_stop_has_asked_with_all_it_started", LEFT),
    (LOSING, "test_what_it_leaves_behind_ends_with_it", LEFT),
    (
        shell('unset LIGHTGRID_LAUNCH; exec "$@"'),
        "test_a_daemon_ends_with_the_launch_that_made_it",
        LEFT,
    ),
    (LeavingWhatRuns, "test_closing_kills_what_is_left_with_all_it_started", NOT_TOLD),
    (LOSING, "test_closing_kills_what_is_left_with_all_it_started", LEFT),
    (KnowingNoOther, "test_an_id_that_is_unknown_is_ignored", "never launched"),
    (KnowingWorksOnly, "test_two_launches_of_one_work_are_two", "exit code: -9, not 5"),
    (
        with_code(lambda code: min(code, 30)),
        "test_many_launches_at_once_have_each_its_own_end",
        "exit code: 30, not 31",
    ),
]


@pytest.mark.parametrize(
    ("make", "rule", "said"),
    BROKEN,
    ids=[f"{make.__name__}-{rule.removeprefix('test_')}" for make, rule, _ in BROKEN],
)
def test_a_launcher_with_a_fault_breaks_a_rule_that_says_so(make, rule, said):
    class Contract(LauncherContract):
        def make_launcher(self):
            return make(self)

    contract = Contract()
    contract.setup_method()
    try:
        with pytest.raises((AssertionError, KeyError), match=said):
            getattr(contract, rule)()
    finally:
        contract.teardown_method()


def test_each_rule_can_be_broken():
    assert sorted({rule for _, rule, _ in BROKEN}) == RULES


def test_a_contract_asks_for_its_launcher():
    with pytest.raises(NotImplementedError, match="override make_launcher"):
        LauncherContract().setup_method()


def test_the_contract_is_read_without_pytest():
    code = "import sys, lightgrid.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
