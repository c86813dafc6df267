"""The fifth schema, and how what the fourth held moves into it.

Everything of a run hangs on its number `runs.id`, everything of a thread on `threads.id`. Where a row has a number of
its own among those of its run (a step, an event) or of its message (a part), both stand in one integer key: the owner's
number in the high bits. So those of one owner lie side by side, and one search finds one of them, or all.

A tenant of None is an empty text here, so that it is unique like any other. `format` says in which form the body of a
row is written; there is one form so far, and it costs a byte. `phase` of a step is `core.states.phase_of`.

`chunks.id` only grows: whoever has seen one entry finds those that were appended since by it, whatever their runs. So
that it does not go back when the newest entries are removed, an entry of no run (number 0) takes their place.
"""

from __future__ import annotations

from perdure.core.records import STEP_BITS
from perdure.stores.sqlite.driver import Connection
from perdure.stores.sqlite.lanes import move_chunks

_TABLES = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    run_id TEXT NOT NULL,
    workflow TEXT NOT NULL,
    status TEXT NOT NULL,
    queue TEXT NOT NULL,
    project_id TEXT NOT NULL,
    scenario_id TEXT,
    version TEXT,
    manifest_hash TEXT NOT NULL,
    seed TEXT NOT NULL,
    tags BLOB,
    token INTEGER NOT NULL,
    left_token INTEGER NOT NULL,
    claim_id TEXT,
    life INTEGER NOT NULL,
    inbox INTEGER NOT NULL,
    worker_id TEXT,
    leased_at REAL,
    suspicion BLOB,
    ready_at REAL,
    due_at REAL,
    waiting_for BLOB,
    key TEXT,
    hold TEXT NOT NULL,
    has_key INTEGER NOT NULL,
    ticket INTEGER,
    cleans_up INTEGER NOT NULL,
    cancel_reason TEXT,
    cancel_until REAL,
    cancels_children INTEGER NOT NULL,
    parent_id TEXT,
    parent_key TEXT,
    thread_id TEXT,
    turn INTEGER,
    reply_id TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    completed_at REAL,
    failure BLOB,
    outcome BLOB,
    result BLOB,
    UNIQUE (run_id, tenant)
);
CREATE TABLE manifests (run INTEGER PRIMARY KEY, format INTEGER NOT NULL DEFAULT 1, body BLOB NOT NULL);
CREATE TABLE steps (
    id INTEGER PRIMARY KEY,
    format INTEGER NOT NULL DEFAULT 1,
    phase INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    position TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    fingerprint TEXT,
    started_at REAL NOT NULL,
    completed_at REAL,
    due_at REAL,
    retry_at REAL,
    opened INTEGER,
    failure BLOB,
    result BLOB
);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    key TEXT NOT NULL,
    slot TEXT NOT NULL,
    payload BLOB NOT NULL,
    emitted_at REAL NOT NULL,
    emit_id TEXT NOT NULL,
    emitted_by TEXT,
    UNIQUE (run, key, slot)
);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    from_seq INTEGER NOT NULL,
    lane TEXT NOT NULL,
    format INTEGER NOT NULL DEFAULT 1,
    body BLOB NOT NULL,
    UNIQUE (run, seq)
);
CREATE TABLE usage (
    run INTEGER NOT NULL,
    position TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    tokens BLOB,
    model TEXT NOT NULL,
    PRIMARY KEY (run, position, attempt)
) WITHOUT ROWID;
CREATE TABLE questions (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    question_id TEXT NOT NULL,
    run INTEGER NOT NULL,
    kind TEXT NOT NULL,
    prompt TEXT NOT NULL,
    choices BLOB,
    position TEXT,
    asked_at REAL NOT NULL,
    answer BLOB,
    answer_id TEXT,
    answered_by TEXT,
    answered_at REAL,
    closed_at REAL,
    UNIQUE (tenant, question_id)
);
CREATE TABLE workers (
    worker_id TEXT PRIMARY KEY,
    incarnation TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process_token TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    lease_until REAL NOT NULL,
    stall_until REAL NOT NULL,
    stall_limit REAL NOT NULL,
    beat INTEGER NOT NULL,
    queues BLOB,
    started_at REAL NOT NULL,
    renewed_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE keys (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    run_id TEXT,
    next_ticket INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) WITHOUT ROWID;
CREATE TABLE tombstones (
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (tenant, kind, id)
) WITHOUT ROWID;
CREATE TABLE threads (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    agent TEXT NOT NULL,
    owner TEXT,
    title TEXT,
    metadata BLOB,
    settings BLOB,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    root_thread TEXT,
    root_turn INTEGER,
    forks INTEGER NOT NULL,
    version INTEGER NOT NULL,
    head INTEGER NOT NULL,
    next_turn INTEGER NOT NULL,
    next_event INTEGER NOT NULL,
    run_id TEXT,
    hidden INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, thread_id)
);
CREATE TABLE turns (
    thread INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    parent_thread INTEGER,
    parent_turn INTEGER,
    run_id TEXT NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (thread, turn)
) WITHOUT ROWID;
CREATE TABLE thread_events (
    thread INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    format INTEGER NOT NULL DEFAULT 1,
    body BLOB NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (thread, seq)
) WITHOUT ROWID;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    thread INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    place INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    client_id TEXT,
    run_id TEXT,
    role TEXT NOT NULL,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    metadata BLOB,
    finish_reason TEXT,
    model TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    UNIQUE (thread, turn, place),
    UNIQUE (thread, message_id)
);
CREATE TABLE parts (
    id INTEGER PRIMARY KEY,
    format INTEGER NOT NULL DEFAULT 1,
    version INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE notices (id INTEGER PRIMARY KEY, writer INTEGER NOT NULL, topics BLOB NOT NULL);
"""

_INDEXES = """
CREATE INDEX runs_ready ON runs (queue, ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX runs_due ON runs (queue, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_owned ON runs (worker_id, claim_id, queue) WHERE worker_id IS NOT NULL;
CREATE INDEX runs_suspect ON runs (worker_id) WHERE suspicion IS NOT NULL;
CREATE INDEX runs_waiting ON runs (tenant, key, ticket) WHERE ticket IS NOT NULL;
CREATE INDEX runs_cancelling ON runs (cancel_until) WHERE status = 'cancelling';
CREATE INDEX runs_cancelling_children ON runs (cancels_children) WHERE cancels_children = 1;
CREATE INDEX runs_parked ON runs (created_at, run_id) WHERE status = 'suspended' AND failure IS NOT NULL;
CREATE INDEX runs_children ON runs (parent_id, completed_at) WHERE parent_id IS NOT NULL;
CREATE INDEX runs_thread ON runs (thread_id) WHERE thread_id IS NOT NULL;
CREATE INDEX runs_tenant ON runs (tenant, created_at) WHERE tenant <> '';
CREATE INDEX runs_status ON runs (status, created_at, queue);
CREATE INDEX runs_workflow ON runs (workflow, created_at);
CREATE INDEX questions_run ON questions (run);
CREATE INDEX questions_asked ON questions (asked_at);
CREATE INDEX questions_tenant ON questions (tenant, asked_at) WHERE tenant <> '';
CREATE INDEX questions_open ON questions (asked_at, tenant) WHERE answered_at IS NULL AND closed_at IS NULL;
CREATE INDEX tombstones_until ON tombstones (until);
CREATE INDEX threads_created ON threads (created_at, thread_id);
CREATE INDEX threads_tenant ON threads (tenant, created_at) WHERE tenant <> '';
CREATE INDEX threads_owner ON threads (owner, created_at) WHERE owner IS NOT NULL;
CREATE INDEX threads_agent ON threads (agent, created_at);
CREATE UNIQUE INDEX turns_run ON turns (thread, run_id);
CREATE UNIQUE INDEX thread_events_id ON thread_events (thread, event_id) WHERE kind <> 'status';
CREATE UNIQUE INDEX messages_client ON messages (thread, client_id) WHERE client_id IS NOT NULL;
"""

_OLD = (
    "runs",
    "manifests",
    "steps",
    "events",
    "workers",
    "questions",
    "chunks",
    "threads",
    "turns",
    "thread_events",
    "messages",
    "parts",
)

# A queued run was due at an instant, and is claimable since then now. What a worker holds is taken over once its
# lease has ended: a process that wrote the old schema writes nothing more. A cancel's time was an instant, and lease
# time says nothing of it: whoever looks first seals it.
_MOVE = f"""
INSERT INTO runs
SELECT id, coalesce(tenant, ''), run_id, workflow, status, queue, project_id, scenario_id, version, manifest_hash, seed,
    tags, token, 0, NULL, {{life}}, inbox, worker_id, NULL, NULL,
    iif(status = 'queued', coalesce(due_at, created_at), NULL),
    iif(status = 'queued', NULL, due_at),
    waiting_for, NULL, 'until_end', 0, NULL, 0, cancel_reason, iif(status = 'cancelling', 0.0, NULL), 0, parent_id,
    iif(instr(parent_key, '#'), substr(parent_key, 1, instr(parent_key, '#') - 1), parent_key), thread_id,
    (SELECT turn FROM old_turns AS one WHERE one.thread_id = old_runs.thread_id AND one.run_id = old_runs.run_id),
    (SELECT message_id FROM old_messages AS one JOIN old_turns AS of USING (thread_id, turn)
        WHERE of.thread_id = old_runs.thread_id AND of.run_id = old_runs.run_id AND role = 'assistant'
        ORDER BY place DESC LIMIT 1),
    created_at, updated_at, completed_at, failure, outcome, result
FROM old_runs;
INSERT INTO manifests (run, body) SELECT runs.id, body FROM old_manifests JOIN runs USING (run_id);
INSERT INTO steps (id, phase, attempts, position, name, kind, status, fingerprint, started_at, completed_at, due_at,
    retry_at, failure, result)
SELECT run << {STEP_BITS} | (row_number() OVER (PARTITION BY run ORDER BY place) - 1),
    CASE status WHEN 'running' THEN retry_at IS NOT NULL WHEN 'in_doubt' THEN 2 ELSE 3 END,
    attempts, to_position(place), name, kind, status, fingerprint, started_at, completed_at, due_at, retry_at, failure,
    result
FROM old_steps ORDER BY run, place;
INSERT INTO events
SELECT runs.id << {STEP_BITS} | row_number() OVER (PARTITION BY runs.id ORDER BY one.id), runs.id,
    iif(one.key GLOB 'child:*' OR one.key GLOB 'question:*', one.key, 'event:' || one.key), '', payload, emitted_at,
    '', emitted_by
FROM old_events AS one JOIN runs USING (run_id) ORDER BY runs.id, one.id;
INSERT INTO questions
SELECT one.id, tenant, question_id, runs.id, kind, prompt, choices, position, asked_at, answer, NULL, answered_by,
    answered_at, iif(answered_at IS NULL, completed_at, NULL)
FROM old_questions AS one JOIN runs USING (run_id);
INSERT INTO workers
SELECT worker_id, '', host, pid, process_token, boot_id, lease_until, lease_until, 0.0, 0, queues, started_at,
    renewed_at
FROM old_workers;
INSERT INTO threads
SELECT id, coalesce((SELECT tenant FROM runs WHERE run_id = latest.run_id), ''), one.thread_id, agent, owner, title,
    metadata, settings, created_at, created_at, NULL, NULL, 0, 0, coalesce(latest.turn, 0),
    coalesce(latest.turn, 0) + 1,
    coalesce((SELECT max(seq) FROM old_thread_events AS event WHERE event.thread_id = one.thread_id), 0) + 1,
    latest.run_id, 0
FROM old_threads AS one LEFT JOIN old_turns AS latest ON latest.thread_id = one.thread_id
    AND latest.turn = (SELECT max(turn) FROM old_turns WHERE thread_id = one.thread_id);
INSERT INTO turns
SELECT threads.id, turn, iif(turn = 1, NULL, threads.id), nullif(turn - 1, 0), one.run_id,
    coalesce((SELECT created_at FROM old_runs WHERE run_id = one.run_id), threads.created_at)
FROM old_turns AS one JOIN threads USING (thread_id);
INSERT INTO thread_events (thread, seq, event_id, kind, body, at)
SELECT threads.id, seq, 'old:' || seq, kind, body, at FROM old_thread_events JOIN threads USING (thread_id);
INSERT INTO messages (tenant, thread, turn, place, message_id, run_id, role, status, version, metadata, finish_reason,
    model, created_at, updated_at)
SELECT tenant, threads.id, one.turn, place, message_id, iif(role = 'assistant', turns.run_id, NULL), role, status, 0,
    one.metadata, finish_reason, model, one.created_at, one.created_at
FROM old_messages AS one JOIN threads USING (thread_id)
    LEFT JOIN turns ON turns.thread = threads.id AND turns.turn = one.turn
ORDER BY threads.id, one.turn, place;
INSERT INTO parts (id, version, body)
SELECT messages.id << 16 | old_parts.place, 0, body FROM old_parts JOIN messages USING (message_id) ORDER BY 1;
INSERT INTO usage
SELECT runs.id, '', 0, usage, coalesce(one.model, '')
FROM old_messages AS one JOIN messages USING (message_id) JOIN runs ON runs.run_id = messages.run_id
WHERE usage IS NOT NULL;
""".format(life="iif(instr(parent_key, '#'), substr(parent_key, instr(parent_key, '#') + 1) - 1, 0)")


def create(connection: Connection) -> None:
    """Make the tables in an empty file, within the transaction under way."""
    connection.execute(_TABLES)
    connection.execute(_INDEXES)


def move_to_5(connection: Connection) -> None:
    """Make the tables of the fifth schema and move every row into them, within the transaction under way."""
    connection.execute("DROP TABLE notices")
    for table in _OLD:
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    for name in _names_of_indexes(connection):
        connection.execute(f"DROP INDEX {name}")
    # what the moves look rows up by, where the old schema had no index for it
    connection.execute("CREATE INDEX old_messages_of_turn ON old_messages (thread_id, turn)")
    connection.execute("CREATE INDEX old_turns_of_run ON old_turns (thread_id, run_id)")
    connection.execute("CREATE INDEX old_steps_in_order ON old_steps (run, place)")
    connection.execute(_TABLES)
    connection.execute("CREATE INDEX runs_by_id ON runs (run_id); CREATE INDEX threads_by_id ON threads (thread_id)")
    connection.execute("CREATE INDEX messages_by_id ON messages (message_id)")
    connection.execute(_MOVE)
    move_chunks(connection)
    connection.execute("DROP INDEX runs_by_id; DROP INDEX threads_by_id; DROP INDEX messages_by_id")
    for table in _OLD:
        connection.execute(f"DROP TABLE old_{table}")
    connection.execute(_INDEXES)


def _names_of_indexes(connection: Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    return [str(row[0]) for row in found]
