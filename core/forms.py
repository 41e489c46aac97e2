"""How a form meets a service: its refusal stands beside the field."""

from collections.abc import Callable
from typing import TypeVar

from django import forms

from core.errors import Refused

T = TypeVar("T")


def attempt(form: forms.Form, act: Callable[[], T]) -> T | None:
    """Run `act`; where it refuses, put the reason on the form (beside the field it names) and return None."""
    try:
        return act()
    except Refused as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return None


class StyledForm(forms.Form):
    """A form whose widgets carry the classes of our stylesheet."""

    required_css_class = "required"

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        for field in self.fields.values():
            widget = field.widget
            if isinstance(widget, forms.CheckboxInput | forms.RadioSelect | forms.CheckboxSelectMultiple):
                continue
            style = "form-select" if isinstance(widget, forms.Select) else "form-control"
            widget.attrs["class"] = f"{widget.attrs.get('class', '')} {style}".strip()
