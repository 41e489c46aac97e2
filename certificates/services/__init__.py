"""One function per intention: ask, decide, issue, hand over, record, revoke."""

from certificates.services.custody import confirm_receipt, destroy_due_keys, private_key_pem, station_kit
from certificates.services.issuing import issue, issue_held
from certificates.services.ownership import decide_dispute
from certificates.services.policy import set_policy
from certificates.services.recording import record_leaf
from certificates.services.requests import approve_request, refuse_request, request_certificate, retry_request
from certificates.services.retiring import retire, take_back
from certificates.services.revocation import revoke, revoke_request

__all__ = [
    "approve_request",
    "confirm_receipt",
    "decide_dispute",
    "destroy_due_keys",
    "issue",
    "issue_held",
    "private_key_pem",
    "record_leaf",
    "refuse_request",
    "request_certificate",
    "retire",
    "retry_request",
    "revoke",
    "revoke_request",
    "set_policy",
    "station_kit",
    "take_back",
]
