import pytest

from lightgrid.errors import Reason, RefusedError
from lightgrid.server.auth import Auth


def bearer(token):
    return [("user-agent", "x"), ("authorization", f"Bearer {token}")]


def reason_of(check, *args):
    with pytest.raises(RefusedError) as caught:
        check(*args)
    return caught.value.reason


def test_each_run_of_an_app_has_a_token_of_its_own_of_256_bits():
    assert len(bytes.fromhex(Auth().app_token)) == 32
    assert Auth().app_token != Auth().app_token


def test_each_work_and_each_generation_of_it_has_a_token_of_its_own():
    auth = Auth("secret")
    tokens = {auth.work_token(name, number) for name in ("a", "b", "a\0") for number in (1, 2, 12)}
    assert len(tokens) == 9
    assert auth.work_token("a", 1) == Auth("secret").work_token("a", 1)
    assert "secret" not in tokens


def test_the_app_is_opened_by_its_token_alone():
    auth = Auth()
    auth.check_app(bearer(auth.app_token))
    assert reason_of(auth.check_app, bearer(auth.work_token("w", 1))) is Reason.TOKEN_INVALID
    assert reason_of(auth.check_app, None) is Reason.TOKEN_MISSING
    assert reason_of(auth.check_app, [("authorization", "")]) is Reason.TOKEN_MISSING


def test_a_work_is_opened_by_its_token_and_the_apps():
    auth = Auth()
    auth.check_work(bearer(auth.app_token), "w", 1)
    auth.check_work(bearer(auth.work_token("w", 1)), "w", 1)
    for token in (auth.work_token("w", 2), auth.work_token("v", 1), "", "ä"):
        metadata = [("authorization", f"Bearer {token or 'x'}".encode("latin-1"))]
        assert reason_of(auth.check_work, metadata, "w", 1) is Reason.NOT_ALLOWED
