"""Scripts are made small without a change of meaning, and what would change it stops the start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pollwire_server.web.assets.js_bundler import bundle_module
from pollwire_server.web.assets.js_mangler import renamed, short_names
from pollwire_server.web.assets.js_minifier import serialize, small_sheet, tokenize
from pollwire_server.web.assets.static_files import ENTRIES, LAZY_MODULES, STATIC, AssetLibrary


@pytest.mark.parametrize(
    ("source", "small"),
    [
        ("const a = 1; // why\n/* and how */ const b = a + +a;", "const a=1;const b=a+ +a;"),
        ("call(\n  one,\n  two,\n);\n", "call(one,two);"),
        ("if (a) {\n  b();\n}\nc();", "if(a){b()}\nc();"),
        ("const url = 'http://a // b';", "const url='http://a // b';"),
        (
            "const text = `a ${b ? `c // ${ d }` : '}'} /* e */`;",
            "const text=`a ${b?`c // ${d}`:'}'} /* e */`;",
        ),
        (
            "const found = /[/'\"]\\/ +/.test(a) ? a / b / c : 1;",
            "const found=/[/'\"]\\/ +/.test(a)?a/b/c:1;",
        ),
        ("for (let a = 0; ; ) return typeof a;", "for(let a=0;;)return typeof a;"),
        ("const a = b\n  ?.c\n  ?? 0.5;", "const a=b?.c??0.5;"),
    ],
)
def test_what_only_people_read_goes(source: str, small: str) -> None:
    """Space and comments go, and stay where they mean something: in texts, templates and patterns."""
    assert serialize(tokenize(source)) == small


@pytest.mark.parametrize("source", ["const a = `b", "const a = 'b\n';", "const a = \u00a7;"])
def test_what_is_no_script_is_refused(source: str) -> None:
    """Text that cannot be read is an error, never half a script."""
    with pytest.raises(ValueError, match=r"JavaScript|template"):
        tokenize(source)


@pytest.mark.parametrize(
    ("source", "short"),
    [
        ("function long(first, second) { return first + second; }", "function A(a,b){return a+b}"),
        ("const total = { first: 1 }; use(total.first, total);", "const A={first:1};use(A.first,A);"),
        (
            "function f({ name, age: years = 1 }) { return { name, years }; }",
            "function A({name:a,age:b=1}){return{name:a,years:b}}",
        ),
        (
            "class Thing { #held = 1; size = 2; get held() { return this.#held + a; } }",
            "class A{#a=1;size=2;get held(){return this.#a+a}}",
        ),
        ("function f(a) { return document.title + a; }", "function A(a){return document.title+a}"),
        ("function f(b) { return a + b; }", "function A(b){return a+b}"),
        ("const A = 1; const other = A;", "const B=1;const C=B;"),
        ("const f = (one = null) => (two) => one ?? two;", "const A=(a=null)=>(b)=>a??b;"),
    ],
)
def test_names_become_short(source: str, short: str) -> None:
    """Names that a script declares become short everywhere; members, and what it declares nowhere, stay."""
    tokens = tokenize(source)
    assert serialize(renamed(tokens, short_names(tokens))) == short


def test_modules_become_one() -> None:
    """An entry comes with what it imports, in order, each once; its exports keep their names."""
    sources = {
        "main.js": "export * from './a/one.js';\nimport { two } from './a/two.js';\ntwo();",
        "a/one.js": "import texts from '../en.js';\nexport function one() { return texts.hello; }",
        "a/two.js": "import { one } from './one.js';\nexport const two = () => one(import.meta.url);",
        "en.js": "export default { hello: 'Hello' };",
    }
    module = bundle_module("main.js", sources, "./static/7/")
    assert module == (
        "const B={hello:'Hello'};function A(){return B.hello}"
        "const C=()=>A(new URL('./static/7/a/two.js',import.meta.url).href);C();export{A as one};"
    )


@pytest.mark.parametrize(
    ("sources", "complaint"),
    [
        ({"main.js": "import './a.js';\nconst b = 1;", "a.js": "const b = 2;"}, "both declare b"),
        ({"main.js": "import { a as b } from './a.js';", "a.js": "export const a = 2;"}, "may not rename"),
        ({"main.js": "import { a } from './missing.js';"}, "no module missing.js"),
    ],
)
def test_what_cannot_be_joined_is_refused(sources: dict[str, str], complaint: str) -> None:
    """A module that breaks the rules of joining is named, instead of being joined wrongly."""
    with pytest.raises(ValueError, match=complaint):
        bundle_module("main.js", sources, "")


def test_sheets_become_small() -> None:
    """Space goes from a style sheet, but not from within values and selectors."""
    sheet = "/* why */\n.a > .b,\n.c :hover {\n  margin: calc(1px + 2px) 0;\n  color: red;\n}\n"
    assert small_sheet(sheet) == ".a > .b,.c :hover{margin:calc(1px + 2px) 0;color:red}"


def scripts_of_ours() -> Iterator[Path]:
    """Every script of the pages."""
    return (path for path in sorted(STATIC.rglob("*.js")))


def test_our_scripts_keep_their_words() -> None:
    """Made small, each script still has the words and texts that it had, in their order."""
    for path in scripts_of_ours():
        tokens = tokenize(path.read_text("utf-8"))
        again = tokenize(serialize(tokens))
        separators = (",", ";")
        kept = [token.text for token in tokens if token.text not in separators]
        assert [token.text for token in again if token.text not in separators] == kept, path.name


def test_entries_import_nothing() -> None:
    """What other sites import is one file, and so is what the widget fetches later."""
    library = AssetLibrary()
    for script in [*map(library.entry, ENTRIES), *map(library.asset, LAZY_MODULES)]:
        assert script is not None
        assert not re.search(r"\bimport\s*[{'\"]|\bfrom\s*['\"]", script.body.decode())
