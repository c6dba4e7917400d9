-- Condition under which a job of `jobs` can be cancelled.
+state IN ('scheduled', 'queued', 'running', 'retrying', 'held') AND (+state <> 'running' OR cancel_requested = 0)
