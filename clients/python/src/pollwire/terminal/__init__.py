"""Results drawn in a terminal."""
