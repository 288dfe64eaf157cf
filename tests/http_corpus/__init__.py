"""The same requests on the fast path and on the ASGI path: responses must be identical."""
