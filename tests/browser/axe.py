"""Asks axe what is wrong with a page: WCAG 2.2 A and AA, and what it calls good practice."""

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


async def faults_of(page: Page, within: str = "body") -> list[str]:
    """What axe finds in the part of the page, in sentences; open shadow roots are looked into."""
    assert SOURCE.exists(), "axe is not here yet: make dev"
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(
            SOURCE.read_text("utf-8")
        )  # not by a script element: a page's policy forbids those
    found: list[str] = await page.evaluate(ASK, within)
    return found
