import re
from pathlib import Path

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from lightgrid.errors import (
    ClosedError,
    FlowUnavailableError,
    FlowUntrustedError,
    MisfitError,
    Reason,
    RefusedError,
)
from lightgrid.wire.rpc_errors import CODES, from_rpc_error, to_status
from lightgrid_protos.v1 import errors_pb2

PROTO = Path(__file__).parents[3] / "protos" / "lightgrid_protos" / "v1" / "errors.proto"


def _aio(code, metadata=(), details=""):
    return AioRpcError(code, Metadata(), Metadata(*metadata), details)


class _SyncError(grpc.RpcError):
    def __init__(self, code, details, metadata):
        self._told = code, details, metadata

    def code(self):
        return self._told[0]

    def details(self):
        return self._told[1]

    def trailing_metadata(self):
        return self._told[2]


def test_the_table_says_what_the_comments_of_the_contract_say():
    codes, code = {}, None
    for line in PROTO.read_text().splitlines():
        if found := re.match(r"\s*// ([A-Z_]{7,})[:.]", line):
            code = found[1]
        elif found := re.match(r"\s*ERROR_REASON_(\w+) = [1-9]", line):
            codes[found[1]] = code
    assert codes == {reason.value: code.name for reason, code in CODES.items()}
    assert set(CODES) == set(Reason)
    assert len(errors_pb2.ErrorReason.keys()) == len(Reason) + 1


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("make", [_aio, lambda c, m, d: _SyncError(c, d, m)], ids=["aio", "sync"])
def test_a_refusal_comes_back_with_its_reason_and_facts(reason, make):
    error = RefusedError(reason, "no: ü", {"path": "a.b", "value": 3})
    code, details, metadata = to_status(error)
    assert (code, details) == (CODES[reason], "no: ü")
    back = from_rpc_error(make(code, metadata, details))
    assert isinstance(back, RefusedError)
    assert (back.reason, str(back)) == (reason, "no: ü")
    assert back.facts.items() >= error.facts.items()
    assert ("retry_after_s" in back.facts) == (reason is Reason.WORK_HELD)


def test_an_answer_stays_below_the_metadata_limit_of_grpc():
    facts = {f"k{i}": "€" * 9000 for i in range(20)}
    _, details, metadata = to_status(RefusedError(Reason.BAD_OP, "€\ud800" * 9000, facts))
    sent = 3 * len(details.encode()) + sum(len(value) * 4 // 3 for _, value in metadata)
    assert sent < 8 * 1024


def test_a_misfit_names_its_path_and_cause():
    code, _, metadata = to_status(MisfitError(("a", "0"), "no such item"))
    back = from_rpc_error(_aio(code, metadata))
    assert back.reason is Reason.BAD_OP
    assert back.facts == {"path": "a.0", "cause": "no such item"}


def test_other_errors_are_told_without_detail():
    assert to_status(KeyError("secret")) == (grpc.StatusCode.INTERNAL, "internal error", ())


def test_a_closing_server_is_unavailable():
    assert to_status(ClosedError("draining"))[0] is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("name", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN"])
def test_a_server_that_cannot_be_reached_may_be_asked_again(name):
    back = from_rpc_error(_aio(grpc.StatusCode[name], details="connection refused"))
    assert isinstance(back, FlowUnavailableError)
    assert "connection refused" in str(back)


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ("CERTIFICATE_VERIFY_FAILED: self signed certificate", "nobody who is trusted here"),
        ("CERTIFICATE_VERIFY_FAILED", "nobody who is trusted here"),  # as older versions say it
        ("CERTIFICATE_VERIFY_FAILED: certificate has expired: OK", "its certificate has expired"),
        ("Hostname Verification Check failed.", "not for the host that was dialled"),
        ("WRONG_VERSION_NUMBER: Invalid certificate", "it speaks no TLS"),
    ],
)
def test_a_server_that_cannot_be_believed_is_no_other_the_next_time(details, told):
    back = from_rpc_error(
        _aio(grpc.StatusCode.UNAVAILABLE, details=f"failed to connect: {details}")
    )
    assert isinstance(back, FlowUntrustedError)
    assert told in str(back)


def test_a_message_over_the_limit_of_grpc_is_over_a_limit():
    back = from_rpc_error(_aio(grpc.StatusCode.RESOURCE_EXHAUSTED, details="larger than max"))
    assert back.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize("packed", [b"\xff\xff", b"", "text"])
def test_details_that_cannot_be_read_leave_the_code(packed):
    metadata = [("grpc-status-details-bin", packed)]
    back = from_rpc_error(_aio(grpc.StatusCode.PERMISSION_DENIED, metadata))
    assert back.reason is Reason.NOT_ALLOWED


def test_an_error_that_is_no_call_is_unavailable():
    assert isinstance(from_rpc_error(grpc.RpcError("closed")), FlowUnavailableError)
