-- Condition under which a job of `jobs` can be retried now.
+state IN ('scheduled', 'queued', 'retrying')
