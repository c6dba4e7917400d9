-- Columns of `jobs` that the filters of an action and its steps need.
state, kind, endpoint, job_group, event_id, cause, action, dead_state, dead_reason, schedule, created_at, finished_at, metadata,
cancel_requested, payload_bytes
