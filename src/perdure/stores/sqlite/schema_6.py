"""The sixth schema, as what changes in the fifth.

The entries of streams lie under one integer each, the run's number and the seq, as steps do: an entry is one page of
the log where it was two, its row's and its place in an index. No number tells any more in which order the entries of
different runs were appended: other processes look at the heads of the streams that they follow (see `news`).

The row of a turn's run says which turn it is, so neither turns by run nor their runs by thread have an index: the
two were two pages of each turn. `runs_thread` holds the few runs that name a thread and are no turn of it.

What is looked for by a queue, or a status, or a tenant, and a workflow has an index of both, so that nobody walks what
belongs to others. `runs_status` is the one index of every run's status: a list of all workflows asks for each of them
(`listing`), which costs less than an index more of each run. An index that only some runs are in is written only for
them.
"""

from __future__ import annotations

from perdure.core.records import ENTRY_BITS

# an entry of run 0 was of no run
TO_6 = f"""
ALTER TABLE chunks RENAME TO old_chunks;
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    from_seq INTEGER NOT NULL,
    lane TEXT NOT NULL,
    format INTEGER NOT NULL DEFAULT 1,
    body BLOB NOT NULL
);
INSERT INTO chunks (id, from_seq, lane, format, body)
SELECT run << {ENTRY_BITS} | seq, from_seq, lane, format, body FROM old_chunks WHERE run > 0 ORDER BY run, seq;
DROP TABLE old_chunks;
DROP INDEX turns_run;
DROP INDEX runs_thread;
DROP INDEX runs_ready;
DROP INDEX runs_due;
DROP INDEX runs_tenant;
DROP INDEX runs_status;
DROP INDEX runs_workflow;
DROP INDEX threads_tenant;
DROP INDEX questions_tenant;
CREATE INDEX runs_thread ON runs (thread_id) WHERE thread_id IS NOT NULL AND turn IS NULL;
CREATE INDEX threads_id ON threads (thread_id);
CREATE INDEX runs_ready ON runs (queue, workflow, ready_at) WHERE ready_at IS NOT NULL;
CREATE INDEX runs_due ON runs (queue, workflow, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_status ON runs (status, workflow, created_at, queue);
CREATE INDEX runs_tenant ON runs (tenant, status, workflow, created_at) WHERE tenant <> '';
CREATE INDEX threads_tenant ON threads (tenant, created_at);
CREATE INDEX threads_tenant_agent ON threads (tenant, agent, created_at);
CREATE INDEX questions_tenant ON questions (tenant, asked_at);
"""
