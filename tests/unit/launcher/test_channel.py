import errno
import os
import select
import socket
import threading

import pytest

from lightgrid.launcher.channel import Channel, channel_pair


@pytest.fixture
def ends():
    ours, theirs = channel_pair()
    ends = ours, Channel(theirs)
    yield ends
    for one in ends:
        one.close()


def received(end, count):
    """Return so many messages with their descriptors, however many pieces they come in."""
    found = []
    poll = select.poll()
    poll.register(end, select.POLLIN)
    while len(found) < count:
        assert poll.poll(30_000), "nothing comes any more"
        is_there = end.read()
        found += end.messages()
        assert is_there or len(found) >= count
    return found


def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_messages_come_whole_and_in_their_order(ends):
    sender, receiver = ends
    told = [{"number": number, "text": "ä\udc80" * number} for number in range(50)]
    for message in told:
        sender.send(message)
    assert [message for message, _ in received(receiver, 50)] == told


def test_descriptors_come_with_their_own_message(ends):
    sender, receiver = ends
    for number in range(5):
        read, write = os.pipe()
        os.write(write, b"%d" % number)
        os.close(write)
        sender.send({"number": number}, [read])
        sender.send({"number": -1})
    for message, descriptors in received(receiver, 10):
        assert len(descriptors) == (message["number"] >= 0)
        for one in descriptors:
            assert os.read(one, 10) == b"%d" % message["number"]
            os.close(one)


def test_a_message_larger_than_the_sockets_room_waits_for_who_reads(ends):
    sender, receiver = ends
    read, write = os.pipe()
    text = "x" * 3_000_000
    sender.send({"text": text}, [read])
    assert sender.has_waiting
    drain = threading.Thread(target=sender.drain)
    drain.start()
    ((message, descriptors),) = received(receiver, 1)
    drain.join()
    assert message["text"] == text
    assert not sender.has_waiting
    os.write(write, b"through")
    assert os.read(descriptors[0], 10) == b"through"
    for one in (write, *descriptors):
        os.close(one)


def test_a_descriptor_is_handed_over_and_closed_here(ends):
    sender, receiver = ends
    read, write = os.pipe()
    os.close(write)
    sender.send({}, [read])
    assert not is_open(read)
    ((_, descriptors),) = received(receiver, 1)
    os.close(descriptors[0])


def test_what_is_received_is_not_inherited_by_programs(ends):
    sender, receiver = ends
    read, write = os.pipe()
    sender.send({}, [read])
    ((_, (one,)),) = received(receiver, 1)
    assert not os.get_inheritable(one)
    os.close(one)
    os.close(write)


def test_a_peer_that_is_gone_is_seen_by_reading_once_all_is_read(ends):
    sender, receiver = ends
    sender.send({"last": True})
    sender.close()
    assert received(receiver, 1) == [({"last": True}, [])]
    assert not receiver.read()


def test_a_peer_that_has_ended_its_half_still_hears(ends):
    sender, receiver = ends
    sender.end()
    assert not receiver.read()
    receiver.send({"answer": 1})
    assert received(sender, 1) == [({"answer": 1}, [])]


def test_sending_to_a_peer_that_is_gone_is_no_error_and_leaves_no_descriptor(ends):
    sender, receiver = ends
    receiver.close()
    read, write = os.pipe()
    sender.send({}, [read])
    sender.drain()
    assert not is_open(read)
    os.close(write)


def test_closing_closes_what_was_not_sent_and_what_was_not_taken(ends):
    sender, receiver = ends
    pipes = [os.pipe() for _ in range(2)]
    sender.send({}, [pipes[0][0]])
    assert receiver.read()  # it has come, and is not taken
    sender.send({"text": "x" * 3_000_000})
    sender.send({}, [pipes[1][0]])  # it waits
    receiver.close()
    with pytest.raises(BrokenPipeError):
        os.write(pipes[0][1], b"x")
    sender.close()
    assert not is_open(pipes[1][0])
    for _, write in pipes:
        os.close(write)


def test_a_reader_takes_no_more_descriptors_at_once_than_come_with_one_message(ends):
    sender, receiver = ends
    for _ in range(20):
        read, write = os.pipe()
        os.close(write)
        sender.send({}, [read, os.dup(read)])
    sender.drain()
    for _ in range(20):
        before = len(os.listdir("/proc/self/fd"))
        receiver.read()
        assert len(os.listdir("/proc/self/fd")) <= before + 2
        for _, descriptors in receiver.messages():
            for one in descriptors:
                os.close(one)


class Scarce:
    """A socket that has no room for descriptors on their way, for a while."""

    def __init__(self, end, refusals):
        self._end = end
        self.refusals = refusals

    def sendmsg(self, *given):
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.ETOOMANYREFS, "Too many references")
        return self._end.sendmsg(*given)

    def __getattr__(self, name):
        return getattr(self._end, name)


def test_where_too_many_descriptors_are_on_their_way_the_next_ones_wait():
    ours, theirs = socket.socketpair()
    sender, receiver = Channel(Scarce(ours, 3)), Channel(theirs)
    read, write = os.pipe()
    sender.send({"whole": True}, [read])
    assert sender.has_waiting
    sender.drain()
    ((message, descriptors),) = received(receiver, 1)
    assert message == {"whole": True}
    for one in (write, *descriptors):
        os.close(one)
    sender.close()
    receiver.close()
