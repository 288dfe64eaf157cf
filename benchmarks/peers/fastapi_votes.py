"""Peer: votes on FastAPI and redis-py, one call to the store a vote, on uvicorn with uvloop.

usage: python -m benchmarks.peers.fastapi_votes PORT STORE_SOCKET
"""

from __future__ import annotations

import sys

import redis.asyncio as redis
import uvicorn
from fastapi import FastAPI, Header
from pydantic import BaseModel

app = FastAPI()
# Blocks for a free connection; the default pool raises an error beyond 100 connections.
store = redis.Redis.from_pool(
    redis.BlockingConnectionPool(
        connection_class=redis.UnixDomainSocketConnection, path=sys.argv[2], max_connections=100, timeout=30
    )
)


class Vote(BaseModel):
    """Body of a vote."""

    choice: str


@app.post("/v1/polls/{poll}/votes")
async def vote(poll: str, body: Vote, authorization: str = Header()) -> dict[str, object]:
    """Count one vote of the voter in the header, without any check."""
    keys = (f"{{{poll}}}:poll", f"{{{poll}}}:tally", f"{{{poll}}}:voters")
    status, seq = await store.fcall("vote", 3, *keys, authorization, body.choice)
    return {"status": status.decode(), "poll": poll, "choice": body.choice, "seq": seq}


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
