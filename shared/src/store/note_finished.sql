-- Records the webhook jobs of groups that have finished, or why there is none: so a repeat, and a group that is reopened, make no
-- second one. It runs after insert_finished.sql. ?1 as in finished_groups.sql.
-- include: finished_groups.sql
UPDATE groups SET on_finished_job = v.job, on_finished_error = v.error
FROM finished v
WHERE groups.tenant = v.tenant AND groups.id = v.id AND groups.on_finished_job IS NULL
RETURNING json_object('id', groups.id)
