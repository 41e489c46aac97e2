"""Settings of the test run: the product's own, with fast passwords and nothing outside a temporary folder."""

import os
import tempfile

DATA = tempfile.mkdtemp(prefix="certadmin-test-")
os.environ["CERTADMIN_DATA"] = DATA
os.environ.setdefault("CERTADMIN_SECRET_KEY", "not a secret: tests only")
os.environ.setdefault("CERTADMIN_KEK", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")

from certadmin.settings import *  # noqa: E402, F403  the environment is set first

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MIDDLEWARE = [name for name in MIDDLEWARE if "whitenoise" not in name]  # noqa: F405
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
CELERY_BROKER_URL = "memory://"

if "sqlite3" in DATABASES["default"]["ENGINE"]:  # noqa: F405
    # a file, as in the product: in memory, SQLite refuses a second connection instead of letting it wait
    DATABASES["default"]["TEST"] = {"NAME": f"{DATA}/test.sqlite3"}  # noqa: F405
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF"  # noqa: F405
