"""The schema, as the steps that lead to it. A step that was released never changes; a new one is added below.

What the tables are now stands in `schema_5`, but for what `schema_6` changes. `user_version` is the number of steps
applied. Instants are REAL seconds since the epoch, values and other payloads BLOBs of JSON, lease time REAL seconds of
the boot that the row names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from perdure.core.positions import to_place, to_position
from perdure.stores.sqlite import identity
from perdure.stores.sqlite.connection import APPLICATION_ID, check_owner
from perdure.stores.sqlite.driver import Connection
from perdure.stores.sqlite.schema_5 import create, move_to_5
from perdure.stores.sqlite.schema_6 import TO_6

Step: TypeAlias = str | Callable[[Connection], None]

_FIRST = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    status TEXT NOT NULL,
    queue TEXT NOT NULL,
    project_id TEXT NOT NULL,
    scenario_id TEXT,
    tenant TEXT,
    version TEXT,
    manifest_hash TEXT NOT NULL,
    seed TEXT NOT NULL,
    tags BLOB,
    token INTEGER NOT NULL DEFAULT 0,
    rev INTEGER NOT NULL DEFAULT 0,
    inbox INTEGER NOT NULL DEFAULT 0,
    worker_id TEXT,
    takeovers INTEGER NOT NULL DEFAULT 0,
    due_at REAL,
    waiting_for BLOB,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    completed_at REAL,
    failure BLOB,
    outcome BLOB,
    result BLOB
);
CREATE INDEX runs_due ON runs (queue, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_owned ON runs (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX runs_created ON runs (created_at, run_id);
CREATE TABLE manifests (run_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE steps (
    run_id TEXT NOT NULL,
    position TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    fingerprint TEXT,
    started_at REAL NOT NULL,
    completed_at REAL,
    due_at REAL,
    retry_at REAL,
    failure BLOB,
    result BLOB,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    key TEXT NOT NULL,
    payload BLOB NOT NULL,
    emitted_at REAL NOT NULL,
    UNIQUE (run_id, key)
);
CREATE TABLE workers (
    worker_id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process_token TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    lease_until REAL NOT NULL,
    queues BLOB NOT NULL,
    started_at REAL NOT NULL,
    renewed_at REAL NOT NULL
) WITHOUT ROWID;
"""

_SECOND = """
ALTER TABLE runs ADD COLUMN cancel_reason TEXT;
ALTER TABLE runs ADD COLUMN cancel_by REAL;
ALTER TABLE runs ADD COLUMN parent_id TEXT;
ALTER TABLE runs ADD COLUMN parent_key TEXT;
ALTER TABLE runs ADD COLUMN thread_id TEXT;
ALTER TABLE events ADD COLUMN emitted_by TEXT;
CREATE INDEX runs_parent ON runs (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX runs_cancelling ON runs (cancel_by) WHERE status = 'cancelling';
CREATE INDEX runs_thread ON runs (thread_id) WHERE thread_id IS NOT NULL;
CREATE INDEX runs_running ON runs (queue) WHERE worker_id IS NOT NULL;
CREATE TABLE questions (
    id INTEGER PRIMARY KEY,
    question_id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    prompt TEXT NOT NULL,
    choices BLOB NOT NULL,
    position TEXT,
    asked_at REAL NOT NULL,
    answer BLOB,
    answered_by TEXT,
    answered_at REAL
);
CREATE INDEX questions_run ON questions (run_id);
CREATE INDEX questions_open ON questions (id) WHERE answered_at IS NULL;
CREATE TABLE chunks (
    run_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    from_seq INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;
CREATE TABLE threads (
    id INTEGER PRIMARY KEY,
    thread_id TEXT NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    owner TEXT,
    title TEXT,
    metadata BLOB NOT NULL,
    settings BLOB NOT NULL,
    created_at REAL NOT NULL
);
CREATE INDEX threads_created ON threads (created_at, thread_id);
CREATE TABLE turns (
    thread_id TEXT NOT NULL,
    turn INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    PRIMARY KEY (thread_id, turn)
) WITHOUT ROWID;
CREATE TABLE thread_events (
    thread_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (thread_id, seq)
) WITHOUT ROWID;
CREATE TABLE messages (
    message_id TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL,
    turn INTEGER NOT NULL,
    place INTEGER NOT NULL,
    role TEXT NOT NULL,
    status TEXT NOT NULL,
    metadata BLOB,
    usage BLOB,
    finish_reason TEXT,
    model TEXT,
    created_at REAL NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX messages_order ON messages (thread_id, turn, place);
CREATE TABLE parts (
    message_id TEXT NOT NULL,
    place INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (message_id, place)
) WITHOUT ROWID;
CREATE TABLE notices (id INTEGER PRIMARY KEY AUTOINCREMENT, writer INTEGER NOT NULL, topics TEXT NOT NULL);
"""

