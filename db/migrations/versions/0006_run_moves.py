"""The legal moves of runs, which PostgreSQL enforces, and what a run tells of its speed.

Touches tables of ours only, which no other software writes. Locks `backfill_runs` and `backfill_slices` for a moment.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOVES = """
CREATE TABLE backfill_moves (
    from_status varchar(16),
    to_status varchar(16) NOT NULL
);
CREATE UNIQUE INDEX uq_backfill_moves ON backfill_moves (from_status, to_status) NULLS NOT DISTINCT;
INSERT INTO backfill_moves (from_status, to_status) VALUES
    (NULL, 'enqueued'),
    ('enqueued', 'running'),
    ('enqueued', 'paused'),
    ('enqueued', 'cancelling'),
    ('running', 'paused'),
    ('running', 'cancelling'),
    ('running', 'succeeded'),
    ('running', 'failed'),
    ('paused', 'enqueued'),
    ('paused', 'cancelling'),
    ('cancelling', 'cancelled')
"""
"""From null: how a run begins. What nothing leads away from is final."""

CHECK_MOVE = """
CREATE FUNCTION strongroom_check_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM backfill_moves WHERE from_status IS NOT DISTINCT FROM OLD.status AND to_status = NEW.status
    ) THEN
        RAISE EXCEPTION 'run % is %: it cannot become %', NEW.id, coalesce(OLD.status, 'new'), NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'backfill_moves';
    END IF;
    RETURN NEW;
END $$
"""

REFUSE_STEP_BACK = """
CREATE FUNCTION strongroom_refuse_step_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'slice % of run % only goes forward, and not at all once it is done', OLD.number, OLD.run_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'backfill_slices_go_forward';
END $$
"""

TRIGGERS = """
CREATE TRIGGER check_beginning BEFORE INSERT ON backfill_runs
    FOR EACH ROW EXECUTE FUNCTION strongroom_check_move();
CREATE TRIGGER check_move BEFORE UPDATE OF status ON backfill_runs
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION strongroom_check_move();
CREATE TRIGGER go_forward BEFORE UPDATE OF done, cursor, processed ON backfill_slices
    FOR EACH ROW WHEN (
        OLD.done OR NEW.processed < OLD.processed OR NEW.cursor < OLD.cursor
        OR (NEW.cursor IS NULL AND OLD.cursor IS NOT NULL)
    ) EXECUTE FUNCTION strongroom_refuse_step_back()
"""

ONE_ACTIVE = """
DROP INDEX uq_backfill_runs_active;
CREATE UNIQUE INDEX uq_backfill_runs_active ON backfill_runs ((true))
    WHERE status IN ('enqueued', 'running', 'paused', 'cancelling')
"""
"""One run at a time, whatever its kind."""

SPEED = """
ALTER TABLE backfill_runs
    ADD COLUMN sampled_at timestamptz,
    ADD COLUMN sampled_rows bigint,
    ADD COLUMN recent_rate double precision,
    ADD COLUMN throttled_at timestamptz,
    ADD COLUMN throttled_by varchar(255)
"""


def upgrade() -> None:
    """Make the table of moves and what enforces it."""
    for script in (MOVES, ONE_ACTIVE, SPEED):
        for statement in script.split(";\n"):
            op.execute(statement)
    op.execute(CHECK_MOVE)
    op.execute(REFUSE_STEP_BACK)
    for statement in TRIGGERS.split(";\n"):
        op.execute(statement)
