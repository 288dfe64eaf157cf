"""The console's poll form: creation, editing, errors and concurrent edits."""

from __future__ import annotations

from typing import Any

from playwright.async_api import expect

from tests.browser.conftest import Open, Service
from tests.browser.console_page import ConsolePage, sign_in_operator


async def fill_options(at: ConsolePage, *labels: str) -> None:
    """Fill in the options, adding rows as needed."""
    boxes = at.page.locator("input.option-label")
    for place, label in enumerate(labels):
        if place >= await boxes.count():
            await at.button("Add an option").click()
        await boxes.nth(place).fill(label)


async def stored(service: Service, poll: str) -> dict[str, Any]:
    """Return the stored poll."""
    answer = await service.admin.get(f"/v1/admin/polls/{poll}")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


KINDS: list[tuple[str, list[str], dict[str, Any]]] = [
    ("Single choice", ["Rice", "Yam", "Été à Paris"], {"kind": "single"}),
    ("Multiple choice", ["A", "B", "C"], {"kind": "multiple", "choices": {"min": 1, "max": 2}}),
    ("Rating", [], {"kind": "rating", "scale": {"min": 0, "max": 10}}),
    ("Ranked", ["Accra", "Kumasi"], {"kind": "ranked"}),
    ("Prediction", ["Yes", "No"], {"kind": "prediction"}),
]


async def test_poll_of_every_kind_is_created(service: Service, open_page: Open) -> None:
    """Option ids are made from labels, and the preview shows the poll before it is saved."""
    at = await sign_in_operator(service, open_page)
    for kind, labelled, fields in KINDS:
        question = f"{kind}: what will it be?"
        await at.go("/polls/new")
        await at.page.get_by_role("radio", name=kind).check()
        await at.page.get_by_label("Question", exact=True).fill(question)
        await at.page.get_by_label("Id optional").first.fill(f"made-{fields['kind']}")
        await fill_options(at, *labelled)
        if "choices" in fields:
            await at.page.get_by_label("At most").fill("2")
        if "scale" in fields:
            await at.page.get_by_label("From", exact=True).fill("0")
            await at.page.get_by_label("To", exact=True).fill("10")
        await expect(at.page.locator(".preview").get_by_text(question)).to_be_visible()
        await at.button("Create poll").click()
        await expect(at.page.get_by_role("heading", level=1)).to_have_text(question)
        poll = await stored(service, f"made-{fields['kind']}")
        assert {name: poll[name] for name in fields} == fields
        assert [option["label"] for option in poll["options"]] == labelled
    single = await stored(service, "made-single")
    assert [option["id"] for option in single["options"]] == ["rice", "yam", "ete-a-paris"]


async def test_empty_required_field_shows_error_at_its_field(service: Service, open_page: Open) -> None:
    at = await sign_in_operator(service, open_page, path="/polls/new")
    question = at.page.get_by_label("Question", exact=True)
    second = at.page.locator("input.option-label").nth(1)
    for empty in (question, second):
        await at.button("Create poll").click()
        await expect(empty).to_be_focused()
        await expect(empty).to_have_attribute("aria-invalid", "true")
        await expect(at.page.get_by_text("This field is required.")).to_have_count(1)
        await question.fill("Rice?")
        await fill_options(at, "Yes")
    await second.fill("No")
    await at.button("Create poll").click()
    await expect(at.page.get_by_role("heading", level=1)).to_have_text("Rice?")


