-- Deletes old rows of the audit log. ?1 the age in ms, ?2 the maximum number of rows.
DELETE FROM audit WHERE (tenant, id) IN (
  SELECT tenant, id FROM audit INDEXED BY audit_by_age
  WHERE at <= CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1 ORDER BY at LIMIT ?2)
RETURNING json_object('id', id)
