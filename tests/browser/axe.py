"""Accessibility checks with axe: WCAG 2.2 A and AA, and good practice."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page

SOURCE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
ASK = """async (within) => {
  const options = {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    rules: { 'target-size': { enabled: true } },
    resultTypes: ['violations'],
  };
  const { violations } = await axe.run(within, options);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${help}: ${target.join(' ')}: ${failureSummary}`));
}"""


async def axe_violations(page: Page, within: str = "body") -> list[str]:
    """Return the violations that axe finds in a part of the page, including open shadow roots."""
    assert SOURCE.exists(), "axe is not here yet: make dev"
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(
            SOURCE.read_text("utf-8")
        )  # not by a script element: a page's policy forbids those
    found: list[str] = await page.evaluate(ASK, within)
    return found
