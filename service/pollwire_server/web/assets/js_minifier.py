"""Scripts and style sheets without what only people read; ``names`` makes their names short.

Half of a module's bytes are told to people, not to browsers. They go when the
service starts, so that nobody needs a build step to change a file. It is done
on tokens, never on lines: a reader that knows comments, strings, templates and
regular expressions apart cannot mistake one for another. What it relies on is
the style of our own modules, which a test holds them to: statements end in
semicolons, and no regular expression follows a closing bracket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple


class Token(NamedTuple):
    """A piece of source; ``kind`` is ``word``, ``mark``, ``text``, ``template``, ``regex`` or ``number``."""

    kind: str
    text: str
    on_new_line: bool
    depth: int
    """How many brackets stand open around it."""


_PIECE: Final = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?\*/)
      | (?P<word>[#]?[A-Za-z_$][\w$]*)
      | (?P<number>\d[\w.]*|\.\d[\w.]*)
      | (?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
      | (?P<mark>=>|\.\.\.|\?\.(?!\d)|\?\?=?|\*\*|\+\+|--|[-+*/%&|^<>=!]=+|&&=?|\|\|=?
          |[{}()\[\];,<>+\-*/%&|^!~?:=.@])""",
    re.VERBOSE | re.DOTALL,
)
_REGEX: Final = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_TEMPLATE: Final = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*(?P<end>`|\$\{)", re.DOTALL)
_NEEDLESS: Final = frozenset(((";", "}"), (",", "}"), (",", "]"), (",", ")")))
"""What only separates need not stand at an end."""
_NO_REGEX_AFTER: Final = frozenset((")", "]", "}"))
_REGEX_AFTER: Final = frozenset(("return", "typeof", "case", "in", "of", "await"))
_ENDS_NOTHING: Final = frozenset(
    [
        "{",
        "(",
        "[",
        ",",
        ";",
        ":",
        "=",
        "=>",
        "?",
        "&&",
        "||",
        "??",
        "+",
        "-",
        "*",
        "/",
        "<",
        ">",
        "!",
        ".",
        "...",
        "|",
    ]
)
"""Marks after which a line break never ends a statement."""
_STARTS_NOTHING: Final = frozenset(
    ["}", ")", "]", ",", ";", ":", "=", "=>", "?", "&&", "||", "??", "*", "/", "<", ">", ".", "?.", "|"]
)
"""Marks before which it never does."""


def tokenize(source: str) -> list[Token]:
    """The pieces of a script, without space and comments. ``ValueError`` where it cannot be read."""
    return list(_read(source))


def _read(source: str) -> Iterator[Token]:
    at = 0
    broken = True
    open_brackets: list[str] = []
    last = Token("mark", ";", False, 0)
    while at < len(source):
        kind, text = _next(source, at, last, open_brackets)
        at += len(text)
        if kind == "space":
            broken = broken or "\n" in text
            continue
        if text in (")", "]", "}"):
            open_brackets.pop()
        last = Token(kind, text, broken, len(open_brackets))
        broken = False
        _opened(text, kind, open_brackets)
        yield last


def _next(source: str, at: int, last: Token, open_brackets: list[str]) -> tuple[str, str]:
    """The kind and text of the piece that begins here."""
    if source[at] == "`" or (source[at] == "}" and open_brackets and open_brackets[-1] == "`"):
        found = _TEMPLATE.match(source, at + 1)
        if found is None:
            raise ValueError(f"A template does not end: {source[at : at + 40]!r}")
        return "template", source[at : found.end()]
    if source[at] == "/" and source[at + 1] not in "/*" and _may_begin_regex(last):
        found = _REGEX.match(source, at)
        if found is not None:
            return "regex", found[0]
    found = _PIECE.match(source, at)
    if found is None or found.lastgroup is None:
        raise ValueError(f"This is not read as JavaScript: {source[at : at + 40]!r}")
    return found.lastgroup, found[0]


def _may_begin_regex(last: Token) -> bool:
    """Whether a slash after this token is no division."""
    if last.kind == "mark":
        return last.text not in _NO_REGEX_AFTER
    return last.text in _REGEX_AFTER


def _opened(text: str, kind: str, open_brackets: list[str]) -> None:
    if kind == "template":
        if text[0] == "}":
            open_brackets.pop()
        if text.endswith("${"):
            open_brackets.append("`")
    elif kind == "mark" and text in ("(", "[", "{"):
        open_brackets.append(text)


def serialize(tokens: Iterable[Token]) -> str:
    """The script again, in as few characters as are safe."""
    parts: list[str] = []
    last: Token | None = None
    for token in tokens:
        if last is not None and (last.text, token.text) in _NEEDLESS:
            parts.pop()
        if last is not None:
            parts.append(_between(last, token))
        parts.append(token.text)
        last = token
    return "".join(parts)


def _between(last: Token, token: Token) -> str:
    if token.on_new_line and last.text not in _ENDS_NOTHING and token.text not in _STARTS_NOTHING:
        return "\n"
    wordy = last.kind in ("word", "number", "regex") and token.kind in ("word", "number")
    touching = last.text[-1] == token.text[0] and token.text[0] in "+-/"
    return " " if wordy or touching else ""


def small_sheet(text: str) -> str:
    """A style sheet without comments and needless space; spaces within values and selectors stay."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    return re.sub(r" ?([{};,]) ?|(?<=:) ", r"\1", text).replace(";}", "}").strip()
