-- Where a job comes from: the trace its request belongs to, and how many jobs were before it in a chain of them.

-- As the caller's traceparent says, or NULL; each attempt goes on with it.
ALTER TABLE jobs ADD COLUMN traceparent TEXT;
-- The Longshore-Hops of its request: 0 unless a job's request made it.
ALTER TABLE jobs ADD COLUMN hops INTEGER NOT NULL DEFAULT 0;