async def test_every_form_field_is_sent(service: Service, open_page: Open) -> None:
    at = await sign_in_operator(service, open_page, path="/polls/new", timezone_id="Europe/Paris")
    await at.page.get_by_label("Question", exact=True).fill("Where to?")
    await at.page.get_by_label("Id optional").first.fill("trip")
    await fill_options(at, "Accra", "Kumasi")
    await at.page.get_by_text("Image and limit").first.click()
    await at.page.get_by_label("Image URL").first.fill("/accra.png")
    await at.page.get_by_label("Maximum votes").first.fill("30")
    await at.page.get_by_label("Time zone of these times").select_option("Asia/Dubai")
    await at.page.get_by_label("Opens").fill("2031-05-01T09:00")
    await expect(at.page.locator(".equivalents").first).to_contain_text("Europe/Paris, your time")
    await expect(at.page.locator(".equivalents").first).to_contain_text("07:00 AM")
    await at.page.get_by_label("Closes").fill("2031-05-02T09:00")
    await at.page.get_by_label("After voting").select_option("withdraw")
    await at.page.get_by_label("Results visible").select_option("after_close")
    await at.page.get_by_label("Sites that may embed it").fill("https://news.example\nhttps://other.example")
    await at.page.get_by_label("Show the options in random order").check()
    await at.page.get_by_label("Record an anonymous network tag").check()
    await at.button("Create poll").click()
    await expect(at.page.get_by_role("heading", level=1)).to_have_text("Where to?")
    poll = await stored(service, "trip")
    assert poll["options"][0] == {"id": "accra", "label": "Accra", "image": "/accra.png", "capacity": 30}
    assert (poll["opens_at"], poll["closes_at"]) == ("2031-05-01T05:00:00.000Z", "2031-05-02T05:00:00.000Z")
    assert (poll["revote"], poll["results"], poll["shuffle"]) == ("withdraw", "after_close", True)
    assert poll["network_tags"] is True
    assert poll["origins"] == ["https://news.example", "https://other.example"]


async def test_api_error_is_shown_at_its_field(service: Service, open_page: Open) -> None:
    at = await sign_in_operator(service, open_page, path="/polls/new")
    await at.page.get_by_label("Question", exact=True).fill("Where to?")
    await fill_options(at, "Accra", "")
    await at.button("Create poll").click()
    second = at.page.locator("input.option-label").nth(1)
    await expect(second).to_have_attribute("aria-invalid", "true")
    await expect(second).to_be_focused()
    await expect(at.page.get_by_label("Question", exact=True)).to_have_value("Where to?")
    await second.fill("Kumasi")
    await at.button("Create poll").click()
    await expect(at.page.get_by_role("heading", level=1)).to_have_text("Where to?")


CLOCK_CHANGES = [
    (
        "2031-03-30T02:30",
        "This time doesn’t exist because of daylight saving.",
        "does not exist in Europe/Paris",
    ),
    (
        "2031-10-26T02:30",
        "This time occurs twice. Which one?",
        "occurs twice in Europe/Paris",
    ),
]


async def test_skipped_and_repeated_local_times_are_reported(service: Service, open_page: Open) -> None:
    """Local times that a clock change skips or repeats cause a warning.

    The service's error is shown at its field, and one of two instants can be chosen.
    """
    at = await sign_in_operator(service, open_page, path="/polls/new")
    await at.page.get_by_label("Question", exact=True).fill("When?")
    await at.page.get_by_label("Id optional").first.fill("clock")
    await fill_options(at, "A", "B")
    await at.page.get_by_label("Time zone of these times").select_option("Europe/Paris")
    closes = at.page.get_by_label("Closes")
    for local, shown, message in CLOCK_CHANGES:
        await closes.fill(local)
        await at.expect_text(shown)
        await at.button("Create poll").click()
        await expect(at.page.locator(".error", has_text=message)).to_be_visible()
        await expect(closes).to_be_focused()
    await at.page.locator("fieldset.warning input").nth(1).check()
    await at.button("Create poll").click()
    await expect(at.page.get_by_role("heading", level=1)).to_have_text("When?")
    assert (await stored(service, "clock"))["closes_at"] == "2031-10-26T01:30:00.000Z"


async def test_options_are_reordered_by_keyboard(service: Service, open_page: Open) -> None:
    poll = (await service.create_poll())["id"]
    at = await sign_in_operator(service, open_page, path=f"/polls/{poll}/edit")
    await at.button("Move Yam up").press("Enter")
    await expect(at.button("Move Yam down")).to_be_focused()
    await expect(at.page.locator("#toast")).to_have_text("Yam is now number 1.")
    await at.button("Save").press("Enter")
    await expect(at.page.locator(".bars li").first).to_have_attribute("data-option", "yam")
    assert [option["id"] for option in (await stored(service, poll))["options"]] == ["yam", "rice"]


