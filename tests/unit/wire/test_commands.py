import math

import pytest

from lightgrid.errors import Reason, RefusedError, UnsupportedValueError
from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.messages import Ack, Cancel, Registration, Resync, Run, Stop, Update
from lightgrid.state.delta import Set
from lightgrid.wire.commands import CommandJoiner, encode_command
from lightgrid.wire.registration import decode_registration, encode_registration
from lightgrid_protos.v1.work_service_pb2 import RegisterWorkResponse, WatchCommandsResponse


@pytest.mark.parametrize(
    "command",
    [
        Ack(5, 4),
        Ack(0, 0),
        Cancel("c"),
        Cancel(""),
        Stop(2.5),
        Stop(0.0),
        Resync(),
        Update(7, [Set(("a",), 1)]),
        Update(7, [Set((), {})], snapshot=True),
        Run("id", args=[], ops=[]),
        Run("id", "other", [1, [], None], {"k": {}}, [Set(("a",), 1)], 3, b"pickle"),
    ],
    ids=repr,
)
def test_a_command_comes_back_as_it_was(command):
    (message,) = encode_command(command)
    back = CommandJoiner().offer(WatchCommandsResponse.FromString(message.SerializeToString()))
    assert back == command


def test_an_unknown_command_and_a_keep_alive_are_passed_over_even_within_parts():
    joiner = CommandJoiner()
    first, *rest = encode_command(Run("id", args=["x" * 90] * 9), 300)
    assert joiner.offer(first) is None
    assert joiner.offer(WatchCommandsResponse()) is None
    assert [joiner.offer(part) for part in rest][-1].args == ["x" * 90] * 9


@pytest.mark.parametrize("other", [Run("b"), Update(1, []), Ack(1, 1)], ids=repr)
def test_parts_of_different_commands_are_refused(other):
    joiner = CommandJoiner()
    joiner.offer(encode_command(Run("a", args=["x" * 90] * 9), 300)[0])
    with pytest.raises(RefusedError) as caught:
        joiner.offer(encode_command(other)[0])
    assert caught.value.reason is Reason.BAD_OP


def test_an_argument_larger_than_a_message_is_refused_with_its_name():
    with pytest.raises(UnsupportedValueError, match="max_message_bytes") as caught:
        encode_command(Run("a", kwargs={"big": "x" * 500}), 300)
    assert caught.value.path == ("big",)


def test_a_registration_comes_back_with_the_limits():
    limits = Limits(1000, 2000, 30, 10, 5, 99)
    registration = Registration("s", 2, 17, True, LeaseTerms(0.1, 30.0), limits, ("updates",))
    message = encode_registration(registration)
    again = RegisterWorkResponse.FromString(message.SerializeToString())
    assert decode_registration(again) == registration


def test_what_a_server_does_not_tell_has_its_default():
    registration = decode_registration(RegisterWorkResponse(session_id="s"))
    assert (registration.limits, registration.terms) == (Limits(), LeaseTerms())


def test_times_and_limits_without_end_become_the_longest_there_are():
    terms, limits = LeaseTerms(lease_ttl_s=math.inf), Limits(max_nodes=2**40)
    back = decode_registration(encode_registration(Registration("s", 1, 0, False, terms, limits)))
    assert back.terms.lease_ttl_s > 10**11
    assert back.limits.max_nodes == 2**32 - 1
