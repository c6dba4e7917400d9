-- Deletes vectors from the embedding cache, so that they are requested again. ?1 tenant, ?2 provider/model/dimensions, ?3
-- [hash, ...].
DELETE FROM vectors WHERE (tenant, model, hash) IN (SELECT ?1, ?2, value FROM json_each(?3)) RETURNING ''
