"""Django's own checks: the deployment checks against production settings, and that no migration is missing."""

import os
import subprocess
import sys
import tempfile

PRODUCTION = {
    "CERTADMIN_PRODUCTION": "1",
    "CERTADMIN_SECRET_KEY": "a stand-in for the check, long enough and with enough different characters 0123456789",
    "CERTADMIN_PUBLIC_URL": "https://certadmin.example",
    "CERTADMIN_SMTP_URL": "smtp://mail.example:25",
}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "CERTADMIN_DATA": folder}
        steps = [
            (["check", "--deploy", "--fail-level", "WARNING"], {**environment, **PRODUCTION}),
            (["makemigrations", "--check", "--dry-run"], environment),
        ]
        codes = [subprocess.call([sys.executable, "manage.py", *step], env=env) for step, env in steps]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
