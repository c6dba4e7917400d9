-- A row of `actions` with the counts of its jobs. Three objects are merged into one, because a function takes at most 32
-- arguments on D1. The second has the columns that may be NULL.
json_patch(json_patch(
  json_object('tenant', actions.tenant, 'id', actions.id, 'verb', actions.verb, 'filter', json(actions.filter),
    'include_retrying', actions.include_retrying, 'state', actions.state, 'created_at', actions.created_at, 'expected', actions.expected,
    'expects_more', actions.expects_more, 'next_start_at', actions.next_start_at, 'step', actions.step,
    'position', json(actions.position), 'matched', actions.matched, 'done', actions.done, 'now', CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  json_object('note', actions.note, 'paused_reason', actions.paused_reason, 'ended_at', actions.ended_at, 'rate', actions.rate,
    'canary', actions.canary, 'canary_ms', actions.canary_ms, 'canary_state', actions.canary_state, 'canary_until', actions.canary_until)),
  coalesce((SELECT json_object('total', g.total, 'succeeded', g.succeeded, 'failed', g.dead + g.replayed, 'cancelled', g.cancelled,
      'finished_at', g.finished_at)
    FROM groups g WHERE g.tenant = actions.tenant AND g.id = ':' || actions.id), '{}'))
