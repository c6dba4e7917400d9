-- Deletes the walks of other rotations. ?1 the ids of the keys whose walk continues; '' for none.
DELETE FROM rotations WHERE keys <> ?1
RETURNING json_object('keys', keys)
