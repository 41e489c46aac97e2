"""A check of our own, beside those of schemathesis."""

from typing import Any

import schemathesis
from schemathesis import GenerationMode

FORM = {"invalid", "parameter-unknown", "parameter-refused", "place-refused", "sort-unknown", "not-json"}


@schemathesis.check
def what_the_document_allows_has_the_right_form(ctx: Any, response: Any, case: Any) -> None:
    """A refusal of what the document allows is about what it means, never about its form."""
    meta = case.meta
    if meta is None or meta.generation.mode != GenerationMode.POSITIVE or response.status_code not in (400, 422):
        return
    code = response.json()["code"]
    if code in FORM:
        raise AssertionError(f"{code}: {response.json()['detail']}")
