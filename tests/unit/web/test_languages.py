"""Choice of a page's language, and completeness of all languages."""

from __future__ import annotations

import pytest
from pollwire_server.web.languages import LANGUAGES, Languages, preferred


@pytest.mark.parametrize(
    ("accept_language", "tag"),
    [
        ("", "en"),
        ("en-GB,en;q=0.9", "en-GB"),
        ("de,es;q=0.4", "es"),
        ("fr;q=0.5, ar;q=0.8", "ar"),
        ("fr;q=0, en;q=0.1", "en"),
        ("de", "en"),
        ("*", "en"),
        ("fr;q=abc, ;;, es-419;q=0.2", "es-419"),
        ("x" * 10_000 + ",fr", "en"),
    ],
)
def test_language_is_selected_by_accept_language(accept_language: str, tag: str) -> None:
    """Return the supported language with the highest weight, or English."""
    assert preferred(accept_language) == tag


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_language_has_all_texts_of_english(tag: str) -> None:
    """No text is empty."""
    english, *others = Languages().each()
    spoken = next(language for language in (english, *others) if language.tag == tag)
    assert spoken.texts.keys() == english.texts.keys()
    assert all(spoken.texts.values())


def test_arabic_is_right_to_left() -> None:
    """All other languages are left to right."""
    assert {language.tag: language.direction for language in Languages().each()} == {
        "en": "ltr",
        "fr": "ltr",
        "es": "ltr",
        "ar": "rtl",
    }
