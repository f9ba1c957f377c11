"""What the tests of commands have in common."""

import pytest
from integration.command import Lightgrid


@pytest.fixture
def lightgrid(tmp_path):
    """The command, in a folder of its own; what it has started ends with the test."""
    lightgrid = Lightgrid(tmp_path)
    yield lightgrid
    lightgrid.close()
