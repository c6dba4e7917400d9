-- Adds vectors to the embedding cache. ?1 tenant, ?2 provider/model/dimensions, ?3 [[hash, vector], ...].
INSERT INTO vectors (tenant, model, hash, vector, made_at)
SELECT ?1, ?2, j.value ->> 0, j.value ->> 1, CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM json_each(?3) j WHERE true
ON CONFLICT (tenant, model, hash) DO NOTHING
RETURNING ''
