"""Recording acts, sealing what was recorded, and judging the chain of seals."""

from audit.services.heartbeat import beat
from audit.services.recording import SYSTEM, Actor, Machine, record
from audit.services.sealing import GENESIS, head, seal_pending
from audit.services.verification import Verdict, verify

__all__ = ["GENESIS", "SYSTEM", "Actor", "Machine", "Verdict", "beat", "head", "record", "seal_pending", "verify"]
