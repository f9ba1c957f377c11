"""The edge of the server: what happens to every call before and after a servicer has it.

A call without a token that is somebody's is refused before anything of it is looked
at, and one with the token of a work unless the service is there for works; a message that
cannot be read is refused by name; an error becomes a status code. A service that is added
gets all of that without a line of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from typing import Any, Final

import grpc

from lightgrid.server.auth import Auth, Caller
from lightgrid.server.refusals import told_to
from lightgrid.wire.unreadable import readable, reader_of

#: Services that the token of a work opens. They ask themselves which work it is for.
_FOR_WORKS: Final = ("lightgrid.v1.WorkService", "lightgrid.v1.DeltaService")

_caller: ContextVar[Caller] = ContextVar("caller")


def caller() -> Caller:
    """Return whose token the call carries that is being answered."""
    return _caller.get()


class Edge:
    """What a generated `add_..._to_server` is given in place of the server.

    Args:
        server: The server.
        auth: Knows the tokens.
        max_message_bytes: What a message from anyone may hold.
    """

    def __init__(self, server: grpc.aio.Server, auth: Auth, max_message_bytes: int) -> None:
        self._server = server
        self._auth = auth
        self._max_message_bytes = max_message_bytes

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Have the server answer the calls of a service, behind the edge."""
        is_for_works = service in _FOR_WORKS
        guarded = {name: self._guarded(one, is_for_works) for name, one in handlers.items()}
        generic = grpc.method_handlers_generic_handler(service, guarded)
        self._server.add_generic_rpc_handlers((generic,))
        self._server.add_registered_method_handlers(service, guarded)

    def add_generic_rpc_handlers(self, _handlers: Any) -> None:
        """Do nothing: generated code gives the same handlers in two forms."""

    def _guarded(self, handler: Any, is_for_works: bool) -> Any:
        # The bound `FromString` of the message's class.
        message_class = handler.request_deserializer.__self__
        coders = {
            "request_deserializer": reader_of(message_class, self._max_message_bytes),
            "response_serializer": handler.response_serializer,
        }
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(
                self._one_answer(handler.stream_unary, lambda requests: requests, is_for_works),
                **coders,
            )
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._many_answers(handler.unary_stream, is_for_works), **coders
            )
        return grpc.unary_unary_rpc_method_handler(
            self._one_answer(handler.unary_unary, readable, is_for_works), **coders
        )

    def _one_answer(self, behaviour: Any, read: Any, is_for_works: bool) -> Any:
        async def answer(request: Any, context: Any) -> Any:
            async with told_to(context):
                self._let_in(context, is_for_works)
                return await behaviour(read(request), context)

        return answer

    def _many_answers(self, behaviour: Any, is_for_works: bool) -> Any:
        async def answer(request: Any, context: Any) -> AsyncIterator[Any]:
            async with told_to(context):
                self._let_in(context, is_for_works)
                async for message in behaviour(readable(request), context):
                    yield message

        return answer

    def _let_in(self, context: Any, is_for_works: bool) -> None:
        who = self._auth.identify(context.invocation_metadata())
        if not is_for_works:
            who.check_app()
        _caller.set(who)
