"""Reference of the HTTP API: ``/openapi.json`` for programs, ``/docs`` for people.

The list of paths comes from the routes themselves, so it is complete. ``document`` adds the parts that the
framework cannot see: bodies and errors. ``/docs`` renders the document in the browser with Scalar, which the
service serves itself (``renderer``). ``/docs/plain`` shows it without scripts. ``/asyncapi.json`` describes
the streams (``asyncapi``).
"""
