"""Object stores: a directory or an S3 bucket, as a few operations on names such as `common/ab12.pem`."""

import contextlib
import io
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from core import outgoing

MAX_FILE_BYTES = outgoing.MAX_ANSWER_BYTES
_SEGMENT = re.compile(r"[^/\\\x00-\x1f\x7f]{1,200}")
_MISSING = ("NoSuchKey", "404", "NotFound")
_NO_PERMISSION = ("AccessDenied", "403", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch")
_OVERTAKEN = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")
ABSENT = "*"  # the condition that there is no such object


class StoreError(Exception):
    """The store did not do what it was asked; `message` says what, in one sentence. It may work later."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NoPermission(StoreError):
    """The store, or the file system, does not let us."""


class Overtaken(StoreError):
    """The condition of a write did not hold: somebody else wrote the object."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it was read."""

    content: bytes
    etag: str  # as the store gives it, quoted (RFC 9110 section 8.8.3); empty in a directory


class ObjectStore(Protocol):
    """What a store can do. Names are confined to the store; every operation may raise `StoreError`."""

    def read(self, name: str) -> Stored | None:
        """The object, or None where there is no such object."""

    def get(self, name: str) -> bytes | None:
        """Its content alone."""

    def put(self, name: str, content: bytes, *, only_if: str = "") -> None:
        """Write the whole object: a reader sees the old content or the new, never a part.

        `only_if` is the entity tag that the object must have, or `ABSENT`; raises `Overtaken` where it has not. Only
        for stores that honour conditions: see `core.conditions`.
        """

    def list(self, prefix: str) -> list[str]:
        """The names that start with `prefix`, sorted."""

    def delete(self, name: str) -> None:
        """Remove the object, if it is there."""


def check_name(name: str) -> str:
    """Return `name` where it stays inside a store, else raise `StoreError`."""
    segments = name.split("/")
    if len(name) > 400 or any(each in (".", "..") or not _SEGMENT.fullmatch(each) for each in segments):
        raise StoreError(f"“{name[:80]!r}” leads out of the store or is no usable name.")
    return name


@dataclass(frozen=True, slots=True)
class DirectoryStore:
    """A directory of a file system that renames atomically."""

    root: Path

    def read(self, name: str) -> Stored | None:
        content = self.get(name)
        return None if content is None else Stored(content, "")

    def get(self, name: str) -> bytes | None:
        path = self._path(name)
        try:
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            self._check_root()
            return None
        except OSError as error:
            raise _failed("read", name, error) from error
        if len(content) > MAX_FILE_BYTES:
            raise StoreError(f"{name} is larger than 16 MB.")
        return content

    def put(self, name: str, content: bytes, *, only_if: str = "") -> None:
        """Temporary file, fsync, rename, fsync of the folder: it survives a power cut, whole or not at all."""
        if only_if:
            raise StoreError("A directory knows no conditions.")
        path = self._path(name)
        self._check_root()
        beside = path.with_name(f".{path.name[:80]}.{secrets.token_hex(6)}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write(beside, content)
                beside.replace(path)
            finally:
                beside.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise _failed("write", name, error) from error

    def list(self, prefix: str) -> list[str]:
        self._check_root()
        try:
            names = [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()]
        except OSError as error:
            raise _failed("list", prefix, error) from error
        return sorted(name for name in names if name.startswith(prefix) and not name.endswith(".tmp"))

    def delete(self, name: str) -> None:
        path = self._path(name)
        self._check_root()
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _failed("delete", name, error) from error

    def _path(self, name: str) -> Path:
        """Where `name` lies, wherever links lead: never outside of the directory."""
        path = self.root / check_name(name)
        try:
            inside = path.parent.resolve().is_relative_to(self.root.resolve())
            inside = inside and path.resolve().is_relative_to(self.root.resolve())
        except (OSError, RuntimeError) as error:
            raise StoreError(f"{name} cannot be followed.") from error
        if not inside:
            raise StoreError(f"{name} is a link that leads out of the store.")
        return path

    def _check_root(self) -> None:
        """An unmounted disk is not an empty store."""
        if not self.root.is_dir():
            raise StoreError(f"The directory {self.root} is not there.")


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        os.fchmod(file.fileno(), 0o644)  # the network server runs as somebody else
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _failed(what: str, name: str, error: OSError) -> StoreError:
    kind = NoPermission if isinstance(error, PermissionError) else StoreError
    return kind(f"Cannot {what} {name}: {error.strerror or type(error).__name__}.")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where an S3 store is. Without an endpoint it is Amazon's."""

    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    path_style: bool = True


class S3Store:
    """An S3 bucket, or what stands below a prefix of it. One request per operation, never repeated."""

    def __init__(self, bucket: Bucket, *, access_key: str, secret_key: str, seconds: float = 15.0) -> None:
        self._bucket = bucket.name
        self._prefix = f"{bucket.prefix.strip('/')}/" if bucket.prefix.strip("/") else ""
        self._seconds = seconds
        self._s3: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=bucket.endpoint or None,
            region_name=bucket.region or "us-east-1",
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path" if bucket.path_style else "virtual"},
                retries={"total_max_attempts": 1},
                request_checksum_calculation="when_required",  # not every store knows the newer checksums
                response_checksum_validation="when_required",
            ),
        )
        self._s3.meta.events.register("before-send.s3", self._send)  # type: ignore[arg-type]  # its answer counts

    def read(self, name: str) -> Stored | None:
        with self._talking("read", name):
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=self._key(name))
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
            return Stored(bytes(answer["Body"].read()), str(answer.get("ETag", "")))

    def get(self, name: str) -> bytes | None:
        found = self.read(name)
        return None if found is None else found.content

    def put(self, name: str, content: bytes, *, only_if: str = "") -> None:
        condition = {"IfNoneMatch": ABSENT} if only_if == ABSENT else {"IfMatch": only_if} if only_if else {}
        with self._talking("write", name):
            self._s3.put_object(Bucket=self._bucket, Key=self._key(name), Body=content, **condition)

    def list(self, prefix: str) -> list[str]:
        found: list[str] = []
        with self._talking("list", prefix):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                found += [each["Key"].removeprefix(self._prefix) for each in page.get("Contents", ())]
        return sorted(found)

    def delete(self, name: str) -> None:
        with self._talking("delete", name):
            self._s3.delete_object(Bucket=self._bucket, Key=self._key(name))

    def _key(self, name: str) -> str:
        return self._prefix + check_name(name)

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Send what botocore signed through our own way out, in place of its own connections."""
        answer = outgoing.send(
            str(request.method),
            request.url,
            headers={key: _text(value) for key, value in request.headers.items() if key.lower() != "expect"},
            body=_bytes(request.body),
            seconds=self._seconds,
        )
        return AWSResponse(request.url, answer.status, answer.headers, _Raw(answer.body))  # type: ignore[arg-type]  # any mapping does

    @contextlib.contextmanager
    def _talking(self, what: str, name: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = _code(error)
            kind = NoPermission if code in _NO_PERMISSION else Overtaken if code in _OVERTAKEN else StoreError
            raise kind(f"Cannot {what} {name}: the store answers {code}.") from error
        except outgoing.NoAnswer as error:
            raise StoreError(f"Cannot {what} {name}: {error.message}") from error
        except (BotoCoreError, OSError) as error:
            raise StoreError(f"Cannot {what} {name} ({type(error).__name__}).") from error


class _Raw(io.BytesIO):
    """A body that has been read, in the form in which botocore takes one."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "an error"))


def _text(value: str | bytes) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value


def _bytes(body: Any) -> bytes:
    """The body that botocore prepared: nothing, octets, or a file over them."""
    return bytes(body.read() if hasattr(body, "read") else body or b"")
