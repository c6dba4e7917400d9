-- Records that an operator pauses, resumes or deletes an endpoint. It runs before set_endpoint_state.sql. ?1 as in audit.sql, ?2 the
-- state, ?3 the reason of a pause or NULL.
-- include: audit.sql
  ?1 ->> 'tenant', CASE ?2 WHEN 'deleted' THEN
-- include: endpoint_settings.sql
  ELSE json_object('state', state, 'paused_reason', paused_reason) END,
  CASE WHEN ?2 <> 'deleted' THEN json_object('state', ?2, 'paused_reason', ?3) END
FROM endpoints WHERE tenant = ?1 ->> 'tenant' AND endpoints.id = ?1 ->> 'target' AND state <> 'deleted'
  AND (state <> ?2 OR paused_reason IS NOT ?3)
ON CONFLICT DO NOTHING
RETURNING json_object('id', id)
