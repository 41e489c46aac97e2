"""The parts that every page is built of. Loaded as built-ins: no page needs `load`."""

import re
from datetime import datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.template.context import RequestContext
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from core import clock

register = template.Library()

DAY = timedelta(days=1)
UNITS = ((365 * DAY, "y"), (DAY, "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"))

NO_DAYS = mark_safe('<span class="c-3">none</span>')
BAD_DAYS = mark_safe(' class="c-bad c-strong"')
DAYS = (
    '<span class="c-days" title="{}"><svg aria-hidden="true"><rect class="c-fill-{}" width="{}%" height="4"/></svg>'
    "<span{}>{}</span></span>"
)


@cache
def _paths_of(name: str) -> str:
    file = Path(settings.BASE_DIR) / "static" / "vendor" / "icons" / f"{name}.svg"
    inner = re.search(r"<svg[^>]*>(.*)</svg>", file.read_text(), re.DOTALL)
    if inner is None:
        raise ValueError(f"{file} is no SVG")
    return re.sub(r"\s+", " ", inner.group(1)).strip()


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """A Tabler icon, inline, hidden from screen readers."""
    return format_html(
        '<svg class="c-icon {}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" '
        'stroke-linejoin="round" aria-hidden="true">{}</svg>',
        extra,
        mark_safe(_paths_of(name)),  # noqa: S308  a file of the front end, never of a person
    )


def span_in_words(span: timedelta) -> str:
    """Return a length of time as one scans it: `3 min`, `5 h`, `12 d`, `2 y`."""
    span = abs(span)
    for unit, word in UNITS:
        if span >= unit * (2 if word == "y" else 1):
            return f"{span // unit} {word}"
    return "now"


@register.filter
def utc(instant: datetime | None) -> str:
    """`26 May 2026, 14:00 UTC`."""
    return f"{instant.day} {instant:%b %Y, %H:%M} UTC" if instant else ""


@register.filter
def day(instant: datetime | None) -> str:
    """`26 May 2026`."""
    return f"{instant.day} {instant:%b %Y}" if instant else ""


@register.simple_tag
def ago(instant: datetime | None) -> SafeString | str:
    """How long ago, or until when, with the absolute instant on hover."""
    if instant is None:
        return "never"
    now = clock.now()
    words = span_in_words(now - instant)
    shown = words if words == "now" or instant <= now else f"in {words}"
    return format_html('<time datetime="{}" title="{}">{}</time>', instant.isoformat(), utc(instant), shown)


@register.simple_tag
def since(instant: datetime | None) -> SafeString | str:
    """`3 d ago`, `just now`: for sentences."""
    if instant is None:
        return "never"
    words = span_in_words(clock.now() - instant)
    shown = "just now" if words == "now" else f"{words} ago"
    return format_html('<time datetime="{}" title="{}">{}</time>', instant.isoformat(), utc(instant), shown)


@register.filter
def days_left(instant: datetime | None) -> int | None:
    """Whole days from now to `instant`; negative once it is over."""
    return None if instant is None else (instant - clock.now()) // DAY


@register.filter
def urgency(instant: datetime | None) -> str:
    """The state word of an end: `bad` when over or within 14 days, `warn` within 60, else `good`."""
    left = days_left(instant)
    if left is None:
        return "idle"
    return "bad" if left < 14 else "warn" if left < 60 else "good"


@register.filter
def at(counts: dict[int, int], key: int) -> int:
    """The number that stands under `key`, or 0."""
    return counts.get(key, 0)


@register.filter
def percent(share: float) -> str:
    """`1.4 %`; what rounds to nothing is shown as `<0.1 %`."""
    return "<0.1 %" if 0 < share < 0.0005 else f"{share * 100:.1f} %"


@register.filter
@lru_cache(typed=True)  # the same word may be of two enums
def dot(state: Any) -> SafeString:
    """How something stands, in a word with a dot before it: `state` is of an enum whose members have a `tone`."""
    return format_html('<span class="c-dot c-dot-{}">{}</span>', state.tone, state.label)


@register.filter
def clipped(words: object, length: int) -> str:
    """The beginning of `words`, `length` characters at most, with an ellipsis where something is left out."""
    text = str(words)
    return text if len(text) <= length else f"{text[: length - 1]}…"


