"""Reference of the HTTP API: ``/openapi.json`` for programs, ``/docs`` for people.

The list of paths comes from the routes themselves, so it is complete. ``document`` adds the parts that the
framework cannot see: bodies and errors. The page is plain HTML without scripts or external resources. So it
works offline and under any content security policy.
"""
