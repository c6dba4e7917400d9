-- The walks of other rotations are over. ?1 the ids of the keys whose walk goes on, '' for none.
DELETE FROM rotations WHERE keys <> ?1
RETURNING json_object('keys', keys)
