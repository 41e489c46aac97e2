"""Vendors and their contacts."""

from django.db import IntegrityError, transaction

from accounts.models import Contact, User, Vendor
from audit.services import record
from core.errors import Refused

MOST_CONTACTS = 20  # of one vendor: each gets its mails


def create_vendor(actor: User, *, name: str, notes: str = "", reply_to: str = "") -> Vendor:
    try:
        with transaction.atomic():
            vendor = Vendor.objects.create(name=name.strip(), notes=notes.strip(), reply_to=reply_to)
            record(actor, "vendor.created", subject=vendor, vendor_id=vendor.pk)
            return vendor
    except IntegrityError:
        raise Refused("name-taken", "There is a vendor of this name already.", field="name") from None


def change_vendor(actor: User, vendor: Vendor, *, name: str, notes: str, reply_to: str = "") -> Vendor:
    vendor.name, vendor.notes, vendor.reply_to = name.strip(), notes.strip(), reply_to
    try:
        with transaction.atomic():
            vendor.save()
            record(actor, "vendor.changed", subject=vendor, vendor_id=vendor.pk)
            return vendor
    except IntegrityError:
        raise Refused("name-taken", "There is a vendor of this name already.", field="name") from None


def add_contact(actor: User, vendor: Vendor, *, name: str, email: str, rank: int = Contact.Rank.FIRST) -> Contact:
    """Add an address that gets the vendor's mails without an account: all of them, or, as a second contact, those that
    nobody has answered."""
    if vendor.contacts.count() >= MOST_CONTACTS:
        message = f"A vendor has {MOST_CONTACTS} contacts at most. Remove one first, or use a mailing list."
        raise Refused("too-many-contacts", message, field="email")
    with transaction.atomic():
        contact, is_new = Contact.objects.get_or_create(
            vendor=vendor, email=email.strip().lower(), defaults={"name": name.strip(), "rank": rank}
        )
        if is_new:
            details = {"email": contact.email, "vendor": vendor.name}
            record(actor, "contact.added", subject=contact, vendor_id=vendor.pk, **details)
    return contact


def remove_contact(actor: User, contact: Contact) -> None:
    with transaction.atomic():
        details = {"email": contact.email, "vendor": contact.vendor.name}
        record(actor, "contact.removed", subject=contact, vendor_id=contact.vendor_id, **details)
        contact.delete()
