"""What the service is told from outside: one frozen struct, and the only reader of the environment.

Every name has the prefix ``POLLWIRE_``; a secret may instead stand in a file
that ``..._FILE`` names. An empty value counts as absent, since compose files
and shells leave such values behind. Nothing is read at import.

``values`` is the struct, ``texts`` says what may be written for each of its
fields, and ``reading`` puts both together.
"""

from service.settings.reading import PREFIX, SettingsError, read_settings
from service.settings.values import Settings, decode_settings, encode_settings

__all__ = [
    "PREFIX",
    "Settings",
    "SettingsError",
    "decode_settings",
    "encode_settings",
    "read_settings",
]
