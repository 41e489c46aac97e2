"""Every hostile request, published and invented: what it is called, its bytes, and what becomes of it."""

from functools import cache

from tests.pki import (
    hostile_csr_extensions,
    hostile_csr_files,
    hostile_csr_keys,
    hostile_csr_names,
    hostile_csr_signatures,
)
from tests.pki.csr_forge import Case

KINDS = (
    hostile_csr_names, hostile_csr_keys, hostile_csr_signatures, hostile_csr_extensions, hostile_csr_files,
)  # fmt: skip


@cache
def cases() -> tuple[Case, ...]:
    """Made once: there are slow keys among them."""
    return tuple(case for kind in KINDS for case in kind.cases())


def accepted() -> tuple[Case, ...]:
    return tuple(case for case in cases() if not case.codes)


def refused() -> tuple[Case, ...]:
    return tuple(case for case in cases() if case.codes)