async def test_concurrent_edits_are_merged(service: Service, open_page: Open) -> None:
    """The second operator chooses a value per conflicting field; other changes of both are kept."""
    poll = (await service.create_poll(description="Old"))["id"]
    at = await sign_in_operator(service, open_page, path=f"/polls/{poll}/edit")
    await at.page.get_by_label("Question", exact=True).fill("Mine?")
    await at.page.get_by_label("Description").fill("My words")
    theirs = {"question": "Theirs?", "results": "after_close"}
    assert (await service.admin.patch(f"/v1/admin/polls/{poll}", json=theirs)).status_code == 200
    await at.button("Save").click()
    await expect(at.dialog()).to_contain_text("Someone else changed this poll")
    question = at.dialog().locator("[data-field=question]")
    await expect(question.get_by_role("rowheader")).to_have_text("Question")
    await expect(question).to_contain_text("Rice or yam?")
    await expect(question).to_contain_text("Theirs?")
    await expect(question).to_contain_text("Mine?")
    assert (await stored(service, poll))["question"] == "Theirs?"
    await question.get_by_role("radio").first.check()
    await at.button("Save selected changes").click()
    await expect(at.page.get_by_role("heading", level=1)).to_have_text("Theirs?")
    after = await stored(service, poll)
    assert (after["question"], after["description"], after["results"]) == (
        "Theirs?",
        "My words",
        "after_close",
    )


async def test_unsaved_input_survives_language_change(service: Service, open_page: Open) -> None:
    at = await sign_in_operator(service, open_page, path="/polls/new")
    await at.page.get_by_label("Question", exact=True).fill("Où aller ?")
    await at.page.get_by_label("Language", exact=True).select_option("fr")
    await expect(at.page.get_by_role("heading", level=1)).to_have_text("Nouveau sondage")
    await expect(at.page.get_by_label("Question", exact=True)).to_have_value("Où aller ?")
    at.page.once("dialog", lambda dialog: dialog.dismiss())
    await at.page.get_by_role("link", name="Clés").click()
    await expect(at.page.get_by_label("Question", exact=True)).to_have_value("Où aller ?")


async def test_forecast_is_created_resolved_and_corrected(service: Service, open_page: Open) -> None:
    """The dialog shows what each outcome would do to the scores."""
    at = await sign_in_operator(service, open_page, path="/polls/new")
    await at.page.get_by_role("radio", name="Prediction").check()
    await at.page.get_by_label("Question", exact=True).fill("Who wins?")
    await at.page.get_by_label("Id optional").first.fill("made-forecast")
    await fill_options(at, "Yes", "No")
    await expect(at.page.get_by_label("The options are a scale")).to_be_hidden()
    await at.page.get_by_label("Ask for probabilities").check()
    await at.page.get_by_label("The options are a scale").check()
    await at.button("Create poll").click()
    await expect(at.page.get_by_role("heading", level=1)).to_have_text("Who wins?")
    poll = await stored(service, "made-forecast")
    assert (poll["forecast"], poll["ordered"]) == (True, True)
    for yes in (0.9, 0.7):
        forecast = {"yes": yes, "no": round(1 - yes, 1)}
        assert (await service.vote("made-forecast", forecast, await service.voter())).status_code == 200
    await service.act("made-forecast", "close")
    dialog = await at.start_action("Resolve")
    # 100 (1 + (ln 0.9 + ln 0.7) / 2 ln 2) = 66.7, and -113.5 for the other outcome
    effect = "The crowd of 2 gave it 80.0%; the average score would be 66.7 points."
    await expect(dialog.locator("label.radio").first).to_contain_text(effect)
    await dialog.get_by_role("radio", name="Yes").check()
    await at.confirm("Resolve")
    dialog = await at.start_action("Correct outcome")
    await dialog.get_by_role("radio", name="No").check()
    await at.confirm("Correct outcome")
    await expect(at.page.locator('.bars [data-option="no"]')).to_contain_text("Correct outcome")
    assert (await stored(service, "made-forecast"))["resolution"]["outcome"] == "no"
