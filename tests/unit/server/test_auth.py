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
    auth.identify(bearer(auth.app_token)).check_app()
    of_a_work = auth.identify(bearer(auth.work_token("w", 1)))
    assert reason_of(of_a_work.check_app) is Reason.NOT_ALLOWED


def test_a_work_is_opened_by_its_token_and_the_apps():
    auth = Auth()
    auth.identify(bearer(auth.app_token)).check_work("w", 1)
    auth.identify(bearer(auth.work_token("w", 1))).check_work("w", 1)
    for token in (auth.work_token("w", 2), auth.work_token("v", 1)):
        assert reason_of(auth.identify(bearer(token)).check_work, "w", 1) is Reason.NOT_ALLOWED


def test_a_call_without_a_token_is_told_from_one_whose_token_is_nobodys():
    auth = Auth()
    for metadata in (None, [], [("authorization", "")], [("authorization", "Basic abc")]):
        assert reason_of(auth.identify, metadata) is Reason.TOKEN_MISSING
    for token in ("x", "ä", "1.2.3", "..", "1..", Auth("other").work_token("w", 1)):
        metadata = [("authorization", f"Bearer {token}".encode("latin-1"))]
        assert reason_of(auth.identify, metadata) is Reason.TOKEN_INVALID


def test_a_work_with_any_name_is_opened_by_its_token():
    auth = Auth()
    for name in ("root.w", "root.d.größe", "root.d.\ud800", "root.d.a/b"):
        token = auth.work_token(name, 3)
        assert token.isascii()
        auth.identify(bearer(token)).check_work(name, 3)
