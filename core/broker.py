"""Asks the broker whether it is there, without the patience that its client library has by default."""

from functools import cache
from urllib.parse import urlsplit

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

SECONDS = 1


def answers() -> bool:
    """Tell within a second or two whether the broker answers. A broker in memory always does."""
    if not settings.CELERY_BROKER_URL.startswith(("redis", "rediss")):
        return True
    try:
        return bool(_client(settings.CELERY_BROKER_URL).ping())
    except (redis.RedisError, OSError):
        return False


@cache
def _client(url: str) -> redis.Redis:
    patience = {"socket_connect_timeout": SECONDS, "socket_timeout": SECONDS, "retry": Retry(NoBackoff(), 0)}
    if urlsplit(url).scheme == "redis+socket":
        return redis.Redis(unix_socket_path=urlsplit(url).path, **patience)  # type: ignore[arg-type]  # one dict
    return redis.Redis.from_url(url, **patience)
