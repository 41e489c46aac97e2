"""Whether every use of an authority's key is on record: the vault counts by itself."""

from dataclasses import dataclass

from django.db.models import Sum

from cas.models import Authority, OcspSigner, RevocationList, Signing


@dataclass(frozen=True, slots=True)
class Balance:
    """What the authority's key signed, what its OCSP signers did, and how often the vault says that they were used."""

    certificates: int
    lists: int
    key_uses: int
    responses: int
    signer_uses: int

    @property
    def unexplained(self) -> int:
        """Uses beyond what is on record: a signature that was interrupted and made again counts twice."""
        return self.key_uses + self.signer_uses - self.certificates - self.lists - self.responses


def balance_of(authority: Authority) -> Balance:
    """Of an operated authority."""
    signers = OcspSigner.objects.filter(authority=authority)
    summed = signers.aggregate(responses=Sum("responses", default=0), uses=Sum("key__signatures", default=0))
    return Balance(
        certificates=Signing.objects.filter(key=authority.key_id, state=Signing.State.SIGNED).count(),
        lists=RevocationList.objects.signed().filter(key=authority.key_id).count(),
        key_uses=authority.key.signatures if authority.key else 0,
        responses=summed["responses"],
        signer_uses=summed["uses"],
    )
