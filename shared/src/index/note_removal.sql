-- Records the removal of a source: documents of it with an older version are superseded. ?1 id of the index, ?2 the source, ?3
-- the version. Keeps the later of two versions.
INSERT INTO removals (index_id, source, version) SELECT i.id, ?2, ?3 FROM indexes i WHERE i.id = ?1
ON CONFLICT (index_id, source) DO UPDATE SET version = excluded.version WHERE excluded.version > removals.version
RETURNING ''
