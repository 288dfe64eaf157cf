"""API reference without scripts: plain HTML, rendered from the OpenAPI document.

The templates and the stylesheet are files of this package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from string import Template

from pollwire_server.app.openapi.schemas import Json


def template(name: str) -> Template:
    """Return a file of this package as a template."""
    return Template(text(name))


def text(name: str) -> str:
    """Return the text of a file of this package."""
    return files("pollwire_server.app.openapi").joinpath(name).read_text(encoding="utf-8")


def page_of(document: Json) -> str:
    """Render the whole page. All text of the document is escaped."""
    operations = (
        _operation(document, address, method, operation)
        for address, methods in sorted(document["paths"].items())
        for method, operation in methods.items()
    )
    return template("page.html").substitute(
        title=escape(document["info"]["title"]),
        version=escape(document["info"]["version"]),
        description=escape(document["info"]["description"]),
        operations="\n".join(operations),
    )


def stylesheet() -> str:
    """Return the stylesheet. As a separate file, it needs no inline styles in the content security policy."""
    return text("style.css")


def _operation(document: Json, address: str, method: str, operation: Json) -> str:
    row = template("row.html")
    rows = [
        row.substitute(name=name, title=escape(schema), schema=escape(_shown(document, schema)))
        for name, schema in _schemas_of(operation)
    ]
    return template("operation.html").substitute(
        anchor=escape(operation["operationId"]),
        method=method,
        address=escape(address),
        summary=escape(operation.get("summary") or ""),
        rows="\n".join(rows),
        refusals=_render_problems(operation),
    )


def _schemas_of(operation: Json) -> Iterator[tuple[str, str]]:
    """Yield the schemas of an operation: pairs of ``Body`` or a status, and the schema name."""
    if body := _schema_name(operation.get("requestBody", {})):
        yield "Body", body
    for status, response in operation["responses"].items():
        answer = _schema_name(response)
        if answer and answer != "Problem":
            yield status, answer


def _render_problems(operation: Json) -> str:
    """Render the problems of an operation, each with a link to its page."""
    links = (
        f'<a href="/problems/{escape(slug)}">{status} {escape(slug)}</a>'
        for status, response in operation["responses"].items()
        if _schema_name(response) == "Problem"
        for slug in response["description"].split(", ")
    )
    return " · ".join(links)


def _schema_name(part: Json) -> str | None:
    for content in part.get("content", {}).values():
        if reference := content.get("schema", {}).get("$ref"):
            return str(reference).rpartition("/")[2]
    return None


def _shown(document: Json, schema: str) -> str:
    return json.dumps(document["components"]["schemas"][schema], indent=2, ensure_ascii=False)
