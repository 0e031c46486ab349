"""The tiny training of these tests."""

from tests.tiny_training import inputs, settings

__all__ = ["inputs", "settings"]
