"""Which language a page is sent in, and that every language says everything."""

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
def test_the_reader_is_spoken_to_in_the_language_asked_for(accept_language: str, tag: str) -> None:
    """The first of ours by weight wins, its region with it; nonsense and others' languages are English."""
    assert preferred(accept_language) == tag


@pytest.mark.parametrize("tag", LANGUAGES)
def test_no_language_is_silent_where_english_speaks(tag: str) -> None:
    """Each language has the same texts, none of them empty."""
    english, *others = Languages().each()
    spoken = next(language for language in (english, *others) if language.tag == tag)
    assert spoken.texts.keys() == english.texts.keys()
    assert all(spoken.texts.values())


def test_arabic_runs_from_right_to_left() -> None:
    """The direction belongs to the language, and the others run the other way."""
    assert {language.tag: language.direction for language in Languages().each()} == {
        "en": "ltr",
        "fr": "ltr",
        "es": "ltr",
        "ar": "rtl",
    }
