"""The advertised address: what works and commands dial, which is not always what is bound."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

#: Of the blocks that are kept for documentation: nobody has them, so the way to them is the
#: way to everybody. Nothing is sent there; to connect a datagram socket only asks for a route.
_ELSEWHERE: Final = {socket.AF_INET: "203.0.113.1", socket.AF_INET6: "2001:db8::1"}
_LOOPBACK: Final = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
_ANY_PORT: Final = 9


def advertised_address(bound: str, resolved: str, advertise: str | None) -> str:
    """Return what peers are told to dial, HOST:PORT.

    By default that is the bound host, if it is one. A wildcard (0.0.0.0, [::]) is none: to
    dial it means "this machine" on whatever machine that is done. Then it is the address
    by which this machine reaches others. Ray and Dask do the same, and Spark came to it;
    the machine's own name, which is the other candidate, is often known to itself alone, or to
    itself as 127.0.1.1, as Debian sets it up. Where others have to use a name, as for
    a certificate, or come through a forwarded port, they only can be told by people.

    Args:
        bound: HOST:PORT that the server listens on, with the port that it has.
        resolved: The IP address that HOST stands for.
        advertise: HOST or HOST:PORT that people have set; without a port it is the bound one.
    """
    host, _, port = bound.rpartition(":")
    if advertise is None:
        return f"{_own_address(resolved) if _is_wildcard(resolved) else host}:{port}"
    # A colon inside brackets is one of an IPv6 address.
    has_port = ":" in advertise.rpartition("]")[2]
    return advertise if has_port else f"{advertise}:{port}"


def host_of(address: str) -> str:
    """Return the host of HOST:PORT; of an IPv6 address without its brackets."""
    return address.rpartition(":")[0].strip("[]")


def own_hosts() -> list[str]:
    """Return the names and the IP addresses by which this machine is dialled, as it knows them."""
    found: list[str | None] = ["localhost", socket.gethostname(), *_LOOPBACK.values()]
    for family in _LOOPBACK:
        found += [_on_the_way_out(family), *_by_name(family)]
    return list(dict.fromkeys(filter(None, found)))


def _is_wildcard(resolved: str) -> bool:
    return ipaddress.ip_address(resolved).is_unspecified


def _own_address(wildcard: str) -> str:
    """Return the address by which this machine reaches others, as it stands in HOST:PORT."""
    # gRPC listens on both for either, where there are both; what people wrote is tried first.
    families = [socket.AF_INET, socket.AF_INET6]
    if ":" in wildcard:
        families.reverse()
    for family in families:
        found = _on_the_way_out(family) or next(iter(_by_name(family)), None)
        if found is not None:
            break
    else:  # there is no network: who dials is on this machine
        found = _LOOPBACK[families[0]]
    return f"[{found}]" if ":" in found else found


def _on_the_way_out(family: socket.AddressFamily) -> str | None:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_ELSEWHERE[family], _ANY_PORT))
            own = str(probe.getsockname()[0])
    except OSError:  # no route leads elsewhere, as in a network of its own
        return None
    return own if _is_reached(own) else None


def _by_name(family: socket.AddressFamily) -> list[str]:
    try:
        known = socket.getaddrinfo(socket.gethostname(), None, family, socket.SOCK_STREAM)
    except OSError:
        return []
    return [place for place in (str(place[0]) for *_, place in known) if _is_reached(place)]


def _is_reached(address: str) -> bool:
    """Tell whether others reach this machine by an address of it."""
    known = ipaddress.ip_address(address)
    # A link-local address means something only together with an interface of who dials.
    return not (known.is_loopback or known.is_link_local or known.is_unspecified)
