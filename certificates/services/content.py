"""What a request asks for, as one hash: an approval is bound to it, and changed content voids the approval."""

import hashlib
import json

from certificates.models import Request


def content_sha256(request: Request) -> str:
    """Hash everything that decides what the certificate will say, and under whose name."""
    return hash_content(
        eui=request.gateway.eui,
        vendor=request.vendor_id,
        authority=request.authority.sha256,
        profile=[request.profile, request.profile_version],
        lifetime_days=request.lifetime_days,
        public_key=_sha256(request.public_key),
        csr=_sha256(request.csr) if request.csr is not None else None,
    )


def hash_content(**values: object) -> str:
    """The same of the values themselves, keys and CSRs by their hashes, for whoever has no row."""
    return _sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode())


def _sha256(content: bytes | memoryview) -> str:
    return hashlib.sha256(bytes(content)).hexdigest()
