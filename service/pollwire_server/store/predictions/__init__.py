"""Predictions: resolutions, scores and series."""
