"""What mails are about, for people who want fewer of them. A mail without a topic is needed and always sent."""

from django.db.models import TextChoices


class Topic(TextChoices):
    REMINDERS = "reminders", "Reminders of what ends"
    RESULTS = "results", "What became of requests, uploads and revocations"
    TROUBLES = "troubles", "Troubles of stores and probes"


_TEMPLATES = {
    Topic.REMINDERS: ("due_notices",),
    Topic.RESULTS: (
        "authority_approved", "authority_refused", "authority_submitted", "batch_done", "batch_refused",
        "certificate_revoked", "certificates_revoked", "claims_decided", "draft_review", "gateways_moved",
        "request_failed", "request_issued", "request_refused",
    ),
    Topic.TROUBLES: (
        "probe_contradicts", "store_beside", "store_changed", "store_failing", "store_foreign", "store_newer",
    ),
}  # fmt: skip
_TOPICS = {template: topic for topic, templates in _TEMPLATES.items() for template in templates}


def topic_of(template: str) -> str:
    """Return the topic of the mails that `template` makes, or nothing: invitations and passwords must arrive."""
    return _TOPICS.get(template, "")
