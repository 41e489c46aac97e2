"""A step of a worker fails once, with an exception: nobody dies, and the error is written down. A file `fail-<step>` in
the folder CERTADMIN_FAULTS is taken along by whoever comes by first."""

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

FAIL = {  # the step, and the function that raises in place of its work
    "single-plan": ("certificates.services.issuing", "_plan"),
    "single-lint": ("certificates.services.issuing", "prepare"),
    "unlock": ("keys.services", "_unsealed"),
    "sign": ("pki.private_keys", "sign_each"),
    "single-complete": ("cas.services.signing", "complete"),
    "single-insert": ("certificates.services.issuing", "_tell"),
    "batch-check": ("certificates.services.batch_checking", "_write"),
    "batch-make-key": ("pki.private_keys", "public_key_der"),
    "batch-seal": ("pki.sealing", "seal"),
    "batch-reserve": ("cas.bulk", "reserve_many"),
    "batch-complete": ("cas.bulk", "complete"),
    "batch-insert": ("certificates.bulk", "insert_certificates"),
}


def install(folder: Path) -> None:
    for step, (module, name) in FAIL.items():
        _wrap(import_module(module), name, folder / f"fail-{step}")


def _wrap(module: Any, name: str, mark: Path) -> None:
    inner: Callable[..., Any] = getattr(module, name)

    @wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        try:
            mark.unlink()
        except FileNotFoundError:
            return inner(*args, **kwargs)
        raise RuntimeError(f"forced at {mark.name}")

    setattr(module, name, outer)
