-- Advances the walk of a rotation, unless another sweep has moved it.
-- ?1 {"keys","seen_place","seen_at","seen_began_at","place","at","began_at","since","found","left","done_at"}.
UPDATE rotations SET place = ?1 ->> 'place', at = ?1 ->> 'at', began_at = ?1 ->> 'began_at', since = ?1 ->> 'since',
  found = ?1 ->> 'found', rows_left = ?1 ->> 'left', done_at = ?1 ->> 'done_at'
WHERE keys = ?1 ->> 'keys' AND place = ?1 ->> 'seen_place' AND at = ?1 ->> 'seen_at' AND began_at = ?1 ->> 'seen_began_at'
RETURNING json_object('keys', keys)
