"""The reference of the HTTP interface: ``/openapi.json`` for programs, ``/docs`` for people.

Which addresses exist is taken from the routes themselves, so neither can
forget one. What the routes read raw (bodies, errors) is described in
``document``. The page is plain HTML: no script, nothing from elsewhere, so it
works offline and under any content policy.
"""
