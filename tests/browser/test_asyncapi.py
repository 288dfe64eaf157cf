"""The AsyncAPI document, checked by the official schema and compared with real messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
from pollwire_server.app.openapi.asyncapi import asyncapi_document
from pollwire_server.live.result_frames import HEARTBEAT, reconnect_message

from tests.api.json_schemas import closed
from tests.api.streams import events_at, socket_at
from tests.browser.conftest import Service

OFFICIAL_SCHEMA = Path(__file__).parent / "node_modules/@asyncapi/specs/schemas/3.0.0.json"


def check_payload(document: dict[str, Any], name: str, payload: object) -> None:
    """Raise ``ValidationError`` unless the payload matches the schema of the message."""
    schema = document["components"]["messages"][name]["payload"]
    components = closed(document["components"])
    jsonschema.Draft202012Validator({**schema, "components": components}).validate(payload)


async def test_asyncapi_document_matches_the_official_schema(service: Service) -> None:
    document = (await service.http.get("/asyncapi.json")).json()
    jsonschema.Draft7Validator(json.loads(OFFICIAL_SCHEMA.read_text())).validate(document)
    for name, message in document["components"]["messages"].items():
        check_payload(document, name, message["examples"][0]["payload"])


def test_heartbeat_and_reconnect_match_the_asyncapi_document() -> None:
    document = asyncapi_document()
    check_payload(document, "heartbeat", json.loads(HEARTBEAT))
    check_payload(document, "reconnect", json.loads(reconnect_message(850)))


async def test_messages_of_a_socket_match_the_asyncapi_document(service: Service) -> None:
    document = (await service.http.get("/asyncapi.json")).json()
    poll = (await service.create_poll())["id"]
    async with socket_at(service, "/v1/live") as socket:
        for watched, expected in ((poll, "results"), ("no-such-poll", "problem")):
            command = {"watch": [watched]}
            check_payload(document, "command", command)
            await socket.send(**command)
            message = await socket.next()
            assert message["type"] == expected
            check_payload(document, expected, message)


async def test_events_match_the_asyncapi_document(service: Service) -> None:
    """Events of polls of several kinds, of an unknown poll, of hidden results, and of a deletion."""
    document = (await service.http.get("/asyncapi.json")).json()
    changes: tuple[dict[str, object], ...] = (
        {"kind": "rating", "options": []},
        {"kind": "ranked"},
        {"kind": "prediction", "forecast": True},
        {"results": "after_close"},
    )
    polls = [(await service.create_poll(**change))["id"] for change in changes]
    query = "&".join(f"poll={poll}" for poll in [*polls, "no-such-poll"])
    async with events_at(service, f"/v1/events?{query}") as events:
        for poll, choice in zip(polls, (4, ["yam"], {"rice": 0.4, "yam": 0.6}, "rice"), strict=True):
            assert (await service.vote(poll, choice, await service.voter())).status_code == 200
            await service.act(poll, "close")
        closed_polls: set[str] = set()
        while closed_polls < set(polls):
            message = await events.next()
            closed_polls |= {message["poll"]} if message.get("final") else set()
        deleted = await service.admin.request(
            "DELETE", f"/v1/admin/polls/{polls[0]}", json={"confirm": polls[0]}
        )
        assert deleted.status_code == 204
        await events.until(lambda message: message["type"] == "problem" and message["poll"] == polls[0])
    assert {message["type"] for message in events.messages} == {"results", "problem"}
    assert any(message.get("hidden") for message in events.messages)
    for message in events.messages:
        check_payload(document, message["type"], message)
