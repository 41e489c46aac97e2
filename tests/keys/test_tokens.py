"""Keys in a PKCS#11 token: made there, never out of it, and used by the vault's same calls."""

import base64
import hashlib
import logging
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from pkcs11 import Attribute, ObjectClass, TokenFlag
from pytest_django import Settings

from core.errors import Refused
from keys import cryptoki, services, tokens
from keys.errors import TokenAway, VaultClosed
from keys.models import Key
from pki.errors import PkiError
from pki.signatures import is_signed_by, is_signed_by_digest, read_public_key
from tests.servers import ROOT, SoftToken

pytestmark = pytest.mark.django_db(transaction=True)
KEY_TYPES = ["P-256", "P-384", "RSA 2048", "RSA 3072", "RSA 4096"]
FOUND = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}


@pytest.fixture
def key(token: SoftToken) -> Key:
    return made()


def made(key_type: str = "P-256") -> Key:
    return services.create_key(key_type, purpose="authority", provider="pkcs11")


def signs(key: Key, message: bytes = b"to be signed") -> bool:
    signature = services.sign(key.pk, message)
    return is_signed_by(read_public_key(services.public_key(key.pk)), signature=signature, message=message)


def in_token(token: SoftToken, attributes: dict[Attribute, Any]) -> list[Any]:
    """What a program of its own would find there."""
    access = cryptoki.Access(token.module, token.label, token.pin)
    return cryptoki._line.use(access, lambda session: list(session.get_objects(attributes)))


@pytest.mark.parametrize("key_type", KEY_TYPES)
def test_each_kind_of_key_signs_as_a_sealed_one_does(key_type: str, token: SoftToken) -> None:
    key = made(key_type)
    public_key = read_public_key(bytes(key.public_key))
    assert isinstance(public_key, rsa.RSAPublicKey if "RSA" in key_type else ec.EllipticCurvePublicKey)
    assert (key.key_type, key.provider, key.token) == (key_type, "pkcs11", "fjordnet")
    messages = [b"one", b"two" * 1000, b""]
    for message, signature in zip(messages, services.sign_many(key.pk, messages), strict=True):
        assert is_signed_by(public_key, signature=signature, message=message)
    digest = hashlib.new("sha384" if key_type == "P-384" else "sha256", b"a list").digest()
    signature = services.sign_digest(key.pk, digest)
    assert is_signed_by_digest(public_key, signature=signature, digest=digest)
    key.refresh_from_db()
    assert key.signatures == 4


def test_the_row_holds_no_private_key(key: Key) -> None:
    key.refresh_from_db()
    assert [key.wrapped_key, key.wrap_nonce, key.nonce, key.ciphertext, key.kek_id] == [None, None, None, None, ""]
    assert hashlib.sha256(bytes(key.public_key)).hexdigest() == key.spki_sha256
    assert services.find_key(key.spki_sha256) == key


def test_it_is_known_in_the_token_by_the_id_of_its_row(key: Key, token: SoftToken) -> None:
    found = in_token(token, FOUND | {Attribute.ID: key.pk.bytes})
    assert [each[Attribute.LABEL] for each in found] == [str(key.pk)]


@pytest.mark.parametrize(("key_type", "secret"), [("P-256", Attribute.VALUE), ("RSA 2048", Attribute.PRIVATE_EXPONENT)])
def test_it_never_leaves_the_token(key_type: str, secret: Attribute, token: SoftToken) -> None:
    """G6. Fails without SENSITIVE and EXTRACTABLE in `keys.cryptoki._wanted`."""
    key = made(key_type)
    (private,) = in_token(token, FOUND | {Attribute.ID: key.pk.bytes})
    with pytest.raises((pkcs11.AttributeSensitive, pkcs11.AttributeTypeInvalid)):
        private[secret]
    assert (private[Attribute.EXTRACTABLE], private[Attribute.NEVER_EXTRACTABLE]) == (False, True)
    assert (private[Attribute.SENSITIVE], private[Attribute.ALWAYS_SENSITIVE]) == (True, True)
    for name, value in ((Attribute.EXTRACTABLE, True), (Attribute.SENSITIVE, False)):
        with pytest.raises(pkcs11.PKCS11Error):
            private[name] = value


