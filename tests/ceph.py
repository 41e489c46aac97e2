"""Ceph's S3 gateway (RGW) on 127.0.0.1: one monitor, one OSD in memory, one gateway. It starts in about a second."""

import contextlib
import os
import signal
import subprocess
import tempfile
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3

from core.store import Bucket, S3Store
from tests.servers import _stop, binary, free_port, wait_until

CONFIGURATION = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms client mode = crc
osd objectstore = memstore
memstore device bytes = 268435456
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 1
paxos propose interval = 0.02
paxos min wait = 0.01
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
mon data = {folder}/mon
osd data = {folder}/osd
keyring = {folder}/keyring
pid file =
rgw frontends = beast endpoint=127.0.0.1:{rgw}
rgw data = {folder}
rgw enable apis = s3
rgw thread pool size = 8
rgw enable gc threads = false
rgw enable lc threads = false
rgw run sync thread = false
"""


@dataclass(slots=True)
class Ceph:
    """A running gateway; every user's secret is the name and `-secret`."""

    folder: Path
    port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_user(self, name: str) -> None:
        keys = [f"--access-key={name}", f"--secret={name}-secret"]
        self._run("radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}", *keys)

    def store(self, bucket: str, user: str, *, prefix: str = "") -> S3Store:
        place = Bucket(bucket, prefix=prefix, endpoint=self.endpoint)
        return S3Store(place, access_key=user, secret_key=f"{user}-secret")

    def make_bucket(self, bucket: str, user: str) -> None:
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=user,
            aws_secret_access_key=f"{user}-secret",
        )
        client.create_bucket(Bucket=bucket)

    def start(self) -> None:
        osd, fsid = uuid.uuid4(), uuid.uuid4()
        mon = free_port()
        text = CONFIGURATION.format(fsid=fsid, mon=mon, rgw=self.port, folder=self.folder)
        (self.folder / "ceph.conf").write_text(text)
        for name in ("mon", "osd"):
            (self.folder / name).mkdir()
        map_ = str(self.folder / "monmap")
        self._run("monmaptool", "--create", "--addv", "a", f"[v2:127.0.0.1:{mon}/0]", "--fsid", str(fsid), map_)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", map_)
        self._start("ceph-mon", "-f", "-i", "a")
        self._run("ceph", "osd", "new", str(osd))
        self._run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", str(osd))
        self._start("ceph-osd", "-f", "-i", "0")
        self._start("radosgw", "-f", "-n", "client.rgw")
        wait_until(self._answers, seconds=60, what="Ceph's gateway")

    def stop(self) -> None:
        for process in reversed(self.processes):
            _stop(process, signal.SIGKILL)  # all of it is in memory

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.endpoint, timeout=2):
                return True
        except OSError:
            return False

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run([binary(name), "-c", self._conf, *arguments], check=True, capture_output=True, timeout=60)

    def _start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as out:
            command = [binary(name), "-c", self._conf, *arguments]
            self.processes.append(subprocess.Popen(command, stdout=out, stderr=out, cwd=self.folder))

    @property
    def _conf(self) -> str:
        return str(self.folder / "ceph.conf")


@contextlib.contextmanager
def ceph() -> Iterator[Ceph]:
    for name in ("ceph-mon", "ceph-osd", "radosgw"):
        binary(name)
    with tempfile.TemporaryDirectory(prefix="certadmin-ceph-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o700)
        gateway = Ceph(Path(name), free_port())
        try:
            gateway.start()
            yield gateway
        finally:
            gateway.stop()
