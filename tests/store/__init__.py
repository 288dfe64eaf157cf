"""Tests of the store layer on a real server."""