_THIRD = """
DROP INDEX runs_owned;
DROP INDEX runs_running;
CREATE INDEX runs_owned ON runs (worker_id, queue) WHERE worker_id IS NOT NULL;
"""

# A run's steps lie in the order of their places, under its number, so that a run that goes on writes to one page.
# `puts` counts the commits that were a put of this step and nothing else: `rev` of the run is the sum (see `rows`).
_FOURTH = """
CREATE TABLE placed_steps (
    run INTEGER NOT NULL,
    place TEXT NOT NULL,
    puts INTEGER NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    fingerprint TEXT,
    started_at REAL NOT NULL,
    completed_at REAL,
    due_at REAL,
    retry_at REAL,
    failure BLOB,
    result BLOB,
    PRIMARY KEY (run, place)
) WITHOUT ROWID;
INSERT INTO placed_steps
    SELECT runs.id, to_place(position), 0, name, kind, steps.status, attempts, fingerprint, started_at,
        steps.completed_at, steps.due_at, retry_at, steps.failure, steps.result
    FROM steps JOIN runs USING (run_id);
DROP TABLE steps;
ALTER TABLE placed_steps RENAME TO steps;
"""


def _move_to_5(connection: Connection) -> None:
    move_to_5(connection)
    connection.execute(identity.SQL)


STEPS: tuple[Step, ...] = (_FIRST, _SECOND, _THIRD, _FOURTH, _move_to_5, TO_6)
VERSION = len(STEPS)
# A statement that commits by itself has no transaction in which to look at the version first. It reads from this view
# instead, which every step of the schema replaces: SQLite prepares a statement anew when the schema has changed, and
# the one of a version that is gone fails then.
RUNS_NOW = f"runs_of_schema_{VERSION}"


def migrate(connection: Connection, path: str, target: int = VERSION) -> None:
    """Bring the file to a version, one transaction a step; several processes may do it at once.

    Raises: StoreInvalid, StoreTooNew.
    """
    version = check_owner(connection, path, target)
    if version < target:
        connection.create_scalar_function("to_place", to_place, 1)
        connection.create_scalar_function("to_position", to_position, 1)
    while version < target:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # another process may have been first while we waited for the lock
            version = check_owner(connection, path, target)
            if version < target:
                version = _take(connection, version, target)
                connection.pragma("application_id", APPLICATION_ID)
                connection.pragma("user_version", version)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has ended it already
                connection.execute("ROLLBACK")
            raise


def _take(connection: Connection, version: int, target: int) -> int:
    """Take the step to the next version; from an empty file at once to this one.

    Shape: the new version.
    """
    connection.execute(f"DROP VIEW IF EXISTS runs_of_schema_{version}")
    if version == 0 and target >= VERSION:
        create(connection)
        connection.execute(identity.SQL)
        version = 5
        following = STEPS[version:VERSION]
    else:
        following = STEPS[version : version + 1]
    for step in following:
        connection.execute(step) if isinstance(step, str) else step(connection)
    version += len(following)
    connection.execute(f"CREATE VIEW runs_of_schema_{version} AS SELECT * FROM runs")
    return version
