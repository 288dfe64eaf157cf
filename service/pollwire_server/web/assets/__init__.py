"""Static files of the pages."""
