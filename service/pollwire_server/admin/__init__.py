"""Admin API, with which operators manage polls.

``polls`` has the operations and the order of their checks. ``requests`` reads the requests. ``routes`` maps
both to paths. Every route checks the API key first, so a client without one cannot find out which polls
exist.
"""
