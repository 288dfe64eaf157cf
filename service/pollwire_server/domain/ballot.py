"""The body of a vote, and the codec between choices and the compact codes that the store keeps.

A code is a string of letters. Each letter names one counted option or value (``Poll.codes``): ``A`` for a
single choice, ``ACF`` (sorted) for a multiple choice, ``4`` for a value of a scale, ``CAF`` (best first) for
a ranking.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pollwire_server.domain.errors import InvalidChoice
from pollwire_server.domain.poll import Kind, Poll, code_of_value

Choice = str | int | list[str]
"""A choice on the wire: an option id, a value of the scale, or a list of option ids."""

LAST_REVISION: Final = 2**24 - 2
"""The store keeps a revision in three bytes. The highest value is reserved for "no revision given"."""


class Vote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a vote. ``BallotCodec.encode_choice`` validates ``choice``."""

    choice: object
    revision: Annotated[int, Meta(ge=0, le=LAST_REVISION)] | None = None
    """The revision that this vote replaces. 0 means that the voter has no current vote."""


class BallotCodec:
    """Codec between choices and codes for one version of one poll. Created once and used for every vote."""

    __slots__ = ("_codes", "_ids", "_is_pick", "_kind", "_least", "_most", "_poll", "_values")

    def __init__(self, poll: Poll) -> None:
        self._poll = poll.id
        self._kind = poll.kind
        self._is_pick = poll.kind in (Kind.SINGLE, Kind.PREDICTION)  # needed for every vote, so computed once
        self._codes = poll.codes
        self._ids = {code: name for name, code in self._codes.items()}
        self._least, self._most = poll.choice_bounds
        self._values = range(0) if poll.scale is None else poll.scale.values

    def encode_choice(self, choice: object) -> str:
        """Return the stored code of a submitted choice. Raises ``InvalidChoice`` with the valid choices."""
        if self._is_pick:
            code = self._codes.get(choice) if isinstance(choice, str) else None
            if code is None:
                raise InvalidChoice(f"choice must be the id of one option: {self._some_ids()}.")
            return code
        match self._kind:
            case Kind.MULTIPLE:
                return "".join(sorted(self._codes_of_several(choice)))
            case Kind.RANKED:
                return "".join(self._codes_of_several(choice))
            case _:
                return self._code_of_value(choice)

    def decode_choice(self, code: str) -> Choice:
        """Return the choice for a stored code."""
        if self._is_pick:
            return self._ids[code]
        match self._kind:
            case Kind.MULTIPLE:
                chosen = set(code)
                return [option for letter, option in self._ids.items() if letter in chosen]
            case Kind.RANKED:
                return [self._ids[letter] for letter in code]
            case _:
                return int(self._ids[code])

    def option_of(self, letter: str) -> str:
        """Return the id of the option that has this code letter."""
        return self._ids[letter]

    def _code_of_value(self, choice: object) -> str:
        # Python treats JSON's true as an int, but it is not a value of a scale.
        if isinstance(choice, int) and not isinstance(choice, bool) and choice in self._values:
            return code_of_value(choice)
        raise InvalidChoice(f"choice must be a whole number from {self._values[0]} to {self._values[-1]}.")

    def _codes_of_several(self, choice: object) -> list[str]:
        if not isinstance(choice, list):
            order = "best first" if self._kind is Kind.RANKED else "in any order"
            raise InvalidChoice(f"choice must be a list of option ids, {order}: {self._some_ids()}.")
        codes = [self._codes[item] for item in choice if isinstance(item, str) and item in self._codes]
        if len(codes) != len(choice) or len(set(codes)) != len(codes):
            raise InvalidChoice(f"choice must name options of this poll, each once: {self._some_ids()}.")
        if not self._least <= len(codes) <= self._most:
            raise InvalidChoice(f"Choose {self._least} to {self._most} options, not {len(codes)}.")
        return codes

    def _some_ids(self) -> str:
        ids = list(self._codes)
        return ", ".join(ids[:10]) + (", ..." if len(ids) > 10 else "")
