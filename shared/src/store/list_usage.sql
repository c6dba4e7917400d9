-- Lists one page of a tenant's usage, the last day first, and each day by model.
-- ?1 tenant, ?2 the first day, ?3 the last day, ?4 the model of that day after which, ?5 rows.
SELECT json_object('day', day, 'model', model, 'calls', calls, 'texts', texts, 'tokens', tokens)
FROM usage WHERE tenant = ?1 AND day BETWEEN ?2 AND ?3 AND (day < ?3 OR model > ?4)
ORDER BY day DESC, model LIMIT ?5
