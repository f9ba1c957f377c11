import io
import logging
import os
import sys

import pytest

from lightgrid.worker.output import _Handler, flush_output, say


class Broken:
    def write(self, _text):
        raise OSError("no space left")

    def flush(self):
        raise OSError("no space left")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, closed(), Broken()], ids=["none", "closed", "full"])
def test_what_is_said_on_a_stream_that_takes_nothing_hurts_nobody(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    say("something\n")
    _Handler().emit(logging.LogRecord("lightgrid", logging.ERROR, "", 0, "it", None, None))
    flush_output()


def test_a_stream_that_takes_nothing_does_not_decide_the_exit_code(monkeypatch):
    kept = sys.stdout
    monkeypatch.setattr(sys, "stderr", Broken())
    flush_output()
    assert sys.stderr is None
    assert sys.stdout is kept


def test_what_is_logged_goes_where_stderr_is_by_then(monkeypatch):
    handler = _Handler()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    handler.emit(logging.LogRecord("lightgrid", logging.ERROR, "", 0, "it", None, None))
    assert sys.stderr.getvalue() == f"it{os.linesep}"
