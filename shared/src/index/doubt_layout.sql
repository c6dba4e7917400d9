-- A document counts as not cut, until it is cut again. ?1 the generation, ?2 the document.
UPDATE layouts SET hash = '' WHERE generation = ?1 AND document = ?2 RETURNING ''
