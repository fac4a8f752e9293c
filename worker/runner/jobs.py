"""A job from wake-up to outcome."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from sqlalchemy.orm import Session

from prunery.specs.errors import PruneryError
from worker.runner import outcome
from worker.runner.claim import Claim, LeaseLostError, claim_job
from worker.runner.context import Context
from worker.runner.deliver import deliver
from worker.runner.files import UnsafeFileError
from worker.runner.heartbeat import Lease
from worker.runner.inputs import gather
from worker.runner.patience import patiently
from worker.runner.progress import Recorder
from worker.runner.supervise import INTERRUPTED, Ending, supervise
from worker.runner.workspace import Workspace

log = structlog.get_logger()


def run_job(context: Context, job_id: str) -> None:
    """Run one attempt of a job, if there is one to run."""
    with structlog.contextvars.bound_contextvars(job_id=job_id):
        with context.database.session() as session:
            claim = claim_job(session, job_id, context.settings, context.worker)
        if claim is None:
            log.debug("nothing_to_claim")
            return
        with structlog.contextvars.bound_contextvars(
            attempt=claim.attempt, request_id=claim.job.request_id
        ):
            log.info("job_claimed")
            try:
                waits = _guarded(context, claim)
            except LeaseLostError:
                log.warning("attempt_void")
                return
            if waits:
                context.broker.publish(context.database, "job", claim.id, claim.job.queue)


def _guarded(context: Context, claim: Claim) -> bool:
    """Whether the job waits in the queue again after this attempt."""
    try:
        return _attempt(context, claim)
    except LeaseLostError:
        raise
    except Exception:
        # Storage may be full or away: let go of the job now, not when the lease runs out.
        log.exception("attempt_failed")
        error = PruneryError("internal", "The worker could not go on with this job.")
        return _save(context, lambda s: outcome.crash(s, claim, context.settings, error))


def _attempt(context: Context, claim: Claim) -> bool:
    settings = context.settings
    lease = Lease(context.database, settings, claim, context.stopping)
    with Workspace(settings.work_dir / "jobs", f"{claim.id}-a{claim.attempt}") as workspace, lease:
        recorder = Recorder(context.database, context.storage, claim, workspace)
        try:
            ending = _run(context, claim, workspace, lease, recorder)
            if ending.done is not None:
                deliver(context, claim, workspace, ending.done)
                return False
            recorder.flush(stopped=ending.code == INTERRUPTED)
        except PruneryError as error:
            problem = error.problem()
            return _save(context, lambda s: outcome.fail(s, claim, settings, problem))
        except UnsafeFileError as error:
            log.error("engine_unsafe", what=str(error))
            problem = PruneryError("engine_crashed", "The engine left unusable files.").problem()
            return _save(context, lambda s: outcome.fail(s, claim, settings, problem))
        return _save(context, lambda s: outcome.settle(s, claim, settings, ending))


def _run(
    context: Context, claim: Claim, workspace: Workspace, lease: Lease, recorder: Recorder
) -> Ending:
    spec, inputs = gather(context, claim, workspace)
    if lease.asked is not None:  # while the inputs were fetched
        return Ending(INTERRUPTED, None, lease.asked, 0.0)
    return supervise(
        spec,
        workspace,
        lease,
        context.settings,
        recorder,
        readable=inputs,
        writable=(spec.cache_dir,) if spec.cache_dir else (),
    )


def _save(context: Context, end: Callable[[Session], bool]) -> bool:
    """Write how the attempt ended; whether the job waits in the queue again."""
    waits: list[bool] = []

    def save() -> None:
        with context.database.session() as session:
            waits.append(end(session))

    patiently(save)
    return waits[-1]
