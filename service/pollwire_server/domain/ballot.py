"""The body of a vote, and the codec between choices and the compact codes that the store keeps.

A code is a string of letters. Each letter names one counted option or value (``Poll.codes``): ``A`` for a
single choice, ``ACF`` (sorted) for a multiple choice, ``4`` for a value of a scale, ``CAF`` (best first) for
a ranking. The code of a forecast has bytes instead of letters (``forecast``).
"""

from __future__ import annotations

import math
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from pollwire_server.domain.errors import InvalidChoice
from pollwire_server.domain.forecast import MAX_SUM_ERROR, MICRO, decode_forecast, encode_forecast, normalize
from pollwire_server.domain.poll import Kind, Poll, code_of_value

Choice = str | int | list[str] | dict[str, float]
"""A choice on the wire: an option id, a value of the scale, a list of option ids, or probabilities by id."""

SubmittedChoice = Annotated[
    object,
    Meta(
        description=(
            "The id of an option (single, prediction); a list of ids (multiple), the best first (ranked);"
            " a value of the scale (rating); a probability for each outcome (forecast)."
        ),
        extra_json_schema=msgspec.json.schema(Choice),
    ),
]
"""A choice in a request. Declared as ``object``: see ``decoding.json_decoder``."""

LAST_REVISION: Final = 2**24 - 2
"""The store keeps a revision in three bytes. The highest value is reserved for "no revision given"."""


Revision = Annotated[int, Meta(ge=0, le=LAST_REVISION)]


class Vote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a vote."""

    choice: SubmittedChoice
    revision: Revision | None = None
    """The revision that this vote replaces. 0 means that the voter has no current vote."""


class ReceiptBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Request body with the receipt of a vote."""

    receipt: str


class BallotCodec:
    """Codec between choices and codes for one version of one poll. Created once and used for every vote."""

    __slots__ = ("_codes", "_ids", "_is_forecast", "_is_pick", "_kind", "_least", "_most", "_poll", "_values")

    def __init__(self, poll: Poll) -> None:
        self._poll = poll.id
        self._kind = poll.kind
        self._is_forecast = poll.forecast
        # Needed for every vote, so computed once.
        self._is_pick = poll.kind in (Kind.SINGLE, Kind.PREDICTION) and not poll.forecast
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
            case Kind.PREDICTION:
                return self._code_of_forecast(choice)
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
            case Kind.PREDICTION:
                forecast = decode_forecast(code)
                return {name: value / MICRO for name, value in zip(self._codes, forecast, strict=True)}
            case _:
                return int(self._ids[code])

    def option_of(self, letter: str) -> str:
        """Return the id of the option that has this code letter."""
        return self._ids[letter]

    def _code_of_forecast(self, choice: object) -> str:
        if not isinstance(choice, dict):
            raise InvalidChoice(f"choice must give every outcome a probability: {self._some_ids()}.")
        for name in self._codes:
            if name not in choice:
                raise InvalidChoice(f"choice misses {name}.")
        for name in choice:
            if name not in self._codes:
                raise InvalidChoice(f"choice names {name[:40]}, which is not an outcome of this poll.")
        values = [_probability(name, choice[name]) for name in self._codes]
        total = math.fsum(values)
        if abs(total - 1) > MAX_SUM_ERROR:
            raise InvalidChoice(f"The probabilities must sum to 1; these sum to {total:.6g}.")
        return encode_forecast(normalize(values))

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


def _probability(name: str, value: object) -> float:
    # Python treats JSON's true as an int, but it is not a probability.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidChoice(f"{name} must be a number from 0 to 1.")
    if not 0 <= value <= 1:
        raise InvalidChoice(f"{name} must be from 0 to 1, not {value:.6g}.")
    return value
