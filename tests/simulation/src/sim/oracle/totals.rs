//! The totals: at the end they match a count of the jobs and of their attempts.

use crate::sim::engine::world::World;

/// Checks F103: the totals of each series match a count of its jobs, and of the attempts in their logs. An erasure deletes jobs that
/// were counted, and moves totals. Attempts of unknown outcome are left out: a restore ends some without counting them.
pub(crate) fn judge(world: &World) -> Result<(), String> {
    if world.number("SELECT count(*) FROM erasures") > 0 {
        return Ok(());
    }
    let sql = "SELECT group_concat(e.tenant || ' ' || e.kind || ' ' || e.endpoint || ' ' || e.name || ' ' || e.number, '; ') FROM (
          SELECT j.tenant, j.kind, j.endpoint, 'accepted' AS name, count(*) AS number FROM jobs j GROUP BY 1, 2, 3
          UNION ALL SELECT j.tenant, j.kind, j.endpoint, j.state, count(*) FROM jobs j GROUP BY 1, 2, 3, 4
          UNION ALL SELECT j.tenant, j.kind, j.endpoint, 'class:' || iif(l.value ->> 'state' = 'succeeded', 'succeeded',
              l.value -> 'error' ->> 'class'), count(*)
            FROM jobs j CROSS JOIN json_each(j.log) l WHERE l.value ->> 'state' IN ('succeeded', 'failed') GROUP BY 1, 2, 3, 4
          UNION ALL SELECT j.tenant, j.kind, j.endpoint, 'attempts', count(*)
            FROM jobs j CROSS JOIN json_each(j.log) l WHERE l.value ->> 'state' IN ('succeeded', 'failed') GROUP BY 1, 2, 3) e
        LEFT JOIN totals t ON t.tenant = e.tenant AND t.kind = e.kind AND t.endpoint = e.endpoint
        WHERE e.number <> coalesce(iif(e.name = 'attempts',
          (SELECT sum(value) FROM json_each(t.counts) WHERE key GLOB 'attempt:*'), t.counts ->> ('$.\"' || e.name || '\"')), 0)";
    let wrong: Option<String> = world.database.connection().query_row(sql, [], |row| row.get(0)).unwrap();
    wrong.map_or(Ok(()), |wrong| Err(format!("F103: totals do not match the jobs: {wrong}")))
}
