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
        return f"{_own_address(resolved) if _is_wildcard(resolved) else _as_known(host)}:{port}"
    # A colon inside brackets is one of an IPv6 address.
    if ":" in advertise.rpartition("]")[2]:
        advertise, _, port = advertise.rpartition(":")
    return f"{_as_known(advertise)}:{port}"


def host_of(address: str) -> str:
    """Return the host of HOST:PORT; of an IPv6 address without its brackets."""
    return address.rpartition(":")[0].strip("[]")


def own_hosts() -> list[str]:
    """Return the names and the IP addresses by which this machine is dialled, as it knows them.

    What its name resolves to is looked up only where `advertised_address` does so too: on some
    machines that takes seconds.
    """
    found = ["localhost", socket.gethostname(), *_LOOPBACK.values()]
    found += filter(None, map(_on_the_way_out, _LOOPBACK))
    found.append(_own_address("0.0.0.0").strip("[]"))
    return list(dict.fromkeys(found))


def _as_known(host: str) -> str:
    """Return a host as gRPC compares it with a certificate: of many forms of IPv6, the one."""
    try:
        return f"[{ipaddress.IPv6Address(host.strip('[]'))}]"
    except ValueError:
        return host


def _is_wildcard(resolved: str) -> bool:
    return ipaddress.ip_address(resolved).is_unspecified


def _own_address(wildcard: str) -> str:
    """Return the address by which this machine reaches others, as it stands in HOST:PORT."""
    # gRPC listens on both for either, where there are both; what people wrote is tried first.
    families = [socket.AF_INET, socket.AF_INET6]
    if ":" in wildcard:
        families.reverse()
    for family in families:
        found = _on_the_way_out(family) or _by_name(family)
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


def _by_name(family: socket.AddressFamily) -> str | None:
    try:
        known = socket.getaddrinfo(socket.gethostname(), None, family, socket.SOCK_STREAM)
    except OSError:
        return None
    return next(filter(_is_reached, (str(place[0]) for *_, place in known)), None)


def _is_reached(address: str) -> bool:
    """Tell whether others reach this machine by an address of it."""
    known = ipaddress.ip_address(address)
    # A link-local address means something only together with an interface of who dials.
    return not (known.is_loopback or known.is_link_local or known.is_unspecified)
