"""What the deployment says of itself."""

import hashlib
from typing import Any

from django.db import transaction

from accounts.models import Deployment, User
from audit.services import record

COLUMNS = {
    "name": "name",
    "cups_uri": "CUPS address",
    "cups_trust": "trust certificate",
    "default_lifetime_days": "lifetime",
}


def change_deployment(actor: User, deployment: Deployment) -> list[str]:
    """Save what differs from the saved one, record each difference, and return their names."""
    before = Deployment.objects.filter(pk=deployment.pk).first() or Deployment()
    changed = [name for name in COLUMNS if getattr(before, name) != getattr(deployment, name)]
    if not changed:
        return []
    words = [COLUMNS[name] for name in changed]
    differences = {name: [_shown(getattr(row, name)) for row in (before, deployment)] for name in changed}
    with transaction.atomic():
        deployment.save()
        record(actor, "deployment.changed", subject=deployment, what=", ".join(words), changes=differences)
    return words


def _shown(value: Any) -> Any:
    """Long texts as their hash: enough to tell which certificate it was."""
    text = str(value)
    return value if len(text) <= 200 else f"sha256 {hashlib.sha256(text.encode()).hexdigest()}"
