"""What our authorities say of their certificates, in the background. Each may run twice, late, or on two machines."""

import logging
from collections.abc import Callable

from celery import shared_task

from audit.services import beat
from cas.models import Authority
from cas.services import ocsp, ocsp_signers, revocation_lists
from core import clock
from keys.errors import VaultClosed

log = logging.getLogger(__name__)


@shared_task(name="cas.tasks.renew_list")
def renew_list(authority_id: int) -> None:
    """After a revocation, and for a new authority. Nothing happens for authorities of others."""
    revocation_lists.renew_list(authority_id)


@shared_task(name="cas.tasks.sweep_lists")
def sweep_lists() -> None:
    """Find lists and signers that are due, and revocations that nobody was told of. One authority does not keep
    another waiting."""
    for authority_id in Authority.objects.operated().valid_at(clock.now()).values_list("pk", flat=True):
        _try(revocation_lists.renew_list, authority_id)
        _try(ocsp_signers.renew_signer, authority_id)
    revocation_lists.forget_retired_pages()
    ocsp_signers.destroy_keys_of_former_signers()
    ocsp.forget_old_answers()
    beat("sweep lists of revoked certificates")


def _try(act: Callable[[int], object], authority_id: int) -> None:
    try:
        act(authority_id)
    except VaultClosed as closed:
        log.warning("Authority %s says nothing new of what it revoked: %s", authority_id, closed.message)
    except Exception:
        log.exception("Authority %s could not say what it revoked", authority_id)
