"""Errors, turned into gRPC statuses at the edge of every call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import grpc

from lightgrid.wire.rpc_errors import to_status

logger = logging.getLogger("lightgrid.server")


@asynccontextmanager
async def told_to(context: Any) -> AsyncIterator[None]:
    """End the call with the status that fits an error raised inside.

    What is no error of ours is logged whole and told without detail.
    """
    try:
        yield
    except (asyncio.CancelledError, grpc.aio.AbortError):
        raise
    except Exception as error:
        await _abort(context, error)


async def _abort(context: Any, error: Exception) -> NoReturn:
    code, details, metadata = to_status(error)
    if code is grpc.StatusCode.INTERNAL:
        logger.error("a call failed", exc_info=error)
    else:
        logger.debug("refused: %s", details)
    await context.abort(code, details, metadata)
    raise AssertionError("abort returns never")
