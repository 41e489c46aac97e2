"""Who gets a mail."""

from accounts.models import Contact, User, Vendor


def for_vendor(vendor: Vendor) -> list[str]:
    """Return the addresses of the vendor's first contacts and active people, each once."""
    people = User.objects.filter(vendor=vendor, is_active=True).values_list("email", flat=True)
    contacts = Contact.objects.filter(vendor=vendor, rank=Contact.Rank.FIRST).values_list("email", flat=True)
    return sorted({address.lower() for address in (*people, *contacts)})


def operators() -> list[str]:
    """Return the addresses of all active operators."""
    return sorted(User.objects.active_operators().values_list("email", flat=True))
