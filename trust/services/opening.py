"""From a store's row to the store itself. Credentials come from the environment."""

from functools import lru_cache
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
    # a request ends long before the lease under which it was sent
    seconds = min(LONGEST_SECONDS, settings.LEASE_SECONDS / 3)
    return _s3(bucket, settings.S3_ACCESS_KEY_ID, settings.S3_SECRET_ACCESS_KEY, seconds)


@lru_cache(maxsize=32)  # making a client takes longer than a publication
def _s3(bucket: Bucket, access_key: str, secret_key: str, seconds: float) -> S3Store:
    return S3Store(bucket, access_key=access_key, secret_key=secret_key, seconds=seconds)
