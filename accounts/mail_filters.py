"""What the log of mails can be narrowed to."""

import django_filters

from core.filtering import Select, TextInput
from outbox.models import Message
from outbox.topics import Topic

TEXT = {"class": "form-control", "autocomplete": "off"}


class MailFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter publishes no types
    to = django_filters.CharFilter(
        "recipient", "icontains", label="To", widget=TextInput({**TEXT, "placeholder": "To whom"})
    )
    state = django_filters.ChoiceFilter(
        label="State", choices=Message.State.choices, empty_label="Any state", widget=Select()
    )
    topic = django_filters.ChoiceFilter(
        label="About", choices=Topic.choices, empty_label="About anything", widget=Select()
    )

    class Meta:
        model = Message
        fields: list[str] = []
