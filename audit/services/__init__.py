"""Recording acts, sealing what was recorded, and judging the chain of seals."""

from audit.services.heartbeat import Job, beat, jobs
from audit.services.recording import SYSTEM, Act, Actor, Machine, record, record_many, through
from audit.services.sealing import GENESIS, head, seal_pending
from audit.services.verification import Verdict, verify

__all__ = [
    "GENESIS", "SYSTEM", "Act", "Actor", "Job", "Machine", "Verdict", "beat", "head", "jobs", "record", "record_many",
    "seal_pending", "through", "verify",
]  # fmt: skip
