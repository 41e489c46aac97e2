"""What is watched: each kind of thing that ends, or falls silent."""

from django.db.models import TextChoices


class Kind(TextChoices):
    AUTHORITY = "authority", "Authority"
    CERTIFICATE = "certificate", "Certificate"
    SERVER = "server", "Server"
    LIST = "list", "Revocation list"
    SIGNER = "signer", "OCSP signer"
    TOKEN = "token", "API token"
    PROBE = "probe", "Probe"
    JOB = "job", "Scheduled job"


# the product renews or runs these by itself: that one of them comes near its end is a failure, and said at once
FAILURES = (Kind.LIST, Kind.SIGNER, Kind.JOB)
