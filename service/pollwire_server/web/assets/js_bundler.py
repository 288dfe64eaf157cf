"""One module out of many: what a page would fetch file by file comes in one answer.

An embedding page asks for ``/widget.js`` alone. Twenty small files would each
cost it a request, and each would be packed for itself; joined and packed
together they are a third smaller. The files stay as they are in the tree, and
each is still served under its own address, where our own pages import it.

The modules are put behind one another, each after those that it imports, into
one scope. That is the same program as long as they keep three rules, and a
module that breaks one stops the service from starting:

- no two modules declare the same name at their top;
- an import is ``import { a, b } from ...``, or ``import a from ...`` where a default is all that is exported;
- a module asks where it lies by ``import.meta.url``, which is replaced by that place.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Final

from pollwire_server.web.assets.js_mangler import renamed, short_names, top_names
from pollwire_server.web.assets.js_minifier import Token, serialize, tokenize

_END: Final = Token("mark", ";", False, 0)
_WHERE: Final = ("import", ".", "meta", ".", "url")


def bundle_module(entry: str, sources: Mapping[str, str], folder: str) -> str:
    """The module ``entry`` with all that it imports. ``folder`` leads from its address to the others'.

    ``ValueError`` where a module breaks the rules above.
    """
    modules = _in_order(entry, sources)
    _check_unique_names(modules)
    default_names = _names_of_defaults(modules)
    tokens = [
        token
        for module in modules.values()
        for token in module.body(default_names.get(module.name, ""), "" if module.name == entry else folder)
    ]
    names = short_names(tokens)
    exported = (f"{names[name]} as {name}" if name in names else name for name in _exports(entry, modules))
    listed = ",".join(exported)
    return serialize(renamed(tokens, names)) + (f"export{{{listed}}};" if listed else "")


class Module:
    """One file: what it imports from where, what it exports, and the rest of its text."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.imports: list[str] = []
        self.defaults: dict[str, str] = {}
        """The name here of another module's default."""
        self.exports: list[str] = []
        self.passed_on: list[str] = []
        """Modules all of whose exports are this one's too."""
        self._tokens: list[Token] = []
        self._read(tokenize(source))

    def _read(self, tokens: list[Token]) -> None:
        at = 0
        while at < len(tokens):
            token, after = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else _END
            if token.depth == 0 and token.text == "import" and after.text not in ("(", "."):
                at = self._import(tokens, at)
            elif token.depth == 0 and token.text == "export":
                at = self._export(tokens, at)
            else:
                self._tokens.append(token)
                at += 1

    def _import(self, tokens: list[Token], at: int) -> int:
        statement, end = _statement(tokens, at)
        if any(token.text in ("as", "*") for token in statement):
            raise ValueError(f"{self.name}: an import may not rename: {serialize(statement)}")
        source = self._resolved(statement[-1].text)
        if statement[1].kind == "word":
            self.defaults[source] = statement[1].text
        return end

    def _export(self, tokens: list[Token], at: int) -> int:
        what = tokens[at + 1].text
        if what in ("{", "*"):
            statement, end = _statement(tokens, at)
            source = self._resolved(statement[-1].text)
            if what == "*":
                self.passed_on.append(source)
            self.exports += [token.text for token in statement[1:-2] if token.kind == "word"]
            return end
        if what == "default":
            self.exports.append("default")
            return at + 1
        self.exports.append(
            next(token.text for token in tokens[at + 2 :] if token.text not in ("function", "*"))
        )
        return at + 1

    def _resolved(self, quoted: str) -> str:
        name = posixpath.normpath(posixpath.join(posixpath.dirname(self.name), quoted[1:-1]))
        self.imports.append(name)
        return name

    @property
    def top_names(self) -> set[str]:
        """What it declares at its top."""
        return top_names(self._tokens)

    def body(self, default_name: str, folder: str) -> list[Token]:
        """Its text without imports and exports; its default is called ``default_name``."""
        found: list[Token] = []
        at = 0
        while at < len(self._tokens):
            token = self._tokens[at]
            if token.depth == 0 and token.text == "default":
                found += tokenize(f"const {default_name}=")
            elif folder and tuple(part.text for part in self._tokens[at : at + 5]) == _WHERE:
                found += tokenize(f"new URL('{folder}{self.name}',import.meta.url).href")
                at += 4
            else:
                found.append(token)
            at += 1
        return found


def _statement(tokens: list[Token], at: int) -> tuple[list[Token], int]:
    """The tokens from here to the semicolon, and where the next begin."""
    end = next(place for place in range(at, len(tokens)) if tokens[place].text == ";")
    return tokens[at:end], end + 1


def _in_order(entry: str, sources: Mapping[str, str]) -> dict[str, Module]:
    """The entry and all that it needs, each after what it imports."""
    found: dict[str, Module] = {}
    entered: set[str] = set()

    def enter(name: str) -> None:
        if name in entered:
            return
        entered.add(name)
        if name not in sources:
            raise ValueError(f"There is no module {name}.")
        module = Module(name, sources[name])
        for imported in module.imports:
            enter(imported)
        found[name] = module

    enter(entry)
    return found


def _check_unique_names(modules: Mapping[str, Module]) -> None:
    owners: dict[str, str] = {}
    for module in modules.values():
        for name in module.top_names:
            if owners.setdefault(name, module.name) != module.name:
                raise ValueError(f"{owners[name]} and {module.name} both declare {name}.")


def _names_of_defaults(modules: Mapping[str, Module]) -> dict[str, str]:
    names: dict[str, str] = {}
    for module in modules.values():
        for source, name in module.defaults.items():
            if names.setdefault(source, name) != name:
                raise ValueError(f"The default of {source} is called {names[source]} and {name}.")
    return names


def _exports(name: str, modules: Mapping[str, Module]) -> list[str]:
    module = modules[name]
    passed = [export for source in module.passed_on for export in _exports(source, modules)]
    return [*module.exports, *passed]
