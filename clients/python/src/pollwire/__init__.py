"""Python client of the HTTP API and the streams, for programs and for the command line.

::

    async with Client("http://127.0.0.1:8000", key=admin_key) as client:
        poll = await client.create_poll({"kind": "single", "question": "Tea?", "options": [...]})
        async for results in client.watch(poll["id"]):
            ...

The client depends only on the public API (``docs/api/``), not on the server's code.
"""

from pollwire.client import Client
from pollwire.errors import ApiError, ClientError, UnexpectedResponse, Unreachable

__all__ = ["ApiError", "Client", "ClientError", "UnexpectedResponse", "Unreachable"]
__version__ = "0.1.0"
