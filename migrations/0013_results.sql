-- What became of the results of jobs, and what others say of their traces.

-- Why a job that succeeded has no result: the code of the reason, or NULL.
ALTER TABLE jobs ADD COLUMN result_error TEXT;
-- The tracestate beside the traceparent of its request, or NULL; each attempt goes on with it.
ALTER TABLE jobs ADD COLUMN tracestate TEXT;
