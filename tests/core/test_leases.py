import pytest

from certificates.models import Request


@pytest.mark.django_db
def test_a_claim_that_would_ask_two_tables_is_refused() -> None:
    """G4: PostgreSQL looks again at the row that it waited for, not at a subquery of an UPDATE over joined tables."""
    with pytest.raises(TypeError, match="one table"):
        Request.objects.filter(gateway__eui="58A0CBFFFE000001").claim(1, seconds=60)
