"""What a voter submits, and the compact code under which it is stored.

A code is a string of option codes (one letter each, ``Option.code``): ``A``
for a pick, ``ACF`` (sorted) for a multiple choice. Every letter of a code is
counted once, which is all that the counting step knows of kinds.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from service.domain.errors import InvalidChoice
from service.domain.poll import Kind, Poll

Choice = str | list[str]
"""A choice on the wire: an option id, or a list of them."""


LAST_REVISION: Final = 2**24 - 2
"""A revision is kept in three bytes, and one of them has to say that a ballot names none."""


class Vote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a vote; ``choice`` is judged by the poll's ``BallotPaper``."""

    choice: object
    revision: Annotated[int, Meta(ge=0, le=LAST_REVISION)] | None = None
    """The revision that this vote replaces; 0: none stands."""


class BallotPaper:
    """Translates between choices and codes for one version of one poll; made once, used for every vote."""

    __slots__ = ("_codes", "_ids", "_kind", "_least", "_most", "_poll")

    def __init__(self, poll: Poll) -> None:
        self._poll = poll.id
        self._kind = poll.kind
        self._codes = {option.id: option.code for option in poll.options}
        self._ids = {option.code: option.id for option in poll.options}
        self._least, self._most = poll.choice_bounds

    def code_of(self, choice: object) -> str:
        """The stored code of a submitted choice; ``InvalidChoice`` says what would be valid."""
        if self._kind is Kind.MULTIPLE:
            return self._code_of_several(choice)
        code = self._codes.get(choice) if isinstance(choice, str) else None
        if code is None:
            raise InvalidChoice(f"choice must be the id of one option: {self._some_ids()}.")
        return code

    def choice_of(self, code: str) -> Choice:
        """The choice that a stored code stands for."""
        if self._kind is Kind.MULTIPLE:
            chosen = set(code)
            return [option for letter, option in self._ids.items() if letter in chosen]
        return self._ids[code]

    def _code_of_several(self, choice: object) -> str:
        if not isinstance(choice, list):
            raise InvalidChoice(f"choice must be a list of option ids: {self._some_ids()}.")
        codes = {self._codes[item] for item in choice if isinstance(item, str) and item in self._codes}
        if len(codes) != len(choice):
            raise InvalidChoice(f"choice must name options of this poll, each once: {self._some_ids()}.")
        if not self._least <= len(codes) <= self._most:
            raise InvalidChoice(f"Choose {self._least} to {self._most} options, not {len(codes)}.")
        return "".join(sorted(codes))

    def _some_ids(self) -> str:
        ids = list(self._codes)
        return ", ".join(ids[:10]) + (", ..." if len(ids) > 10 else "")
