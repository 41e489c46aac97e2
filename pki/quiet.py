"""Keeps the library's warnings about odd certificates from being said twice: they become findings, in our words."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly() -> Iterator[None]:
    """Serials, names and encodings that some reader dislikes warn nobody inside. Also a decorator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
