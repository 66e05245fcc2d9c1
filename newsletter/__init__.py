"""Plain-language research summaries in; feeds, email digests and web pages out."""

__version__ = "0.1.0"
