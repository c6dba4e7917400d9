-- From now on nothing of a source stands that was accepted before this version. ?1 the id of the index, ?2 the source, ?3 the
-- version. Of two the later one is kept.
INSERT INTO removals (index_id, source, version) SELECT i.id, ?2, ?3 FROM indexes i WHERE i.id = ?1
ON CONFLICT (index_id, source) DO UPDATE SET version = excluded.version WHERE excluded.version > removals.version
RETURNING ''
