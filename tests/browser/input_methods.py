"""The three hands that vote in a widget: a mouse, a finger, and a keyboard alone.

Each does what its owner can and nothing else: a keyboard walks to a control
with Tab and never jumps there, a finger taps and drags as a touch screen
reports it. A ranking is dragged into its order by mouse and finger, and moved
by arrows on the keyboard. What comes of it is for the tests to look at.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from playwright.async_api import FloatRect, Locator, Page

from tests.browser.reader import WidgetOnPage

Point = tuple[float, float]

MOST_STEPS = 30
"""More presses of a key than any walk through a widget takes."""
HAS_FOCUS = "(control) => control.getRootNode().activeElement === control"
IS_BEHIND = """(control) => {
  const { activeElement } = control.getRootNode();
  return Boolean(activeElement?.compareDocumentPosition(control) & Node.DOCUMENT_POSITION_PRECEDING);
}"""
IS_IN_A_FIELD = "(host) => host.shadowRoot.activeElement?.matches('input') ?? false"


class Hand(ABC):
    """What a voter does in a widget. A vote is to be chosen, then sent."""

    context: ClassVar[dict[str, Any]] = {}
    """What its browser has to have."""

    async def choose(self, widget: WidgetOnPage, options: list[str]) -> None:
        """Tick these options and no others."""
        for option in options:
            await self._tick(widget, option, ticked=True)
        for option in await options_of(widget):
            if option not in options:
                await self._tick(widget, option, ticked=False)

    async def rank(self, widget: WidgetOnPage, options: list[str]) -> None:
        """Rank these options in this order, and no others."""
        for place, option in enumerate(options):
            await self._place(widget, option, place)
        for option in (await ranking_of(widget))[len(options) :]:
            await self._leave_out(widget, option)

    async def send(self, widget: WidgetOnPage, button: str) -> None:
        """Send what was chosen."""
        await self.press(widget, button)

    @abstractmethod
    async def press(self, widget: WidgetOnPage, button: str) -> None:
        """Press the button of this name."""

    @abstractmethod
    async def _tick(self, widget: WidgetOnPage, option: str, *, ticked: bool) -> None: ...

    @abstractmethod
    async def _place(self, widget: WidgetOnPage, option: str, place: int) -> None:
        """Bring an option from further down to a place, from 0; those above it stand already."""

    @abstractmethod
    async def _leave_out(self, widget: WidgetOnPage, option: str) -> None: ...


class Pointer(Hand):
    """What points at things: it presses rows, and drags handles."""

    async def press(self, widget: WidgetOnPage, button: str) -> None:
        await self._point(widget.button(button))

    async def _tick(self, widget: WidgetOnPage, option: str, *, ticked: bool) -> None:
        if await widget.input(option).is_checked() != ticked:
            await self._point(widget.option(option))

    async def _place(self, widget: WidgetOnPage, option: str, place: int) -> None:
        standing = await box_of(widget.element.locator(".ranking > li").nth(place))
        await self._drag(widget, option, standing["y"] + 2)

    async def _leave_out(self, widget: WidgetOnPage, option: str) -> None:
        last = await box_of(widget.element.locator(".ranking > li").last)
        await self._drag(widget, option, last["y"] + last["height"])

    async def _drag(self, widget: WidgetOnPage, option: str, to: float) -> None:
        start = await middle_of(widget.option(option).locator(".grip"))
        await self.drag(widget.page, start, (start[0], to))

    @abstractmethod
    async def drag(self, page: Page, start: Point, end: Point) -> None:
        """Press, move in steps, let go."""

    @abstractmethod
    async def _point(self, target: Locator) -> None: ...


class Mouse(Pointer):
    """Clicks, and drags with the button held."""

    async def drag(self, page: Page, start: Point, end: Point) -> None:
        await page.mouse.move(*start)
        await page.mouse.down()
        for point in between(start, end):
            await page.mouse.move(*point)
        await page.mouse.up()

    async def _point(self, target: Locator) -> None:
        await target.click()


class Finger(Pointer):
    """Taps, and drags as a touch screen reports it."""

    context: ClassVar[dict[str, Any]] = {"has_touch": True}

    async def drag(self, page: Page, start: Point, end: Point) -> None:
        screen = await page.context.new_cdp_session(page)
        moves: list[tuple[str, list[Point]]] = [("touchMove", [point]) for point in between(start, end)]
        for kind, points in [("touchStart", [start]), *moves, ("touchEnd", [])]:
            touches = [{"x": x, "y": y} for x, y in points]
            await screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
        await screen.detach()

    async def _point(self, target: Locator) -> None:
        await target.tap()


class Keyboard(Hand):
    """Tab between controls, arrows within a group, Space to choose, Enter to send."""

    async def send(self, widget: WidgetOnPage, button: str) -> None:
        """Enter in a field sends, as in any form; from elsewhere the button has to be walked to."""
        if await widget.element.evaluate(IS_IN_A_FIELD):
            await widget.page.keyboard.press("Enter")
        else:
            await self.press(widget, button)

    async def press(self, widget: WidgetOnPage, button: str) -> None:
        await self._walk_to(widget, widget.button(button))
        await widget.page.keyboard.press("Enter")

    async def _tick(self, widget: WidgetOnPage, option: str, *, ticked: bool) -> None:
        field = widget.input(option)
        if await field.is_checked() == ticked:
            return
        if await field.get_attribute("type") == "radio":
            await self._walk_to_group(widget)
            await self._go_on(widget, field, "ArrowDown")
        else:
            await self._walk_to(widget, field)
        if await field.is_checked() != ticked:
            await widget.page.keyboard.press("Space")

    async def _place(self, widget: WidgetOnPage, option: str, place: int) -> None:
        toggle = widget.option(option).locator(".place")
        await self._walk_to(widget, toggle)
        if option not in await ranking_of(widget):
            await widget.page.keyboard.press("Enter")
        for _ in range((await ranking_of(widget)).index(option) - place):
            await widget.page.keyboard.press("ArrowUp")

    async def _leave_out(self, widget: WidgetOnPage, option: str) -> None:
        await self._walk_to(widget, widget.option(option).locator(".place"))
        await widget.page.keyboard.press("Enter")

    async def _walk_to_group(self, widget: WidgetOnPage) -> None:
        """Tab into the radio buttons: the one that is chosen, or else the first, is their one stop."""
        for _ in range(MOST_STEPS):
            if await widget.element.evaluate(IS_IN_A_FIELD):
                return
            await widget.page.keyboard.press("Tab")
        raise AssertionError("the options cannot be reached by Tab")

    async def _walk_to(self, widget: WidgetOnPage, control: Locator) -> None:
        """Tab to a control, back or on."""
        await self._go_on(widget, control, "Shift+Tab" if await control.evaluate(IS_BEHIND) else "Tab")

    async def _go_on(self, widget: WidgetOnPage, control: Locator, key: str) -> None:
        for _ in range(MOST_STEPS):
            if await control.evaluate(HAS_FOCUS):
                return
            await widget.page.keyboard.press(key)
        raise AssertionError(f"{control} cannot be reached by {key}")


HANDS = {"mouse": Mouse(), "touch": Finger(), "keyboard": Keyboard()}


async def options_of(widget: WidgetOnPage) -> list[str]:
    """The options whose inputs there are, from the top."""
    return await _named(widget, ".options .option")


async def ranking_of(widget: WidgetOnPage) -> list[str]:
    """The options above the line, best first."""
    return await _named(widget, ".ranking .is-ranked")


async def _named(widget: WidgetOnPage, rows: str) -> list[str]:
    find = "(host, rows) => [...host.shadowRoot.querySelectorAll(rows)].map((row) => row.dataset.option)"
    found: list[str] = await widget.element.evaluate(find, rows)
    return found


async def box_of(element: Locator) -> FloatRect:
    """Where it is on the page."""
    box = await element.bounding_box()
    assert box is not None, f"{element} is not to be seen"
    return box


async def middle_of(element: Locator) -> Point:
    """Where to press."""
    box = await box_of(element)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def between(start: Point, end: Point, steps: int = 4) -> Iterator[Point]:
    """The way in steps, its end included."""
    for step in range(1, steps + 1):
        part = step / steps
        yield start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part
