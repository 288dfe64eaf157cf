"""Views of results for a terminal."""
