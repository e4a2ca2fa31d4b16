"""Backfill: starting, steering and watching runs, and what they left alone."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime

import strawberry

from db import runs as rules
from db.errors import NotFound
from db.limits import Problems, identifier
from gql.arguments import After, First, Id, Input, page_size
from gql.certificates import Certificate, show_certificate
from gql.configs import Config, show_config
from gql.connections import Connection, connect
from gql.context import GraphQLInfo
from gql.enums import BackfillKind, BackfillStatus
from gql.ids import show_id, show_ids


@strawberry.type(description="One run of a backfill. It goes on without its caller; watch it, or poll it.")
class BackfillRun:
    """One run of a backfill."""

    id: strawberry.ID = strawberry.field(description="Its UUID.")
    kind: BackfillKind = strawberry.field(description="What it does.")
    status: BackfillStatus = strawberry.field(description="Where it stands.")
    dry_run: bool = strawberry.field(description="Whether it changes nothing and only counts.")
    total: int = strawberry.field(description="How many rows it will look at; 0 until a worker has planned it.")
    processed: int = strawberry.field(description="How many rows it has looked at.")
    changed: int = strawberry.field(description="How many rows it sealed, converted or typed.")
    skipped: int = strawberry.field(description="How many rows were as they should be.")
    quarantined: int = strawberry.field(description="How many rows it could not decide.")
    rows_per_second: float | None = strawberry.field(
        description=(
            "How fast it is: of the last seconds while it runs, of the whole run once it is over; null while it is "
            "paused or waits to go on."
        )
    )
    seconds_left: int | None = strawberry.field(
        description="About how long it will go on, at the rate of the last seconds; null while nobody can say."
    )
    throttled_by: str | None = strawberry.field(
        description="Why the workers hold back now: the database answers slowly, or a replica lags. Null: they do not."
    )
    started_at: datetime | None = strawberry.field(description="When a worker took it up.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    started_by: str = strawberry.field(description="Who started it: a token's name, `command line` or `schedule`.")
    error: str | None = strawberry.field(description="Why it failed, naming rows, never a value.")
    organization_ids: list[strawberry.ID] | None = strawberry.field(
        description="Whose secrets a ROTATE is about; null: everybody's, and what is global."
    )
    include_global: bool = strawberry.field(description="Beside organizationIds: what is global, too.")
    certificate: Certificate | None = strawberry.field(description="What a VERIFY proved, once it has succeeded.")


def show_run(row: rules.RunRow) -> BackfillRun:
    """A run as callers see it."""
    return BackfillRun(
        id=show_id(row.id),
        kind=row.kind,
        status=row.status,
        dry_run=row.dry_run,
        total=row.total,
        processed=row.processed,
        changed=row.changed,
        skipped=row.skipped,
        quarantined=row.quarantined,
        rows_per_second=row.rows_per_second,
        seconds_left=row.seconds_left,
        throttled_by=row.throttled_by,
        started_at=row.started_at,
        finished_at=row.finished_at,
        started_by=row.started_by,
        error=row.error,
        organization_ids=show_ids(row.organization_ids),
        include_global=row.include_global,
        certificate=None if row.certificate is None else show_certificate(row.certificate),
    )


@strawberry.type(description="A row that a run left alone, and why; never its value.")
class QuarantinedRow:
    """A row that a run left alone."""

    row: strawberry.Private[rules.QuarantinedRow]

    @strawberry.field(description="The row, masked.")
    async def config(self, info: GraphQLInfo) -> Config:
        """The row."""
        found = await info.context.loaders.config.load(self.row.config_id)
        if found is None:
            raise NotFound("config")
        return show_config(found)

    @strawberry.field(description="Why it was left alone.")
    def reason(self) -> str:
        """Why it was left alone."""
        return self.row.reason

    @strawberry.field(description="Since when.")
    def since(self) -> datetime:
        """Since when."""
        return self.row.since

    @strawberry.field(description="The run that last looked at it.")
    def run_id(self) -> strawberry.ID:
        """The run that last looked at it."""
        return show_id(self.row.run_id)


def show_quarantined(row: rules.QuarantinedRow) -> QuarantinedRow:
    """A quarantined row as callers see it."""
    return QuarantinedRow(row=row)


@strawberry.input(description="A run to start.")
class StartBackfillInput:
    """A run to start."""

    kind: BackfillKind | None = strawberry.field(default=BackfillKind.SEAL, description="What it does.")
    dry_run: bool | None = strawberry.field(default=False, description="Change nothing, and count the same.")
    batch_size: int | None = strawberry.field(default=None, description="Rows of one transaction; null adapts.")
    max_rows_per_second: int | None = strawberry.field(
        default=None, description="Of all workers together; null is no limit."
    )
    organization_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="ROTATE only: seal the secrets of these organizations alone under new data keys; null is all.",
    )
    include_global: bool | None = strawberry.field(
        default=False, description="ROTATE only, beside organizationIds: what is global, too."
    )

    def limits(self) -> rules.RunLimits | None:
        """Whose secrets the run is about; None for everybody's."""
        if self.organization_ids is None and not self.include_global:
            return None
        problems = Problems()
        ids = [problems.id(id, "organizationIds", place) for place, id in enumerate(self.organization_ids or [])]
        problems.check()
        return rules.RunLimits(list(dict.fromkeys(ids)), bool(self.include_global))