def test_the_vault_gives_it_to_nobody(key: Key) -> None:
    with pytest.raises(Refused, match="never leaves it"):
        services.open_private_key(key.pk)


def test_a_key_that_can_be_read_out_is_not_used(token: SoftToken, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(key_id: uuid.UUID) -> dict[str, Any]:
        return {**wanted(key_id), "private_template": {Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False}}

    wanted = cryptoki._wanted
    before = len(in_token(token, {}))
    monkeypatch.setattr(cryptoki, "_wanted", careless)
    with pytest.raises(Refused) as refused:
        made()
    assert refused.value.code == "token-unsafe"
    assert (len(in_token(token, {})), Key.objects.count()) == (before, 0)


def test_a_row_that_is_not_written_leaves_nothing_in_the_token(
    token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(in_token(token, {}))
    monkeypatch.setattr(Key, "save", _fail)
    with pytest.raises(DatabaseError):
        made()
    assert len(in_token(token, {})) == before


def _fail(*_: object, **__: object) -> None:
    raise DatabaseError


def test_a_destroyed_key_is_gone_from_the_token(key: Key, token: SoftToken) -> None:
    assert [services.destroy_key(key.pk), services.destroy_key(key.pk)] == [True, False]
    assert in_token(token, {Attribute.ID: key.pk.bytes}) == []
    with pytest.raises(Refused, match="destroyed"):
        services.sign(key.pk, b"never")


def test_what_is_rolled_back_still_signs(key: Key) -> None:
    """Fails when the token is asked before the transaction ends."""
    with transaction.atomic():
        services.destroy_key(key.pk)
        transaction.set_rollback(True)
    assert signs(key)


def test_a_token_that_is_away_when_its_key_is_destroyed_is_named_in_the_log(
    key: Key, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PKCS11_MODULE = "/nowhere/library.so"
    assert services.destroy_key(key.pk)
    assert f"still has the destroyed key {key.pk}" in caplog.text


def test_sealed_keys_and_those_in_the_token_are_destroyed_together(key: Key) -> None:
    sealed = services.create_key("P-256", purpose="gateway")
    assert services.destroy_keys([key.pk, sealed.pk]) == 2
    assert not Key.objects.alive().exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"provider": "pkcs11", "token": "t", "wrapped_key": b"x"},
        {"provider": "pkcs11", "token": "t", "ciphertext": b"x"},
        {"provider": "pkcs11", "token": ""},
        {"provider": "sealed", "wrapped_key": None},
        {"provider": "elsewhere", "wrapped_key": b"x"},
    ],
)
def test_the_database_refuses_a_key_that_is_nowhere_or_in_two_places(changes: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        Key.objects.create(**{"purpose": "authority", "key_type": "P-256", "public_key": b"", **changes})


def test_a_kind_that_is_unknown_is_refused(token: SoftToken) -> None:
    with pytest.raises(PkiError) as refused:
        made("secp256k1")
    assert refused.value.code == "key-type-unknown"


def test_a_kind_that_the_token_does_not_make_is_refused_beside_its_field(
    token: SoftToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise pkcs11.MechanismInvalid

    monkeypatch.setattr(cryptoki, "_generate_rsa", refuse)
    with pytest.raises(Refused) as refused:
        made("RSA 4096")
    assert (refused.value.code, refused.value.field) == ("token-cannot", "key_type")


def test_rotating_the_key_encryption_key_leaves_tokens_alone(key: Key, settings: Settings) -> None:
    services.create_key("P-256", purpose="gateway")
    settings.NEW_KEK = base64.b64encode(bytes(range(100, 132))).decode()
    call_command("rotate_kek", stdout=StringIO())
    key.refresh_from_db()
    assert key.kek_id == ""
    assert signs(key)


def test_no_key_encryption_key_is_needed_to_sign_in_the_token(key: Key, settings: Settings) -> None:
    settings.KEK = "no base64"
    assert signs(key)


# ------------------------------------------------------------- the token is away


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PKCS11_MODULE", "/nowhere/library.so", "CERTADMIN_PKCS11_MODULE"),
        ("PKCS11_MODULE", __file__, "CERTADMIN_PKCS11_MODULE"),
        ("PKCS11_MODULE", "", "none is configured"),
        ("PKCS11_TOKEN", "another", "CERTADMIN_PKCS11_TOKEN"),
        ("PKCS11_PIN", "wrong-314159", "CERTADMIN_PKCS11_PIN"),
        ("PKCS11_PIN", "", "CERTADMIN_PKCS11_PIN"),
    ],
)
def test_whoever_does_not_come_to_the_token_is_told_why_and_signs_when_it_is_back(
    name: str, value: str, words: str, key: Key, settings: Settings
) -> None:
    right = getattr(settings, name)
    setattr(settings, name, value)
    acts: list[Callable[[], object]] = [
        lambda: services.sign(key.pk, b"never"),
        lambda: services.sign_digest(key.pk, bytes(32)),
        lambda: services.check_key(key.pk),
        made,
    ]
    for act in acts:
        with pytest.raises(TokenAway, match=words) as away:
            act()
        assert (away.value.code, away.value.status) == ("token-away", 503)
        assert isinstance(away.value, VaultClosed)
    setattr(settings, name, right)
    assert signs(key)
    key.refresh_from_db()
    assert key.signatures == 1


