"""A file of gateways on its way into the work store: piece by piece, never as a whole in memory or on a disk."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from core.errors import Refused
from gateways.models import WorkFile
from gateways.services.imports import Receiver
from gateways.services.imports.work_store import forget


class ReceivedFile(UploadedFile):  # type: ignore[type-arg]  # generic in its stubs only
    """What a form sees: the file that is kept, or why it is not."""

    def __init__(self, name: str, size: int, *, kept: WorkFile | None, refusal: Refused | None) -> None:
        super().__init__(None, name, "text/csv", size)
        self.kept = kept
        self.refusal = refusal


class WorkStoreHandler(FileUploadHandler):
    """Takes one file. A refused one is read to its end, so that the browser gets to see the answer."""

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._receiver: Receiver | None = None
        self._refusal: Refused | None = None
        self._kept: WorkFile | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self._receiver is not None:
            raise SkipFile
        self._attempt(self._begin)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._receiver is not None and self._refusal is None:
            receiver = self._receiver
            self._attempt(lambda: receiver.take(raw_data))

    def file_complete(self, file_size: int) -> ReceivedFile:
        if self._receiver is not None and self._refusal is None:
            self._attempt(self._finish)
        return ReceivedFile(self.file_name or "", file_size, kept=self._kept, refusal=self._refusal)

    def upload_interrupted(self) -> None:
        if self._receiver is not None and self._refusal is None:
            self._receiver.drop()

    def forget_unused(self) -> None:
        """Nothing came of it: the form had errors, or was not ours."""
        if self._kept is not None and not self._kept.is_in_use:
            forget(self._kept)

    def _begin(self) -> None:
        self._receiver = Receiver(self.file_name or "")

    def _finish(self) -> None:
        if self._receiver is not None:
            self._kept = self._receiver.finish()

    def _attempt(self, act: Any) -> None:
        try:
            act()
        except Refused as refusal:
            self._refusal = refusal
