"""`lightgrid flow`: loading, exit codes, output, and the end."""

import signal
import socket
import textwrap

import pytest
from integration.command import EXAMPLES, wait_until

# Two apps at most in a test; each starts several processes.
pytestmark = pytest.mark.timeout(150)

APP = """
import os, sys, time
import lightgrid as L

class W(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.value = 0
    def run(self):
{work}

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = W()
    def run(self):
{flow}

app = L.App(Root())
"""


def app_text(work, flow):
    indented = {
        name: textwrap.indent(textwrap.dedent(text).strip(), 8 * " ")
        for name, text in {"work": work, "flow": flow}.items()
    }
    return APP.format(**indented)


UNTIL_DONE = """
self.w.run()
if self.w.has_succeeded:
    self.stop("all is done")
"""


def assert_refused(done, *words):
    """One line that says it, exit code 2, and no traceback of ours."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("lightgrid: ")
    for word in words:
        assert word in line, line


# What cannot be run


def test_a_file_that_is_not_there_is_one_line(lightgrid):
    assert_refused(lightgrid.run("flow", "nothing.py"), "nothing.py", "No such file")


def test_a_folder_is_one_line(lightgrid):
    (lightgrid.folder / "folder").mkdir()
    assert_refused(lightgrid.run("flow", "folder"), "folder", "directory")


def test_a_file_that_is_no_python_is_one_line_with_the_line(lightgrid):
    lightgrid.write("app.py", "import os\ndef f(:\n    pass\n")
    assert_refused(lightgrid.run("flow", "app.py"), "app.py, line 2", "def f(:")


def test_a_binary_file_is_one_line(lightgrid):
    (lightgrid.folder / "app.py").write_bytes(b"\x7fELF\0\xff\xfe")
    assert_refused(lightgrid.run("flow", "app.py"), "app.py")


def test_a_file_without_an_app_is_one_line(lightgrid):
    lightgrid.write("app.py", "import lightgrid as L\n")
    assert_refused(lightgrid.run("flow", "app.py"), "app.py", "no app")


def test_two_apps_are_named(lightgrid):
    text = app_text("pass", "self.stop()")
    lightgrid.write("app.py", text + "other = L.App(Root())\n")
    assert_refused(lightgrid.run("flow", "app.py"), "2 apps", "app, other")


def test_one_app_under_two_names_is_one(lightgrid):
    lightgrid.write("app.py", app_text("pass", "self.stop()") + "same = app\n")
    assert lightgrid.run("flow", "app.py").returncode == 0


def test_an_exception_while_loading_shows_the_users_lines_alone(lightgrid):
    lightgrid.write("app.py", "def f():\n    raise ValueError('the user is wrong')\nf()\n")
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 1
    assert done.stderr.count("File ") == 2
    assert "ValueError: the user is wrong" in done.stderr
    assert "app.py" in done.stderr


def test_a_syntax_error_in_an_imported_file_is_the_users(lightgrid):
    lightgrid.write("app.py", "import helper\n")
    lightgrid.write("helper.py", "def f(:\n")
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 1
    assert "helper.py" in done.stderr
    assert "SyntaxError" in done.stderr


def test_sys_exit_while_loading_gives_its_exit_code(lightgrid):
    lightgrid.write("app.py", "import sys\nsys.exit(7)\n")
    assert lightgrid.run("flow", "app.py").returncode == 7


def test_a_bad_env_option_is_a_usage_error(lightgrid):
    done = lightgrid.run("flow", "--env", "NOVALUE", "app.py")
    assert done.returncode == 2
    assert "KEY=VALUE" in done.stderr


@pytest.mark.parametrize("end", ["", "app.run()"])
def test_a_port_that_is_taken_is_one_line_that_says_so(lightgrid, end):
    lightgrid.write("app.py", app_text("pass", "self.stop()") + end)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = lightgrid.run("flow", "--listen", address, "app.py")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"lightgrid: cannot listen on {address}: Address already in use. An")


@pytest.mark.parametrize(
    ("certificate", "message"),
    [("nothing.pem", "nothing.pem: No such file"), ("bad.pem", "bad.pem and bad.pem are no cert")],
)
def test_tls_files_that_cannot_be_used_are_named_in_one_line(lightgrid, certificate, message):
    lightgrid.write("bad.pem", "no certificate")
    lightgrid.write("app.py", app_text("pass", "self.stop()"))
    done = lightgrid.run("flow", "--tls-cert", certificate, "--tls-key", "bad.pem", "app.py")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"lightgrid: {message}")


def test_a_host_that_is_not_known_is_one_line(lightgrid):
    lightgrid.write("app.py", app_text("pass", "self.stop()"))
    done = lightgrid.run("flow", "--insecure", "--listen", "no-such-host.invalid:0", "app.py")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("lightgrid: cannot listen on no-such-host.invalid:0: ")


# How it ends


def test_stop_is_exit_code_0_with_its_message(lightgrid):
    lightgrid.write("app.py", app_text("self.value = 5", UNTIL_DONE))
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 0, done
    assert "lightgrid: all is done" in done.stderr
    assert "lightgrid: w has succeeded" in done.stderr  # that it ran may be told along with it


def test_fail_is_exit_code_1_with_its_message(lightgrid):
    lightgrid.write("app.py", app_text("pass", "self.fail('it went wrong')"))
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 1
    assert "it went wrong" in done.stderr


def test_an_exception_in_run_is_exit_code_1_with_the_users_line(lightgrid):
    lightgrid.write("app.py", app_text("pass", "raise ValueError('flow broke')"))
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 1
    assert "raise ValueError('flow broke')" in done.stderr
    assert "lightgrid/runtime" not in done.stderr


def test_a_failed_work_is_exit_code_1_with_the_users_line(lightgrid):
    lightgrid.write("app.py", app_text("raise KeyError('work broke')", UNTIL_DONE))
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 1
    assert "raise KeyError('work broke')" in done.stderr
    assert "w has failed" in done.stderr


def test_ctrl_c_ends_everything_with_exit_code_130(lightgrid):
    work = """
    print("at work", flush=True)
    while True:
        time.sleep(0.1)
        self.value += 1
    """
    path = lightgrid.write("app.py", app_text(work, "self.w.run()"))
    app = lightgrid.start_app(path)
    app.wait_out("[w] at work")
    assert lightgrid.processes()
    app.interrupt()
    assert app.wait_end() == 130
    wait_until(lambda: not lightgrid.processes(), "the end of all processes")
    assert "Traceback" not in app.err


# What the app's file sees


def test_the_file_sees_what_a_script_would(lightgrid):
    folder = lightgrid.folder / "elsewhere"
    folder.mkdir()
    lightgrid.write("elsewhere/helper.py", "NAME = 'found'\n")
    path = lightgrid.write(
        "elsewhere/app.py",
        "import json, os, sys, helper\n"
        "facts = [sys.argv, os.getcwd(), sys.path[0], helper.NAME, os.environ['GREETING']]\n"
        "if __name__ == '__main__':\n    print('main', json.dumps(facts), flush=True)\n"
        + app_text("print('work', os.environ['GREETING'], sys.argv[1:])", UNTIL_DONE),
    )
    relative = path.relative_to(lightgrid.folder)
    done = lightgrid.run("flow", "--env", "GREETING=a=b", relative, "one", "--two", "-h")
    assert done.returncode == 0, done
    root = lightgrid.folder
    facts = f'main [["{relative}", "one", "--two", "-h"], "{root}", "{folder}", "found", "a=b"]'
    assert facts in done.stdout.splitlines()
    assert "[w] work a=b ['one', '--two', '-h']" in done.stdout.splitlines()


RUN_IN_MAIN = """
def main():
    print("before")
    L.App(Root()).run()
    print("after")

