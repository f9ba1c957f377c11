"""What a call's failure means, and what people are shown of it."""

import pytest

from lightgrid.protocol.messages import CallError, CallErrorReason

PYTHON = 'Traceback (most recent call last):\n  File "a.py", line 3, in run\n    f()\n'


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (CallError("E", "no"), "E: no"),
        (CallError("E", ""), "E"),
        (CallError("", "no"), "no"),
        (CallError("E", "no", f"{PYTHON}E: no\n"), f"E: no\n{PYTHON.rstrip()}"),
        (CallError("E", "no", f"{PYTHON}mod.E: no\n"), f"E: no\n{PYTHON}mod.E: no"),
        (CallError("E", "no\nnever", f"{PYTHON}E: no\nnever"), f"E: no\nnever\n{PYTHON.rstrip()}"),
        (CallError("java.E", "no", "java.E: no\n\tat X"), "java.E: no\n\tat X"),
        (CallError("E", "no", "at X"), "E: no\nat X"),
        (CallError("", "", "at X"), "at X"),
    ],
)
def test_it_begins_with_type_and_message_and_says_them_once(error, shown):
    assert error.shown == shown


@pytest.mark.parametrize("reason", CallErrorReason)
def test_only_what_user_code_raised_may_go_well_the_next_time(reason):
    is_permanent = reason is not CallErrorReason.USER_EXCEPTION
    assert CallError("E", "no", reason=reason).is_permanent is is_permanent
