"""Who gets a mail."""

from collections import defaultdict
from collections.abc import Collection

from accounts.models import Contact, User, Vendor


def for_vendor(vendor: Vendor) -> list[str]:
    """Return the addresses of the vendor's first contacts and active people, each once."""
    people = User.objects.filter(vendor=vendor, is_active=True).values_list("email", flat=True)
    contacts = Contact.objects.filter(vendor=vendor, rank=Contact.Rank.FIRST).values_list("email", flat=True)
    return sorted({address.lower() for address in (*people, *contacts)})


def operators() -> list[str]:
    """Return the addresses of all active operators."""
    return sorted(User.objects.active_operators().values_list("email", flat=True))


def replies_to(addresses: Collection[str]) -> dict[str, str]:
    """Return where those of `addresses` that stand for one vendor answer to, as far as operators said so."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for kind in (User.objects.filter(is_active=True), Contact.objects.all()):
        theirs = kind.filter(email__in=addresses, vendor__isnull=False)
        for email, reply_to in theirs.values_list("email", "vendor__reply_to"):
            found[email.lower()].add(reply_to)
    return {email: each.pop() for email, each in found.items() if len(each) == 1}