@strawberry.type(description="What startBackfill started.")
class StartBackfillPayload:
    """What startBackfill started."""

    run: BackfillRun = strawberry.field(description="The run.")


@strawberry.type
class BackfillQuery:
    """Queries of runs and of the quarantine."""

    @strawberry.field(description="One run. Needs backfill:run.")
    async def backfill_run(self, info: GraphQLInfo, id: Id) -> BackfillRun | None:
        """One run."""
        async with info.context.read() as session:
            return show_run(await rules.find_run(session, info.context.principal, identifier(id, "id")))

    @strawberry.field(description="Runs, newest first. Needs backfill:run.")
    async def backfill_runs(self, info: GraphQLInfo, first: First = 20, after: After = None) -> Connection[BackfillRun]:
        """Runs, newest first."""
        async with info.context.read() as session:
            page = await rules.list_runs(session, info.context.principal, page_size(first, 20), after)
        return connect(page, show_run)

    @strawberry.field(description="What a run left alone, and why; never a value. Needs backfill:run or config:read.")
    async def quarantine(self, info: GraphQLInfo, first: First = 50, after: After = None) -> Connection[QuarantinedRow]:
        """What a run left alone."""
        async with info.context.read() as session:
            page = await rules.list_quarantine(session, info.context.principal, page_size(first), after)
        return connect(page, show_quarantined)


@strawberry.type
class BackfillMutation:
    """Mutations of runs."""

    @strawberry.mutation(description="Start a run, which workers carry on. Needs backfill:run.")
    async def start_backfill(self, info: GraphQLInfo, input: Input[StartBackfillInput]) -> StartBackfillPayload:
        """Start a run."""
        limits = input.limits()
        run = await info.context.write(
            lambda transaction: rules.start_backfill(
                transaction,
                input.kind or BackfillKind.SEAL,
                bool(input.dry_run),
                input.batch_size,
                input.max_rows_per_second,
                limits,
            )
        )
        await info.context.service.queue.enqueue_run(run.id)
        return StartBackfillPayload(run=show_run(run))

    @strawberry.mutation(description="Pause a run within one batch. Needs backfill:run.")
    async def pause_backfill(self, info: GraphQLInfo, id: Id) -> BackfillRun:
        """Pause a run."""
        wanted = identifier(id, "id")
        return show_run(await info.context.write(lambda transaction: rules.pause_backfill(transaction, wanted)))

    @strawberry.mutation(description="Go on with a paused run. Needs backfill:run.")
    async def resume_backfill(self, info: GraphQLInfo, id: Id) -> BackfillRun:
        """Go on with a run."""
        wanted = identifier(id, "id")
        run = await info.context.write(lambda transaction: rules.resume_backfill(transaction, wanted))
        await info.context.service.queue.enqueue_run(run.id)
        return show_run(run)

    @strawberry.mutation(description="End a run within one batch; what is done stays done. Needs backfill:run.")
    async def cancel_backfill(self, info: GraphQLInfo, id: Id) -> BackfillRun:
        """End a run."""
        wanted = identifier(id, "id")
        run = await info.context.write(lambda transaction: rules.cancel_backfill(transaction, wanted))
        await info.context.service.queue.enqueue_run(run.id)
        return show_run(run)


@strawberry.type
class BackfillSubscription:
    """Subscriptions to runs."""

    @strawberry.subscription(
        description=(
            "A run as it is now, then whenever it changes, four times a second at most, until it is over. "
            "Needs backfill:run."
        )
    )
    async def backfill_progress(self, info: GraphQLInfo, id: Id) -> AsyncGenerator[BackfillRun]:
        """A run, again and again."""
        context = info.context
        rows = context.service.progress.watch(context.service.database, context.principal, identifier(id, "id"))
        async with aclosing(rows) as changes:
            async for row in changes:
                yield show_run(row)
