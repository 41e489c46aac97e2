"""Choices of filters. Each list page has some, with every vendor and authority: they must cost little."""

from collections.abc import Iterator
from typing import Any

import django_filters
from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


class Select(forms.Select):
    """A choice without groups, put together here: that is a tenth of the work of a template for each option."""

    def __init__(self, choices: Any = ()) -> None:
        super().__init__({"class": "form-select"}, choices)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        select = self.get_context(name, value, attrs)["widget"]
        options = (option for _, group, _ in select["optgroups"] for option in group)
        found = ((option["value"], flatatt(option["attrs"]), option["label"]) for option in options)
        inner = format_html_join("", '<option value="{}"{}>{}</option>', found)
        return format_html('<select name="{}"{}>{}</select>', name, flatatt(select["attrs"]), inner)


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
