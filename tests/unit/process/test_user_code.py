"""What an error in code that travelled inside a pickle shows in the other process."""

import linecache
import pickle
import traceback
import types
from fractions import Fraction

import pytest

from lightgrid.process.work_spec import dump_object

CELL = """\
class Sample:
    def run(self):
        numbers = [1, 2]
        return (lambda at: numbers[at])(7)  # the user's line
"""


@pytest.fixture
def run_cell(monkeypatch):
    """Executes a notebook's cell under the name that the notebook gives it."""
    names = []

    def run(name, source=CELL):
        names.append(name)
        # As IPython and Python's own prompt keep what was typed.
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        cell = types.ModuleType("__main__")
        exec(compile(source, name, "exec"), cell.__dict__)
        return cell

    yield run
    for name in names:
        linecache.cache.pop(name, None)


def trace_elsewhere(data, do=lambda sample: sample.run()):
    """The traceback in a process that has never seen the cell."""
    linecache.clearcache()
    with pytest.raises(Exception) as caught:  # noqa: PT011 - what it shows is the question
        do(pickle.loads(data))
    return "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("by_reference", [True, False])
@pytest.mark.parametrize(
    "name", ["/tmp/ipykernel_123/456.py", "<ipython-input-1-0123456789ab>", "<python-input-3>"]
)
def test_an_error_in_a_notebooks_work_shows_the_line_of_the_cell(run_cell, name, by_reference):
    sample = run_cell(name).Sample()
    trace = trace_elsewhere(dump_object(sample, by_reference=by_reference))
    assert f'File "{name}", line 4, in run\n    return (lambda at: numbers[at])(7)' in trace
    assert f'File "{name}", line 4, in <lambda>\n' in trace


def test_an_error_in_a_function_among_a_calls_arguments_shows_its_line(run_cell):
    function = run_cell("<ipython-input-2-ab>", "def half(x):\n    return x / 0\n").half
    data = dump_object(((function,), {}), by_reference=False)
    trace = trace_elsewhere(data, lambda arguments: arguments[0][0](3))
    assert 'File "<ipython-input-2-ab>", line 2, in half\n    return x / 0\n' in trace


def test_the_lines_of_a_cell_travel_once_however_many_functions_it_has(run_cell):
    functions = "".join(f"def f{n}():\n    return {n}\n" for n in range(100))
    cell = run_cell("/tmp/ipykernel_1/2.py", functions)
    one = dump_object(cell.f1, by_reference=False)
    every = dump_object([getattr(cell, f"f{n}") for n in range(100)], by_reference=False)
    assert one.count(b"return 77\n") == every.count(b"return 77\n") == 1


def test_the_lines_of_a_file_on_disk_do_not_travel(tmp_path):
    path = tmp_path / "app.py"
    path.write_text(CELL)
    module = types.ModuleType("__main__")
    exec(compile(CELL, str(path), "exec"), module.__dict__)
    data = dump_object(module.Sample(), by_reference=False)
    assert b"the user's line" not in data
    assert f'File "{path}", line 4, in run\n    return (lambda' in trace_elsewhere(data)


def test_code_whose_lines_nobody_has_still_shows_its_place():
    module = types.ModuleType("__main__")
    exec(compile(CELL, "<made up>", "exec"), module.__dict__)
    trace = trace_elsewhere(dump_object(module.Sample(), by_reference=False))
    assert 'File "<made up>", line 4, in run\n' in trace


def test_code_that_no_compiler_made_travels_as_the_pickler_takes_it():
    def answer():
        return 4

    strange = (None, Fraction(1, 3))
    function = types.FunctionType(answer.__code__.replace(co_consts=strange), {})
    assert pickle.loads(dump_object(function, by_reference=False)).__code__.co_consts == strange
