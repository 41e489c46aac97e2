"""Chains as they are drawn: from the root down, on one time axis."""

from collections.abc import Iterable
from datetime import datetime

from django.urls import reverse

from accounts.models import User
from cas.models import Authority, TestLeaf
from core import clock
from core.axis import Span, TimeAxis, draw
from core.templatetags.ui import day, urgency

MOST_BELOW = 8
MOST_LEAVES = 4


def draw_chain(authority: Authority, *, user: User) -> TimeAxis:
    """The authority, those above it, and what is known below it."""
    chain = authority.chain()[::-1]
    visible = set(Authority.objects.visible_to(user).filter(pk__in=[each.pk for each in chain]).values_list("pk"))
    spans = [
        _authority_span(each, depth, url=_url(each) if (each.pk,) in visible and each != authority else "")
        for depth, each in enumerate(chain)
    ]
    below = Authority.objects.visible_to(user).filter(parent=authority).order_by("not_after")[:MOST_BELOW]
    spans += [_authority_span(each, len(chain), url=_url(each)) for each in below]
    leaves = authority.test_leaves.filter(is_signed_by_it=True).order_by("-not_after")[:MOST_LEAVES]
    spans += _leaf_spans(leaves, len(chain), authority.not_after)
    return draw(spans, now=clock.now())


def authority_style(*, is_root: bool, end: datetime) -> str:
    """Red says that something breaks: an authority that ended takes its gateways with it."""
    return "root" if is_root and end > clock.now() else urgency(end)


def end_in_words(end: datetime) -> str:
    return f"{'ends' if end > clock.now() else 'ended'} {day(end)}"


def leaf_label(end: datetime, issuer_end: datetime) -> str:
    return "void after its CA ends" if end > issuer_end else end_in_words(end)


def _authority_span(authority: Authority, depth: int, *, url: str) -> Span:
    shows_end = not authority.is_root or authority.not_after <= clock.now()
    return Span(
        authority.name,
        f"{authority.kind}, {authority.key_type}{'' if url else ', this authority'}",
        authority.not_before,
        authority.not_after,
        depth=depth,
        style=authority_style(is_root=authority.is_root, end=authority.not_after),
        label=end_in_words(authority.not_after) if shows_end else "",
        url=url,
    )


def _leaf_spans(leaves: Iterable[TestLeaf], depth: int, issuer_end: datetime) -> list[Span]:
    return [
        Span(
            leaf.name,
            "Gateway, the test leaf",
            leaf.not_before,
            leaf.not_after,
            depth=depth,
            style="warn" if leaf.not_after > issuer_end else "",
            label=leaf_label(leaf.not_after, issuer_end),
            is_eui=True,
            void_from=issuer_end,
        )
        for leaf in leaves
    ]


def _url(authority: Authority) -> str:
    return reverse("cas:detail", args=[authority.pk])
