"""Fields of filters. Each list page has a dozen, with every vendor and authority in them: they are put together here,
which is a tenth of the work of a template for each."""

from collections.abc import Iterator
from typing import Any

import django_filters
from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class Select(forms.Select):
    """A choice without groups."""

    def __init__(self, choices: Any = ()) -> None:
        super().__init__({"class": "form-select"}, choices)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        select = self.get_context(name, value, attrs)["widget"]
        options = (option for _, group, _ in select["optgroups"] for option in group)
        found = ((option["value"], flatatt(option["attrs"]), option["label"]) for option in options)
        inner = format_html_join("", '<option value="{}"{}>{}</option>', found)
        return format_html('<select name="{}"{}>{}</select>', name, flatatt(select["attrs"]), inner)


class _Input(forms.widgets.Input):
    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        field = self.get_context(name, value, attrs)["widget"]
        typed = {} if field["value"] is None else {"value": field["value"]}
        return format_html('<input type="{}" name="{}"{}>', field["type"], name, flatatt({**typed, **field["attrs"]}))


class TextInput(_Input, forms.TextInput):
    pass


class NumberInput(_Input, forms.NumberInput):
    pass


class DateInput(_Input, forms.DateInput):
    pass


class _Listed(django_filters.fields.ModelChoiceIterator):  # type: ignore[misc]  # django-filter publishes no types
    def __iter__(self) -> Iterator[Any]:
        yield "", self.field.empty_label
        for each in self.queryset.all():
            yield self.choice(each)


class _ListedField(django_filters.fields.ModelChoiceField):  # type: ignore[misc]  # as above
    iterator = _Listed


class ModelChoiceFilter(django_filters.ModelChoiceFilter):  # type: ignore[misc]  # as above
    """A choice of some dozen rows, read by one query: Django's own field opens a cursor in the database for them."""

    field_class = _ListedField