@register.filter
def grouped(hexadecimal: str) -> str:
    """A fingerprint or serial in groups of four, upper case."""
    text = hexadecimal.upper()
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


@register.filter
def shortened(hexadecimal: str) -> str:
    """The two ends of a long fingerprint or serial: `9C41 7B0E … 11F8`."""
    text = hexadecimal.upper()
    return grouped(text) if len(text) <= 16 else f"{grouped(text[:8])} … {text[-4:]}"


@register.inclusion_tag("ui/_pill.html")
def pill(state: str, words: str, icon_name: str = "") -> dict[str, str]:
    """A state with its word, for heads: state is good, warn, bad, info or idle."""
    icons = {
        "good": "check",
        "warn": "alert-triangle",
        "bad": "circle-x",
        "info": "info-circle",
        "idle": "circle",
    }
    return {"state": state, "words": words, "icon": icon_name or icons[state]}


@register.inclusion_tag("ui/_copy.html")
def copy(value: str, what: str) -> dict[str, str]:
    """A button that copies `value`; `what` names it for screen readers."""
    return {"value": value, "what": what}


@register.inclusion_tag("ui/_field.html")
def field(bound: Any) -> dict[str, Any]:
    """A form field with its label, help and errors, tied together for screen readers."""
    return {"field": bound}


@register.simple_tag(takes_context=True)
def with_query(context: RequestContext, **changes: Any) -> str:
    """The page's query string with `changes`; None drops a key. Paging keys are dropped when a filter changes."""
    query = context["request"].GET.copy()
    for key, value in changes.items():
        query.pop(key, None)
        if value is not None:
            query[key] = str(value)
    return f"?{query.urlencode()}"


@register.simple_tag(takes_context=True)
def query_inputs(context: RequestContext, *dropped: str) -> SafeString:
    """The page's query as hidden fields of a form, without some of its names and without what is empty."""
    pairs = ((name, value) for name, values in context["request"].GET.lists() for value in values)
    kept = ((name, value) for name, value in pairs if value and name not in dropped)
    return format_html_join("", '<input type="hidden" name="{}" value="{}">', kept)


@register.inclusion_tag("ui/_chips.html", takes_context=True)
def chips(context: RequestContext, chosen: Any) -> dict[str, Any]:
    """What is in use of a filter but its search, each with the address that does without it."""
    query, found = context["request"].GET, []
    for field in chosen.form:
        if field.name != "q" and query.get(field.name):
            href = with_query(context, **{field.name: None}, after=None, before=None)
            found.append((field.label, _in_words(field, query[field.name]), field.errors, href))
    picked = 0 if query.get("everything") else len(query.getlist("pick"))
    if picked:
        href = with_query(context, pick=None, after=None, before=None)
        found.append(("Picked", f"{picked} by hand", [], href))
    return {"chips": found, "everything": context["request"].path}


def _in_words(field: Any, value: str) -> str:
    """A chosen value as the field shows it: the words of a choice, else what was typed."""
    choices = getattr(field.field, "choices", ())
    return next((str(words) for key, words in choices if str(key) == value), value)


@register.inclusion_tag("ui/_sort.html", takes_context=True)
def sort_head(context: RequestContext, name: str, label: str, classes: str = "") -> dict[str, str]:
    """The head of a sortable column; a second click turns the order round. The page is `page` in the context."""
    now = context["page"].sort
    direction = {name: "ascending", f"-{name}": "descending"}.get(now, "")
    href = with_query(context, sort=f"-{name}" if now == name else name, after=None, before=None)
    return {"label": label, "classes": classes, "href": href, "direction": direction}


@register.simple_tag
def days_cell(instant: datetime | None) -> SafeString:
    """Days left as a number and a bar that is full from 60 days on; over is red. Lists have one in each row: it is put
    together here, in a tenth of the time that a template takes."""
    days = days_left(instant)
    if instant is None or days is None:
        return NO_DAYS
    fill = {"good": "idle"}.get(urgency(instant), urgency(instant))
    share, strong = max(0, min(100, days * 100 // 60)), BAD_DAYS if fill == "bad" else ""
    return format_html(DAYS, utc(instant), fill, share, strong, days)
