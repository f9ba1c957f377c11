"""Stubs of the lightgrid protocol."""
