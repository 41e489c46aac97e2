"""What people type about alerts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from django import forms

from accounts.models import User
from alerts.models import Alert, AlertQuerySet
from alerts.services import answers
from core import clock
from core.forms import StyledForm

State = Alert.State


class DayField(forms.DateField):
    """A day; cleaned, the instant at which it begins in UTC."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **kwargs)

    def clean(self, value: Any) -> Any:
        day = super().clean(value)
        return datetime.combine(day, time(), UTC) if isinstance(day, date) else None


class AcknowledgeForm(StyledForm):
    note = forms.CharField(
        max_length=500, required=False, help_text="Who sees to it, and when. A nearer threshold asks again."
    )


class SnoozeForm(StyledForm):
    until = DayField(label="Until", help_text="No mails before that day (UTC). Then it is open again.")
    note = forms.CharField(max_length=500, required=False)


class MuteForm(StyledForm):
    until = DayField(label="Until", help_text="No mails about it before that day (UTC), whatever it crosses.")
    reason = forms.CharField(max_length=500, help_text="Why nobody need be told. Kept in the audit record.")


class NoForm(StyledForm):
    """Nothing to type."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing that people answer: how it is called, who may, to which alerts, and what does it."""

    verb: str
    done: str
    permission: str
    form: type[StyledForm]
    act: Callable[..., int]
    chosen: Callable[[AlertQuerySet], AlertQuerySet]
    effect: str

    def give(self, actor: User, alerts: AlertQuerySet, data: dict[str, Any]) -> int:
        return self.act(actor, alerts, **data)

    def possible(self, alerts: AlertQuerySet) -> AlertQuerySet:
        """Those of `alerts` that it changes."""
        return self.chosen(alerts)


ANSWERS = {
    "acknowledge": Answer(
        "Acknowledge",
        "acknowledged",
        "answer_alerts",
        AcknowledgeForm,
        answers.acknowledge,
        lambda alerts: alerts.filter(state__in=[State.OPEN, State.SNOOZED]),
        "Somebody sees to them: nobody else is disturbed. The next threshold opens them again.",
    ),
    "snooze": Answer(
        "Snooze",
        "snoozed",
        "answer_alerts",
        SnoozeForm,
        answers.snooze,
        lambda alerts: alerts.live(),
        "Nothing is mailed of them before that day, whatever they cross. Then they are open again.",
    ),
    "reopen": Answer(
        "Reopen",
        "open again",
        "answer_alerts",
        NoForm,
        answers.reopen,
        lambda alerts: alerts.filter(state__in=[State.ACKNOWLEDGED, State.SNOOZED]),
        "The answer is taken back. The next threshold is told as usual.",
    ),
    "mute": Answer(
        "Mute",
        "muted",
        "mute_alerts",
        MuteForm,
        answers.mute,
        lambda alerts: alerts.live(),
        "No mails about them to anybody, until that day. They stay in the lists.",
    ),
    "unmute": Answer(
        "Unmute",
        "heard again",
        "mute_alerts",
        NoForm,
        answers.unmute,
        lambda alerts: alerts.muted_at(clock.now()),
        "What they cross from now on is mailed again.",
    ),
}