if __name__ == "__main__":
    main()
"""


def test_app_run_in_the_file_runs_the_app_there_with_the_commands_options(lightgrid):
    text = app_text("print('work')", UNTIL_DONE).replace("app = L.App(Root())", RUN_IN_MAIN)
    lightgrid.write("app.py", text)
    done = lightgrid.run("flow", "--log-level", "error", "app.py")
    assert done.returncode == 0, done
    assert done.stdout.splitlines() == ["before", "[w] work", "after"]
    assert done.stderr == "lightgrid: all is done\n"


def test_what_stands_behind_app_run_is_not_reached_when_the_app_fails(lightgrid):
    text = app_text("pass", "self.fail('no')").replace("app = L.App(Root())", RUN_IN_MAIN)
    lightgrid.write("app.py", text)
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 1, done
    assert done.stdout == "before\n"


def test_app_run_at_the_end_of_the_file_changes_nothing(lightgrid):
    lightgrid.write("app.py", app_text("print('once')", UNTIL_DONE) + "app.run()\n")
    done = lightgrid.run("flow", "app.py")
    assert done.returncode == 0, done
    assert done.stdout == "[w] once\n"


# What is shown


def test_control_characters_of_a_work_are_shown_and_the_flows_own_are_not_touched(lightgrid):
    work = "print('\\x1b[31mred\\x07\\tend')"
    flow = "print('\\x1b[32mgreen')\n" + textwrap.dedent(UNTIL_DONE)
    lightgrid.write("app.py", app_text(work, flow))
    lines = lightgrid.run("flow", "app.py").stdout.splitlines()
    assert "[w] \\x1b[31mred\\x07\tend" in lines
    assert "\x1b[32mgreen" in lines


def test_debug_shows_each_delta_as_deepdiff_does(lightgrid):
    lightgrid.write("app.py", app_text("self.value = 425", UNTIL_DONE))
    done = lightgrid.run("flow", "--log-level", "debug", "app.py")
    assert done.returncode == 0
    expected = """{"values_changed": {"root['works']['w']['vars']['value']": {"new_value": 425}}"""
    assert expected in done.stderr


# The examples


def test_the_counter_ends_with_exactly_ten_million(lightgrid):
    app = lightgrid.start("flow", EXAMPLES / "counter.py")
    assert app.wait_end() == 0
    numbers = list(map(int, app.out.split()))
    assert numbers[-1] == 10_000_000
    assert numbers == sorted(numbers)


def test_flow_and_work_drift_apart(lightgrid):
    app = lightgrid.start("flow", EXAMPLES / "drift.py")
    app.wait_out("Flow 3")
    wait_until(lambda: app.out.count("Work") >= 2, "two lines of the work")
    app.interrupt()
    assert app.wait_end() == 130
    lines = app.out.splitlines()
    flow = [line for line in lines if line.startswith("Flow")]
    work = [line for line in lines if not line.startswith("Flow")]
    assert flow == [f"Flow {number}" for number in range(len(flow))]
    assert set(work) == {"[reporter] Work 0"}


def test_words_are_counted_as_in_one_process(lightgrid):
    import re
    from collections import Counter

    folder = lightgrid.folder / "tree"
    for number in range(30):
        below = folder / f"p{number % 5}" / f"q{number % 3}"
        below.mkdir(parents=True, exist_ok=True)
        text = " ".join(f"word{'x' * (n % 41)} Other_{n}" for n in range(number * 7))
        (below / f"m{number}.py").write_text(text)
    expected = Counter()
    for path in folder.rglob("*.py"):
        expected.update(re.findall(r"[a-z]+", path.read_text().lower()))
    done = lightgrid.run("flow", EXAMPLES / "word_count.py", folder)
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    assert "30 of 30 files" in lines
    head = f"{expected.total()} words, {len(expected)} of them different; the most frequent:"
    table = lines[lines.index(head) + 1 :]
    counts = [(word, int(count)) for count, word in map(str.split, table)]
    assert [count for _, count in counts] == [count for _, count in expected.most_common(20)]
    assert all(expected[word] == count for word, count in counts)


SWALLOWING = """
self.w.run()
if self.w.value:
    for attempt in range(1000):  # a request, say, that is made again whatever happens
        try:
            print("attempt", attempt, flush=True)
            time.sleep(60)
        except BaseException as error:
            print("caught a", type(error).__name__, flush=True)
"""


def test_a_flow_that_swallows_one_ctrl_c_gets_the_second_and_is_ended_by_the_third(lightgrid):
    lightgrid.write("app.py", app_text("self.value = 1\ntime.sleep(60)", SWALLOWING))
    app = lightgrid.start_app("app.py")
    for attempt in range(2):
        app.wait_out(f"attempt {attempt}\n")
        app.interrupt()
    app.wait_out("attempt 2\n")
    assert app.out.count("caught a KeyboardInterrupt") == 2
    app.interrupt()
    assert app.wait_end() == -signal.SIGINT
    assert app.err.endswith(
        "lightgrid: the app is ended here and now; its works are ended behind it\n"
    )
    wait_until(lambda: not lightgrid.processes(), "the end of all processes")
