"""`python django_ca_admin.py ROWS`: the 95th percentile, in milliseconds, of the first page of the list that
django-ca's admin shows of so many certificates, by its view with its template. Run by django-ca's own Python."""

import os
import sys
import time
from statistics import quantiles

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "django_ca_settings"
django.setup()

from cryptography import x509  # noqa: E402  Django is set up first
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.hazmat.primitives.hashes import SHA256  # noqa: E402
from cryptography.x509.oid import NameOID  # noqa: E402
from django.contrib import admin  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django_ca.models import Certificate, CertificateAuthority  # type: ignore[import-not-found]  # noqa: E402  it is in its own environment
from django_ca.profiles import profiles  # type: ignore[import-not-found]  # noqa: E402  as above

TIMES = 12


def fill(rows: int) -> None:
    """One certificate that is really issued, and copies of its row under other serial numbers and names."""
    call_command("migrate", verbosity=0)
    call_command("init_ca", "Peer", "CN=Peer", key_type="EC", path_length=None)
    ca, name = (
        CertificateAuthority.objects.get(),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "020C000000000000")]),
    )
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
    options = ca.key_backend.get_use_private_key_options(ca, {})
    Certificate.objects.create_cert(ca, options, csr, profiles["client"], subject=name)
    changed = {"serial": "'AA' || upper(lpad(to_hex(n), 18, '0'))", "cn": "'020C' || upper(lpad(to_hex(n), 12, '0'))"}
    names = [field.column for field in Certificate._meta.concrete_fields if not field.primary_key]
    values = ", ".join(changed.get(column, column) for column in names)
    with connection.cursor() as cursor:
        # the names are Django's own
        one = "(SELECT * FROM django_ca_certificate ORDER BY id DESC LIMIT 1) one"
        copied = f"SELECT {values} FROM {one}, generate_series(2, {rows}) n"
        cursor.execute(f"INSERT INTO django_ca_certificate ({', '.join(names)}) {copied}")
        cursor.execute("ANALYZE")


def show() -> float:
    request = RequestFactory().get("/admin/django_ca/certificate/")
    request.user = User.objects.get()  # type: ignore[assignment]  # django-ca's own person
    start = time.perf_counter()
    answer = admin.site._registry[Certificate].changelist_view(request).render()  # type: ignore[attr-defined]  # a response with a template
    took = (time.perf_counter() - start) * 1000
    if answer.status_code != 200 or b"020C" not in answer.content:
        raise RuntimeError("no list")
    return took


def main(rows: int) -> None:
    fill(rows)
    User.objects.create_superuser("peer")
    show()
    print(quantiles([show() for _ in range(TIMES)], n=20)[-1])


if __name__ == "__main__":
    main(int(sys.argv[1]))
