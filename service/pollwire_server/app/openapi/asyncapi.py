"""AsyncAPI document of the streams: WebSockets and server-sent events.

The schemas come from the same structs as the messages.
"""

from __future__ import annotations

from typing import Final

from pollwire_server import __version__
from pollwire_server.app.openapi.examples import EXAMPLES
from pollwire_server.app.openapi.schemas import Json, schemas_of
from pollwire_server.domain.tally import Results
from pollwire_server.live.client_messages import ClientMessage
from pollwire_server.live.result_frames import Heartbeat, ProblemMessage, Reconnect

_DESCRIPTION: Final = (
    "Live results of polls. Every message has the whole results, never a difference. `docs/api/streams.md`"
    " describes the order of messages, tickets and close codes."
)
_PROBLEM_EXAMPLE: Final[Json] = {
    "type": "problem",
    "problem": "/problems/poll-not-found",
    "status": 404,
    "detail": "The poll 'lunch' does not exist.",
    "poll": "lunch",
}
_MESSAGES: Final[dict[str, tuple[str, str, Json]]] = {
    "results": ("Results", "The whole results of one poll.", EXAMPLES["Results"]),
    "heartbeat": ("Heartbeat", "Nothing was sent for 10 seconds.", {"type": "heartbeat"}),
    "reconnect": ("Reconnect", "The service stops. Reconnect.", {"type": "reconnect", "after_ms": 850}),
    "problem": ("ProblemMessage", "A message or a poll was rejected.", _PROBLEM_EXAMPLE),
    "command": ("ClientMessage", "Watch polls, or send a ticket.", {"watch": ["winner", "lunch"]}),
}
"""Messages: the schema, a summary and an example."""

_STRUCTS: Final = (Results, Heartbeat, Reconnect, ProblemMessage, ClientMessage)

_SENT: Final = ("results", "heartbeat", "reconnect", "problem")
_CHANNELS: Final[dict[str, tuple[str, str, tuple[str, ...], bool]]] = {
    "livePoll": ("/v1/polls/{poll}/live", "Results of one poll on a WebSocket.", _SENT, True),
    "livePolls": ("/v1/live", "Results of many polls on a WebSocket.", _SENT, True),
    "pollEvents": ("/v1/polls/{poll}/events", "Results of one poll as events.", _SENT, False),
    "events": ("/v1/events", "Results of many polls as events.", _SENT, False),
}
"""Channels: path, description, messages to the client, and whether the client sends messages."""


def asyncapi_document() -> Json:
    """Return the AsyncAPI 3.0 document, as ``/asyncapi.json`` serves it."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Pollwire streams", "version": __version__, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {name: _channel(name) for name in _CHANNELS},
        "operations": dict(operation for name in _CHANNELS for operation in _operations(name)),
        "components": {
            "messages": {name: _message(name) for name in _MESSAGES},
            "schemas": schemas_of(_STRUCTS),
        },
    }


def _message(name: str) -> Json:
    schema, summary, example = _MESSAGES[name]
    payload = {"$ref": f"#/components/schemas/{schema}"}
    return {"name": name, "summary": summary, "payload": payload, "examples": [{"payload": example}]}


def _channel(name: str) -> Json:
    address, description, sent, is_socket = _CHANNELS[name]
    used = (*sent, "command") if is_socket else sent
    messages = {message: {"$ref": f"#/components/messages/{message}"} for message in used}
    channel: Json = {"address": address, "description": description, "messages": messages}
    if "{poll}" in address:
        channel["parameters"] = {"poll": {"description": "The id of the poll."}}
    if is_socket:
        channel["bindings"] = {"ws": {"method": "GET"}}
    return channel


def _operations(name: str) -> list[tuple[str, Json]]:
    """Return the operations of a channel from the view of the service, as AsyncAPI 3 defines it."""
    _, description, sent, is_socket = _CHANNELS[name]
    title = name[0].upper() + name[1:]
    operations = [(f"send{title}", _operation(name, "send", sent, description))]
    if is_socket:
        operations.append(
            (f"receive{title}", _operation(name, "receive", ("command",), "Messages of the client."))
        )
    return operations


def _operation(channel: str, action: str, messages: tuple[str, ...], summary: str) -> Json:
    path = f"#/channels/{channel}"
    references = [{"$ref": f"{path}/messages/{message}"} for message in messages]
    return {"action": action, "channel": {"$ref": path}, "summary": summary, "messages": references}
