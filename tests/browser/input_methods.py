"""Input methods that vote in a widget: mouse, touch screen and keyboard.

The keyboard reaches a control only by Tab. The touch screen sends the events of a real one. A ranking is
dragged by mouse and touch, and moved by arrow keys on the keyboard.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from playwright.async_api import FloatRect, Locator, Page

from tests.browser.widget_page import WidgetOnPage

Point = tuple[float, float]

MAX_KEY_PRESSES = 30
"""More key presses than needed to reach any control of a widget."""
HAS_FOCUS = "(control) => control.getRootNode().activeElement === control"
IS_BEHIND = """(control) => {
  const { activeElement } = control.getRootNode();
  return Boolean(activeElement?.compareDocumentPosition(control) & Node.DOCUMENT_POSITION_PRECEDING);
}"""
HAS_FOCUSED_INPUT = "(host) => host.shadowRoot.activeElement?.matches('input') ?? false"


class InputMethod(ABC):
    """Interface of an input method. A vote is first chosen, then sent."""

    context: ClassVar[dict[str, Any]] = {}
    """Settings of the browser context."""

    async def choose(self, widget: WidgetOnPage, options: list[str]) -> None:
        """Select exactly these options."""
        for option in options:
            await self._tick(widget, option, ticked=True)
        for option in await options_of(widget):
            if option not in options:
                await self._tick(widget, option, ticked=False)

    async def rank(self, widget: WidgetOnPage, options: list[str]) -> None:
        """Rank exactly these options, in this order."""
        for place, option in enumerate(options):
            await self._place(widget, option, place)
        for option in (await ranking_of(widget))[len(options) :]:
            await self._remove(widget, option)

    async def send(self, widget: WidgetOnPage, button: str) -> None:
        """Send the choice."""
        await self.press(widget, button)

    @abstractmethod
    async def press(self, widget: WidgetOnPage, button: str) -> None:
        """Press the button of this name."""

    @abstractmethod
    async def _tick(self, widget: WidgetOnPage, option: str, *, ticked: bool) -> None: ...

    @abstractmethod
    async def _place(self, widget: WidgetOnPage, option: str, place: int) -> None:
        """Move an option up to this position, counted from 0."""

    @abstractmethod
    async def _remove(self, widget: WidgetOnPage, option: str) -> None: ...


class Pointer(InputMethod):
    """Base of mouse and touch: clicks rows and drags handles."""

    async def press(self, widget: WidgetOnPage, button: str) -> None:
        await self._point(widget.button(button))

    async def _tick(self, widget: WidgetOnPage, option: str, *, ticked: bool) -> None:
        if await widget.input(option).is_checked() != ticked:
            await self._point(widget.option(option))

    async def _place(self, widget: WidgetOnPage, option: str, place: int) -> None:
        target = await bounding_box(widget.element.locator(".ranking > li").nth(place))
        await self._drag(widget, option, target["y"] + 2)

    async def _remove(self, widget: WidgetOnPage, option: str) -> None:
        last = await bounding_box(widget.element.locator(".ranking > li").last)
        await self._drag(widget, option, last["y"] + last["height"])

    async def _drag(self, widget: WidgetOnPage, option: str, to: float) -> None:
        start = await center_of(widget.option(option).locator(".grip"))
        await self.drag(widget.page, start, (start[0], to))

    @abstractmethod
    async def drag(self, page: Page, start: Point, end: Point) -> None:
        """Press at the start, move in steps, and release at the end."""

    @abstractmethod
    async def _point(self, target: Locator) -> None: ...


class Mouse(Pointer):
    """Mouse: clicks, and drags with the button pressed."""

    async def drag(self, page: Page, start: Point, end: Point) -> None:
        await page.mouse.move(*start)
        await page.mouse.down()
        for point in points_between(start, end):
            await page.mouse.move(*point)
        await page.mouse.up()

    async def _point(self, target: Locator) -> None:
        await target.click()


class Touch(Pointer):
    """Touch screen: taps, and drags by touch events."""

    context: ClassVar[dict[str, Any]] = {"has_touch": True}

    async def drag(self, page: Page, start: Point, end: Point) -> None:
        screen = await page.context.new_cdp_session(page)
        moves: list[tuple[str, list[Point]]] = [
            ("touchMove", [point]) for point in points_between(start, end)
        ]
        for kind, points in [("touchStart", [start]), *moves, ("touchEnd", [])]:
            touches = [{"x": x, "y": y} for x, y in points]
            await screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
        await screen.detach()

    async def _point(self, target: Locator) -> None:
        await target.tap()


class Keyboard(InputMethod):
    """Tab between controls, arrows within a group, Space to choose, Enter to send."""

    async def send(self, widget: WidgetOnPage, button: str) -> None:
        """Press Enter in an input, as in any form, or else on the button."""
        if await widget.element.evaluate(HAS_FOCUSED_INPUT):
            await widget.page.keyboard.press("Enter")
        else:
            await self.press(widget, button)

    async def press(self, widget: WidgetOnPage, button: str) -> None:
        await self._focus(widget, widget.button(button))
        await widget.page.keyboard.press("Enter")

    async def _tick(self, widget: WidgetOnPage, option: str, *, ticked: bool) -> None:
        field = widget.input(option)
        if await field.is_checked() == ticked:
            return
        if await field.get_attribute("type") == "radio":
            await self._focus_group(widget)
            await self._press_until_focused(widget, field, "ArrowDown")
        else:
            await self._focus(widget, field)
        if await field.is_checked() != ticked:
            await widget.page.keyboard.press("Space")

    async def _place(self, widget: WidgetOnPage, option: str, place: int) -> None:
        toggle = widget.option(option).locator(".place")
        await self._focus(widget, toggle)
        if option not in await ranking_of(widget):
            await widget.page.keyboard.press("Enter")
        for _ in range((await ranking_of(widget)).index(option) - place):
            await widget.page.keyboard.press("ArrowUp")

    async def _remove(self, widget: WidgetOnPage, option: str) -> None:
        await self._focus(widget, widget.option(option).locator(".place"))
        await widget.page.keyboard.press("Enter")

    async def _focus_group(self, widget: WidgetOnPage) -> None:
        """Press Tab until one of the inputs has the focus. Radio buttons have one tab stop."""
        for _ in range(MAX_KEY_PRESSES):
            if await widget.element.evaluate(HAS_FOCUSED_INPUT):
                return
            await widget.page.keyboard.press("Tab")
        raise AssertionError("the options cannot be reached by Tab")

    async def _focus(self, widget: WidgetOnPage, control: Locator) -> None:
        """Press Tab or Shift+Tab until the control has the focus."""
        await self._press_until_focused(
            widget, control, "Shift+Tab" if await control.evaluate(IS_BEHIND) else "Tab"
        )

    async def _press_until_focused(self, widget: WidgetOnPage, control: Locator, key: str) -> None:
        for _ in range(MAX_KEY_PRESSES):
            if await control.evaluate(HAS_FOCUS):
                return
            await widget.page.keyboard.press(key)
        raise AssertionError(f"{control} cannot be reached by {key}")


INPUT_METHODS = {"mouse": Mouse(), "touch": Touch(), "keyboard": Keyboard()}


async def options_of(widget: WidgetOnPage) -> list[str]:
    """Return the options with inputs, from the top."""
    return await _option_ids(widget, ".options .option")


async def ranking_of(widget: WidgetOnPage) -> list[str]:
    """Return the ranked options, best first."""
    return await _option_ids(widget, ".ranking .is-ranked")


async def _option_ids(widget: WidgetOnPage, rows: str) -> list[str]:
    find = "(host, rows) => [...host.shadowRoot.querySelectorAll(rows)].map((row) => row.dataset.option)"
    found: list[str] = await widget.element.evaluate(find, rows)
    return found


async def bounding_box(element: Locator) -> FloatRect:
    """Return the bounding box of a visible element."""
    box = await element.bounding_box()
    assert box is not None, f"{element} is not visible"
    return box


async def center_of(element: Locator) -> Point:
    """Return the center of an element."""
    box = await bounding_box(element)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def points_between(start: Point, end: Point, steps: int = 4) -> Iterator[Point]:
    """Yield the points of a straight move, including its end."""
    for step in range(1, steps + 1):
        part = step / steps
        yield start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part
