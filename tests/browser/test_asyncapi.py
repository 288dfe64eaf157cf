"""The AsyncAPI document, checked by the official schema and compared with real messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
from websockets.asyncio.client import connect

from tests.browser.conftest import Service

OFFICIAL_SCHEMA = Path(__file__).parent / "node_modules/@asyncapi/specs/schemas/3.0.0.json"


def check_payload(document: dict[str, Any], name: str, payload: object) -> None:
    """Raise ``ValidationError`` unless the payload matches the schema of the message."""
    schema = document["components"]["messages"][name]["payload"]
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(payload)


async def test_asyncapi_document_matches_the_official_schema(service: Service) -> None:
    document = (await service.http.get("/asyncapi.json")).json()
    jsonschema.Draft7Validator(json.loads(OFFICIAL_SCHEMA.read_text())).validate(document)
    for name, message in document["components"]["messages"].items():
        check_payload(document, name, message["examples"][0]["payload"])


async def test_messages_of_a_stream_match_the_asyncapi_document(service: Service) -> None:
    document = (await service.http.get("/asyncapi.json")).json()
    poll = (await service.create_poll())["id"]
    async with connect(f"{service.ws_url}/v1/live") as socket:
        for watched, expected in ((poll, "results"), ("no-such-poll", "problem")):
            command = {"watch": [watched]}
            check_payload(document, "command", command)
            await socket.send(json.dumps(command))
            message = json.loads(await socket.recv())
            assert message["type"] == expected
            check_payload(document, expected, message)
