-- Reads vectors from the embedding cache. ?1 tenant, ?2 provider/model/dimensions, ?3 [hash, ...].
SELECT json_array(v.hash, v.vector)
FROM json_each(?3) j CROSS JOIN vectors v ON v.tenant = ?1 AND v.model = ?2 AND v.hash = j.value
