"""What goes wrong in a schedule, and what others do who obey the protocol in another way."""

from simulation.network import Ended, Opening
from simulation.server import HEARTBEAT_S, LEASE_S

from lightgrid.protocol.messages import Resync


def cut(world, name):
    streams = world.open_streams()
    if streams:
        stream = world.rng.choice(streams)
        world.note("cut", stream)
        stream.cut(world.rng)


def cut_all(world, name):
    processes = world.running(name)
    if processes:
        process = world.rng.choice(processes)
        world.note("cut all of", process.instance_id)
        for stream in world.open_streams():
            if stream.process is process:
                stream.cut(world.rng)


def crash(world, name):
    processes = world.running(name)
    if processes:
        world.crash(world.rng.choice(processes))
        if len(processes) == 1 and world.rng.random() < 0.7:
            world.start(name)
            world.running(name)[0].turn()


def start_another(world, name):
    processes = world.running(name)
    if len(processes) < 2:
        world.start(name, launched=not processes)


def rotate(world, name):
    for stream in world.open_streams():
        if stream.kind != "register" and world.rng.random() < 0.5:
            world.note("rotate", stream)
            world.server.rotate(stream)


def stall(world, name):
    """Let time pass in which nobody does anything."""
    world.note("stall")
    world.now_s += world.rng.choice((HEARTBEAT_S, 2 * LEASE_S))


def resync(world, name):
    """Let a server ask for a snapshot."""
    for process in world.running(name):
        if process.commands is not None:
            world.note("resync", process.instance_id)
            process.commands.send_down(Resync())


def stop(world, name):
    record = world.checks.records[name]
    if not record.is_stopped and world.rng.random() < 0.5:
        world.note("stop", name)
        record.is_stopped = True
        world.server.stop(name)


def half_close(world, name):
    """Let a work end its stream to learn how far the server is."""
    for process in world.running(name):
        if process.deltas is not None:
            world.note("half-close", process.instance_id)
            process.deltas.send_up(Ended())


def forget(world, name):
    if world.server.link(name).is_held:
        world.note("forget", name)
        world.checks.records[name].forgets = True
        world.server.forget(name)
        for process in world.running(name):
            process.edit()
            process.collect()
            process.turn()
        for _ in range(world.rng.randint(0, 30)):  # so that it may be met more than once
            world.deliver()
            for process in world.running(name):
                process.turn()


def join_again(world, name):
    """Let a work meet a lost connection; its old streams stay half-open."""
    for process in world.running(name):
        world.note("joins again", process.instance_id)
        process.end_session()


def second_stream(world, name):
    """Let a work open a stream beside the one it has, which that takes over from."""
    for process in world.running(name):
        session_id = process.membership.session_id
        if session_id:
            kind = world.rng.choice(("deltas", "commands"))
            stream = world.open_stream(kind, process)
            world.note("opens a second", stream)
            stream.send_up(Opening(session_id, process.outbox.seen_revision))
            stream.abandon()


def ask_for_ack(world, name):
    for process in world.running(name):
        process.membership.ask_for_ack()
        process.turn()


def restart_server(world, name):
    """Let the flow server crash and come back, with what it owed or with nothing."""
    keeps_record = world.rng.random() < 0.8
    world.note("the server crashes", "and knows what it owed" if keeps_record else "")
    for stream in world.streams:
        stream.cut(world.rng)
        stream.up.clear()
        stream.server_open = False
    world.server.restart(keeps_record=keeps_record)
    if keeps_record:
        world.checks.server_is_back()
        return
    world.checks.begin_anew()


FAULTS = (
    cut, cut, cut, cut_all, crash, start_another, rotate, stall, resync, stop, half_close, forget,
    join_again, second_stream, ask_for_ack, restart_server,
)  # fmt: skip
