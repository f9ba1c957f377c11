import pytest

from lightgrid.cli.failure import UsageFailure
from lightgrid.cli.settings import Settings, read_settings


@pytest.fixture
def write(tmp_path):
    def write(text, folder=tmp_path):
        folder.mkdir(exist_ok=True)
        (folder / "pyproject.toml").write_text(text)
        return folder

    return write


def test_what_is_set_is_read(write):
    folder = write('[tool.lightgrid]\nlauncher = "ray:x"\npreload = ["numpy", "os.path"]\n')
    assert read_settings(folder) == Settings("ray:x", ("numpy", "os.path"))


def test_without_a_file_or_a_table_works_are_started_on_this_machine(write, tmp_path):
    assert read_settings(write("[tool.other]\nx = 1\n")) == Settings("local", ())
    assert read_settings(write("")) == Settings()


def test_the_nearest_file_above_counts_and_it_alone(write, tmp_path):
    write('[tool.lightgrid]\nlauncher = "outer"\n')
    inner = tmp_path / "inner"
    (inner / "deep").mkdir(parents=True)
    assert read_settings(inner / "deep").launcher == "outer"
    write('[tool.lightgrid]\npreload = ["numpy"]\n', inner)
    assert read_settings(inner / "deep") == Settings("local", ("numpy",))


def test_a_folder_of_that_name_is_passed_over(write, tmp_path):
    write('[tool.lightgrid]\nlauncher = "outer"\n')
    (tmp_path / "inner" / "pyproject.toml").mkdir(parents=True)
    assert read_settings(tmp_path / "inner").launcher == "outer"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "[tool.lightgrid]\npre_load = []\n",
            "there is no 'pre_load'; there are: launcher, preload",
        ),
        ("[tool.lightgrid]\nlauncher = 1\n", "launcher"),
        ("[tool.lightgrid]\npreload = 'numpy'\n", "preload"),
        ("[tool.lightgrid]\npreload = [1]\n", "preload"),
        ("[tool.lightgrid]\npreload = ['not a module']\n", "preload"),
        ("[tool\n", "line 1"),
        ("[tool]\nlightgrid = 1\n", "lightgrid"),
        ("tool = 1\n", "tool"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_file(write, text, what):
    folder = write(text)
    with pytest.raises(UsageFailure) as refused:
        read_settings(folder)
    assert what in str(refused.value)
    assert str(folder / "pyproject.toml") in str(refused.value)
