"""Acts to seal."""

from accounts.models import Vendor
from audit.models import Record
from audit.services import SYSTEM, record


def some_acts(vendor: Vendor, count: int = 3) -> list[Record]:
    return [record(SYSTEM, "vendor.changed", subject=vendor, vendor_id=vendor.pk, number=n) for n in range(count)]
