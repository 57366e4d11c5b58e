"""Layers that turn texts, categories and raw numbers into what networks take."""
