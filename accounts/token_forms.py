"""What a person chooses of a token."""

from typing import Any

from django import forms

from accounts.models import User, Vendor
from accounts.services.api_tokens import MOST_DAYS, scopes_of
from core.forms import StyledForm
from core.scopes import WORDS, Scope

USUAL_DAYS = 90


class TokenForm(StyledForm):
    name = forms.CharField(max_length=80, help_text="What will use it: “import from the ERP”.")
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one: a token for nothing opens nothing."},
    )
    vendor = forms.ModelChoiceField(
        Vendor.objects.all(),
        label="Only for",
        required=False,
        empty_label="All vendors",
        help_text="It then sees and does what this vendor's people do.",
    )
    days = forms.IntegerField(
        label="Days",
        min_value=1,
        max_value=MOST_DAYS,
        initial=USUAL_DAYS,
        help_text=f"Until it ends; {MOST_DAYS} at most.",
    )
    password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="A token opens what you see: nobody shall make one at your unlocked screen.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(scope.value, WORDS[scope]) for scope in scopes_of(user)]
        self.fields["scopes"].choices = choices  # type: ignore[attr-defined]  # a choice
        self.fields["scopes"].initial = [Scope.READ.value]
        if not user.is_operator:
            self.fields.pop("vendor")
