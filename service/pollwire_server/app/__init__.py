"""The composition root: the only place that makes rooms know one another.

``build`` wires one process's service over an open store; ``edge`` is what
every request passes around it (``exchange``, ``handshake``), ``framework``
sends it to its route, ``probes`` says how the service is, and ``reference``
describes it.
"""

from pollwire_server.app.bootstrap import ServiceContainer, build, create_app

__all__ = ["ServiceContainer", "build", "create_app"]
