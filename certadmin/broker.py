"""A plain connection to the broker, to ask whether it is there."""

from urllib.parse import urlsplit

import redis
from django.conf import settings

SECONDS = 1


def connect() -> redis.Redis:
    url = settings.CELERY_BROKER_URL
    if urlsplit(url).scheme == "redis+socket":
        return redis.Redis(unix_socket_path=urlsplit(url).path, socket_connect_timeout=SECONDS, socket_timeout=SECONDS)
    return redis.Redis.from_url(url, socket_connect_timeout=SECONDS, socket_timeout=SECONDS)
