-- What these documents are cut into is forgotten. ?1 the generation, ?2 [document, ...].
DELETE FROM layouts WHERE (generation, document) IN (SELECT ?1, value FROM json_each(?2)) RETURNING ''
