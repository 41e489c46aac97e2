"""Whose mails are read at which address: an operator's, or those of people and contacts of some vendors."""

from collections import defaultdict
from collections.abc import Sequence

from django.db.models.functions import Lower

from accounts.models import Contact, User


class Audience:
    """Why each address is told: as an operator's, or a contact's of some vendors."""

    def __init__(self, emails: Sequence[str]) -> None:
        self.operators = {email.lower() for email in User.objects.active_operators().values_list("email", flat=True)}
        self.known: dict[str, dict[int, str]] = defaultdict(dict)
        people = User.objects.filter(is_active=True, vendor__isnull=False, email__in=emails)
        for rows in (people, Contact.objects.alias(low=Lower("email")).filter(low__in=emails)):
            for email, vendor_id, name in rows.values_list("email", "vendor", "vendor__name"):
                self.known[email.lower()][vendor_id] = name

    def vendors_of(self, email: str) -> set[int] | None:
        return None if email in self.operators else set(self.known[email])

    def may_read(self, email: str, vendor_id: int | None) -> bool:
        """Whether this address still has a part in what is a vendor's, or the deployment's own."""
        return email in self.operators or vendor_id in self.known[email]

    def reason(self, email: str) -> str:
        if email in self.operators:
            return "an operator"
        return f"a contact of {' and '.join(sorted(self.known[email].values()))}"
