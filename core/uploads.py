"""Uploads stay in memory and are small: nothing that a person hands in ever touches a disk."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import MemoryFileUploadHandler, StopUpload

MAX_FILE_BYTES = 1024 * 1024
MAX_BATCH_BYTES = 15 * 1024 * 1024  # a file of many CSRs
MAX_REQUEST_BYTES = 16 * 1024 * 1024
MAX_LARGE_BYTES = 101 * 1024 * 1024  # where a file is taken piece by piece, and never in memory as a whole


def limit_of(path: str) -> int:
    """How large a request to this address may be."""
    return MAX_LARGE_BYTES if path in settings.LARGE_UPLOADS else MAX_REQUEST_BYTES


class BoundedMemoryHandler(MemoryFileUploadHandler):
    """Keeps files in memory, and stops reading a request that is too large before it is in memory."""

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.activated = True  # never the disk, whatever the length: the body was bounded before

    def receive_data_chunk(self, raw_data: bytes, start: int) -> Any:
        if start + len(raw_data) > MAX_REQUEST_BYTES:
            raise StopUpload(connection_reset=True)
        return super().receive_data_chunk(raw_data, start)
