"""Teach a small open language model a catalogue's own voice, and show what that changed."""

__version__ = "0.2.0"
