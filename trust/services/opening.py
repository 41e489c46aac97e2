"""From a store's row to the store itself. Credentials come from the environment."""

from pathlib import Path

from django.conf import settings

from core.store import Bucket, DirectoryStore, ObjectStore, S3Store
from trust.models import Store

LONGEST_SECONDS = 15.0


def open_store(store: Store) -> ObjectStore:
    if store.kind == Store.Kind.DIRECTORY:
        return DirectoryStore(Path(store.directory))
    bucket = Bucket(
        store.bucket,
        prefix=store.prefix,
        endpoint=store.endpoint,
        region=store.region,
        path_style=store.path_style,
    )
    return S3Store(
        bucket,
        access_key=settings.S3_ACCESS_KEY_ID,
        secret_key=settings.S3_SECRET_ACCESS_KEY,
        # a request ends long before the lease under which it was sent
        seconds=min(LONGEST_SECONDS, settings.LEASE_SECONDS / 3),
    )