def test_a_key_that_is_not_in_the_token_is_told(key: Key, token: SoftToken) -> None:
    for each in in_token(token, {Attribute.ID: key.pk.bytes}):
        each.destroy()
    with pytest.raises(TokenAway, match="restore its backup"):
        services.sign(key.pk, b"never")
    with pytest.raises(TokenAway, match="restore its backup"):
        services.check_key(key.pk)


def test_a_pin_that_was_refused_is_not_tried_again(
    key: Key, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without `_refused`: the third worker in a row would lock many a token."""
    tries, log_in = [], cryptoki._log_in

    def counted(library: Any, access: cryptoki.Access) -> Any:
        tries.append(access.pin)
        return log_in(library, access)

    monkeypatch.setattr(cryptoki, "_log_in", counted)
    settings.PKCS11_PIN = "wrong-314159"
    for _ in range(3):
        with pytest.raises(TokenAway, match="not tried again"):
            services.sign(key.pk, b"never")
    assert len(tries) == 1


def test_the_last_try_is_left_to_a_person() -> None:
    class Token:
        flags = TokenFlag.TOKEN_INITIALIZED | TokenFlag.USER_PIN_FINAL_TRY

        def open(self, **_: object) -> None:
            raise AssertionError("the last try was used")

    class Library:
        def get_token(self, **_: object) -> Token:
            return Token()

    with pytest.raises(TokenAway, match="one more try"):
        cryptoki._log_in(Library(), cryptoki.Access("module", "token", "pin"))


@pytest.mark.parametrize("pin", ["wrong-314159", None])
def test_the_pin_is_in_no_error_log_or_repr(
    pin: str | None, key: Key, token: SoftToken, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """G6. Fails when `Access` shows its PIN."""
    settings.PKCS11_PIN = pin or token.pin
    settings.PKCS11_TOKEN = token.label if pin else "another"
    with caplog.at_level(logging.DEBUG), pytest.raises(TokenAway) as away:
        services.sign(key.pk, b"never")
    error = away.value
    said = caplog.text + repr(error) + repr(error.__cause__) + repr(error.__context__) + repr(tokens._access())
    assert settings.PKCS11_PIN not in said
    assert token.pin not in said


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # python-pkcs11 ends a search twice
def test_a_lost_session_is_opened_anew_once(key: Key, token: SoftToken) -> None:
    assert signs(key)
    assert cryptoki._line._opened is not None
    cryptoki._line._opened.session.close()  # as a token does that was pulled out and put back
    assert signs(key)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the same
def test_a_library_that_was_ended_by_others_is_begun_anew(key: Key) -> None:
    assert signs(key)
    assert cryptoki._line._opened is not None
    cryptoki._line._opened.library.finalize()
    assert signs(key)


@pytest.mark.parametrize("error", [pkcs11.NoSuchToken, pkcs11.GeneralError])
def test_a_token_that_looks_away_for_a_moment_is_looked_for_again(
    error: type[Exception], key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As SoftHSM's does while another process logs in."""
    log_in, failing = cryptoki._log_in, iter([error] * 2)

    def fail_twice(library: Any, access: cryptoki.Access) -> Any:
        if found := next(failing, None):
            raise found
        return log_in(library, access)

    cryptoki.hang_up()
    monkeypatch.setattr(cryptoki, "_log_in", fail_twice)
    assert signs(key)


def test_a_token_that_goes_on_failing_is_away(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def fail(*_: object) -> None:
        tries.append(1)
        raise pkcs11.DeviceError

    monkeypatch.setattr(cryptoki, "_private_key", fail)
    with pytest.raises(TokenAway, match="does not answer"):
        services.sign(key.pk, b"never")
    assert len(tries) == 2


# ---------------------------------------------------------------- processes


def test_parent_and_child_sign_after_a_fork(key: Key) -> None:
    """Fails when a child goes on with its parent's session."""
    spki = bytes(key.public_key)
    before = cryptoki._line._opened
    assert before is not None
    statuses = [_in_child(lambda: _signs_without_database(key.pk, spki, before)) for _ in range(2)]
    assert statuses == [0, 0]
    assert cryptoki._line._opened is before
    assert signs(key)


def _signs_without_database(key_id: uuid.UUID, spki: bytes, before: object) -> bool:
    (signature,) = tokens.sign_each(key_id, spki, [b"child"])
    is_new = cryptoki._line._opened is not before
    return is_new and is_signed_by(read_public_key(spki), signature=signature, message=b"child")


def _in_child(act: Callable[[], bool]) -> int:
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)  # a child that waits for a lock for ever ends
        try:
            os._exit(0 if act() else 1)
        except BaseException:  # noqa: BLE001  the parent only sees a status
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_fork_waits_for_whoever_speaks_with_the_token(key: Key) -> None:
    """Fails without the hook before a fork: the child's lock would be held by a thread that it does not have."""
    spki, over = bytes(key.public_key), threading.Event()

    def speak() -> None:
        while not over.is_set():
            tokens.sign_each(key.pk, spki, [b"parent"] * 20)

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        statuses = [_in_child(lambda: bool(tokens.sign_each(key.pk, spki, [b"child"]))) for _ in range(5)]
    finally:
        over.set()
        thread.join()
    assert statuses == [0] * 5


CHILD = """
import sys, uuid
import django
django.setup()
from keys import tokens
from pki.signatures import is_signed_by, read_public_key
spki = bytes.fromhex(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for number in range(200):
    message = f"{sys.argv[3]} {number}".encode()
    (signature,) = tokens.sign_each(uuid.UUID(sys.argv[1]), spki, [message])
    assert is_signed_by(read_public_key(spki), signature=signature, message=message)
print("done", flush=True)
"""


def test_two_processes_sign_at_once(key: Key, token: SoftToken) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "CERTADMIN_PKCS11_MODULE": token.module,
        "CERTADMIN_PKCS11_TOKEN": token.label,
        "CERTADMIN_PKCS11_PIN": token.pin,
    }
    spki = bytes(key.public_key).hex()
    running = [_started([str(key.pk), spki, name], environment) for name in ("one", "two")]
    for each in running:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    said = _answers(running)
    assert said == ["done\n", "done\n"]
    assert signs(key)


def _started(arguments: Sequence[str], environment: dict[str, str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", CHILD, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)


def _answers(running: "Sequence[subprocess.Popen[str]]") -> list[str]:
    for each in running:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    return [each.communicate(timeout=60)[0] for each in running]


def test_threads_of_a_process_take_turns(key: Key) -> None:
    wrong: list[str] = []

    def work() -> None:
        try:
            for _ in range(5):
                assert signs(key)
        except Exception as error:  # noqa: BLE001  the test looks at what came out
            wrong.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []
    key.refresh_from_db()
    assert key.signatures == 20


def test_the_public_half_is_what_openssl_reads(key: Key) -> None:
    assert isinstance(load_der_public_key(services.public_key(key.pk)), ec.EllipticCurvePublicKey)


def test_without_a_token_nothing_is_loaded_to_speak_with_one() -> None:
    """A tenth of a second at the start of each process."""
    words = "import sys, django; django.setup(); import keys.services; print('pkcs11' in sys.modules)"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-c", words], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
