"""Which words of a script are names of its own, and shorter ones for them.

A name may be changed where every place that means it is known. Private members
(``#name``) say so themselves. What a module declares at its top is known to
all of it, and keeps one new name everywhere; what is declared within a function
or a method is known there alone, so each of them begins again at ``a``, and
packs the better for it. Scopes within a function are not told apart: two that
shared a name share the new one. Left alone is whatever is declared nowhere
(``document``) and what keeps its meaning outside (members, exports).

For this each word is read as a *name*, as a *member* (``object.member``, a key,
a method, a field), or as both at once (``{ name }``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from pollwire_server.web.assets.js_minifier import Token

NAME, MEMBER, BOTH, NEITHER = "name", "member", "both", ""

_END: Final = Token("mark", ";", False, 0)
_DECLARES: Final = frozenset(("const", "let", "function", "class"))
_BEGINS: Final = frozenset(("const", "let", "function", "async", "class"))
_BEFORE_METHOD: Final = frozenset(("{", "}", ";", ",", "get", "set", "static", "async"))
_BEFORE_OBJECT: Final = frozenset(
    ("(", ",", "=", ":", "[", "?", "return", "&&", "||", "??", "...", "const", "let", "${")
)
"""What an object or a pattern stands after; any other brace opens a block."""
_NO_PARAMETERS: Final = frozenset(("if", "for", "while", "switch"))
_RESERVED: Final = frozenset(
    (
        *(
            "as",
            "async",
            "await",
            "do",
            "extends",
            "false",
            "function",
            "if",
            "in",
            "new",
            "null",
            "of",
            "static",
        ),
        *("super", "this", "true", "typeof", "undefined", "void"),
    )
)
_SMALL: Final = "abcdefghijklmnopqrstuvwxyz"
_LETTERS: Final = _SMALL + _SMALL.upper()


def short_names(tokens: list[Token]) -> dict[str, str]:
    """A new name for each private member, and for each name that is declared at the top."""
    used = Counter(token.text for token in tokens if token.kind == "word")
    members = (name for name, _ in used.most_common() if name.startswith("#"))
    ranked = sorted(top_names(tokens) - _RESERVED, key=lambda name: (-used[name], name))
    private = dict(zip(members, (f"#{name}" for name in _letters(_LETTERS, frozenset())), strict=False))
    return private | dict(zip(ranked, _letters(_SMALL.upper(), frozenset(used)), strict=False))


def renamed(tokens: list[Token], names: Mapping[str, str]) -> list[Token]:
    """The script with these names, and with short ones in each of its functions."""
    roles = [role for _, role in _with_roles(tokens)]
    found = []
    for start, end in pairwise([*_starts_of_parts(tokens), len(tokens)]):
        part, part_roles = tokens[start:end], roles[start:end]
        known = {**_names_within(part, part_roles, names), **names}
        found += [_called(token, role, known) for token, role in zip(part, part_roles, strict=True)]
    return found


def _called(token: Token, role: str, names: Mapping[str, str]) -> Token:
    """The token by its new name; ``{ name }`` becomes ``{ name: other }``, as the member keeps its own."""
    name = names.get(token.text, token.text) if role in (NAME, BOTH) else token.text
    return token._replace(text=f"{token.text}:{name}" if role == BOTH and name != token.text else name)


def _starts_of_parts(tokens: list[Token]) -> list[int]:
    """Where a statement of the top begins, or a member of a class: what it declares is known there alone."""
    starts = [0]
    in_class = False
    for at, (before, token) in enumerate(pairwise(tokens), start=1):
        if token.depth == 0 and token.text in _BEGINS:
            in_class = token.text == "class"
            starts.append(at)
        elif in_class and token.depth == 1 and before.depth == 1 and before.text in ("}", ";"):
            starts.append(at)
    return starts


def _names_within(part: list[Token], roles: list[str], names: Mapping[str, str]) -> dict[str, str]:
    """Short names for what is declared in this part alone."""
    used = Counter(token.text for token, role in zip(part, roles, strict=True) if role in (NAME, BOTH))
    own = {name for name in declared_names(part, roles) if name not in names} - _RESERVED
    taken = {names.get(name, name) for name in used if name not in own}
    ranked = [name for name in used if name in own]
    return dict(zip(ranked, _letters(_LETTERS, taken), strict=False))


def top_names(tokens: list[Token]) -> set[str]:
    """The names declared at the top of a module, one for each ``const``, ``let``, ``function``, ``class``."""
    return {after.text for token, after in pairwise(tokens) if token.depth == 0 and token.text in _DECLARES}


def declared_names(tokens: list[Token], roles: list[str]) -> set[str]:
    """Every name that is declared here, in any scope: by a statement, a pattern or a parameter."""
    found: set[str] = set()
    for at, token in enumerate(tokens):
        places = _declared(tokens, at) if token.kind in ("word", "mark") else range(0)
        found |= {tokens[place].text for place in places if roles[place] in (NAME, BOTH)}
    return found


def _declared(tokens: list[Token], at: int) -> range:
    """Where the names stand that the statement or the list of parameters at this place declares."""
    word = tokens[at].text
    if word in _DECLARES and at + 1 < len(tokens):
        return _pattern(tokens, at + 1)
    return range(at + 1, _closing(tokens, at)) if word == "(" and _opens_parameters(tokens, at) else range(0)


def _pattern(tokens: list[Token], at: int) -> range:
    """What a declaration names: one word, or all within its brackets."""
    return range(at, at + 1) if tokens[at].kind == "word" else range(at, _closing(tokens, at))


def _closing(tokens: list[Token], at: int) -> int:
    """Where the bracket that opens here is closed."""
    depth = tokens[at].depth
    return next(place for place in range(at + 1, len(tokens)) if tokens[place].depth == depth)


def _opens_parameters(tokens: list[Token], at: int) -> bool:
    before = tokens[at - 1] if at else _END
    end = _closing(tokens, at)
    after = tokens[end + 1].text if end + 1 < len(tokens) else ""
    return after == "=>" or (after == "{" and before.kind == "word" and before.text not in _NO_PARAMETERS)


def _with_roles(tokens: list[Token]) -> Iterator[tuple[Token, str]]:
    """Each token, and what it is as a word."""
    kinds: list[str] = []
    class_begins = False
    for before, token, after in zip([_END, *tokens], tokens, [*tokens[1:], _END], strict=False):
        if _closes(token) and kinds:
            kinds.pop()
        yield token, _role(before.text, token, after.text, kinds[-1] if kinds else "block")
        class_begins = class_begins or (token.text == "class" and before.text != ".")
        if token.text == "{" and token.kind == "mark":
            kinds.append("class" if class_begins else _kind_of_brace(before))
            class_begins = False
        elif _opens(token):
            kinds.append("other")


def _closes(token: Token) -> bool:
    return token.text[0] in ")]}" and token.kind in ("mark", "template")


def _opens(token: Token) -> bool:
    return (token.kind == "mark" and token.text in ("(", "[")) or token.text.endswith("${")


def _kind_of_brace(before: Token) -> str:
    return "object" if before.text in _BEFORE_OBJECT or before.text.endswith("${") else "block"


def _role(before: str, token: Token, after: str, inside: str) -> str:
    if token.kind != "word":
        return NEITHER
    if before in (".", "?.") or token.text.startswith("#"):
        return MEMBER if before in (".", "?.") and not token.text.startswith("#") else NAME
    if inside == "object" and before in ("{", ",") and after in (",", "}", "="):
        return BOTH
    key = inside == "object" and before in ("{", ",") and after == ":"
    method = inside in ("object", "class") and before in _BEFORE_METHOD and after == "("
    field = inside == "class" and before in _BEFORE_METHOD and after in ("=", ";")
    return MEMBER if key or method or field else NAME


def _letters(letters: str, taken: frozenset[str] | set[str]) -> Iterator[str]:
    """``a``, ``b``, ..., ``aa``, ...: as short as there are."""
    short = [*letters, *(first + second for first in letters for second in _LETTERS)]
    return (name for name in short if name not in taken and name not in _RESERVED)
