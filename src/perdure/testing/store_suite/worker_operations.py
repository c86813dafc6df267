"""The operations on workers and leases that tests commit."""

from __future__ import annotations

from collections.abc import Iterable

from perdure.core.operations import Claim, RegisterWorker, RenewWorker, RetireWorker, TakeOver, TakeRun
from perdure.testing.manual_clock import ManualClock
from perdure.testing.store_suite.run_operations import RunOperations

LEASE_FOR = 30.0
STALL_LIMIT = 120.0


class WorkerOperations(RunOperations):
    """Shape: each registration of a worker is a new incarnation, and later operations name the latest one."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self._incarnations: dict[str, str] = {}

    def incarnation(self, worker_id: str) -> str:
        """The latest incarnation of a worker that was made here."""
        return self._incarnations.get(worker_id, f"{worker_id}: none")

    def register(
        self,
        worker_id: str = "ana",
        *,
        lease_for: float = LEASE_FOR,
        stall_limit: float = STALL_LIMIT,
        limit: int = 100,
    ) -> RegisterWorker:
        """A new incarnation of a worker."""
        self._incarnations[worker_id] = f"{worker_id}: {self.next_number()}"
        return RegisterWorker(
            worker_id=worker_id,
            incarnation=self._incarnations[worker_id],
            at=self.at,
            lease_for=lease_for,
            stall_limit=stall_limit,
            host="host",
            pid=1,
            process_token="1",  # noqa: S106 - not a password
            queues=("default",),
            limit=limit,
        )

    def renew(
        self, worker_id: str = "ana", *, lease_for: float = LEASE_FOR, executing: Iterable[str] | None = None
    ) -> RenewWorker:
        """A renewal from now on, with a beat that rises."""
        return RenewWorker(
            worker_id=worker_id,
            incarnation=self.incarnation(worker_id),
            beat=self.next_number(),
            lease_for=lease_for,
            at=self.at,
            executing=None if executing is None else frozenset((self.tenant, run_id) for run_id in executing),
        )

    def retire(self, worker_id: str = "ana", *, limit: int = 100) -> RetireWorker:
        """The end of a worker that stops."""
        return RetireWorker(worker_id=worker_id, incarnation=self.incarnation(worker_id), at=self.at, limit=limit)

    def claim(
        self,
        worker_id: str = "ana",
        *,
        queues: tuple[tuple[str, int | None], ...] = (("default", None),),
        workflows: tuple[str, ...] = ("flow",),
        limit: int = 10,
        parked: tuple[str, ...] = (),
    ) -> Claim:
        """A claim of what is claimable, or of parked runs."""
        return Claim(
            worker_id=worker_id,
            incarnation=self.incarnation(worker_id),
            claim_id=f"claim-{self.next_number()}",
            queues=queues,
            workflows=workflows,
            limit=limit,
            at=self.at,
            parked=tuple((self.tenant, run_id) for run_id in parked),
        )

    def take(self, run_id: str = "run", worker_id: str = "ana") -> TakeRun:
        """The lease of one run."""
        return TakeRun(
            tenant=self.tenant,
            run_id=run_id,
            worker_id=worker_id,
            incarnation=self.incarnation(worker_id),
            claim_id=f"claim-{self.next_number()}",
            at=self.at,
        )

    def take_over(self, worker_id: str = "ana", *, limit: int = 100) -> TakeOver:
        """The runs of a dead worker."""
        return TakeOver(worker_id=worker_id, incarnation=self.incarnation(worker_id), at=self.at, limit=limit)
