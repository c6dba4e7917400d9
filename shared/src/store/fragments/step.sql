-- Condition of a step's statements: the action still runs and no other call has done the step. Always true without an action. ?1
-- tenant, ?3 {"action","step"} or NULL.
(?3 IS NULL OR EXISTS (SELECT 1 FROM actions a WHERE a.tenant = ?1 AND a.id = ?3 ->> 'action' AND a.state = 'running'
    AND a.step = ?3 ->> 'step'))
