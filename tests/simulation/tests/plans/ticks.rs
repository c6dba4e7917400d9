//! Ticks of the producer stay within the subrequests of the free plan.

use futures_util::FutureExt;
use longshore::limits::CATCH_UP_OCCURRENCES_AT_ONCE;
use longshore::limits::plan::FREE;
use longshore::manage::actions::steps::tick as take_steps;
use longshore::schedules::fire::tick;

use super::counted::{Counted, NOW};
use super::settings;

#[test]
fn a_free_tick_keeps_within_its_subrequests() {
    let world = Counted::new();
    // More than one tick takes, each an hour behind: a round inserts the most jobs that it may.
    for n in 0..150 {
        let sql = format!(
            "INSERT INTO schedules (tenant, id, revision, cron, time_zone, overlap, catch_up, paused, last_occurrence, next_at,
               endpoint, job, created_at, updated_at)
             VALUES ('acme', 's{n}', 'r', '* * * * *', 'UTC', 'allow', 'all', 0, {NOW} - 3600000, {NOW} - 3540000, '',
               '{{\"kind\":\"webhook\",\"payload\":\"{{}}\",\"digest\":\"d\",\"max_attempts_default\":3,\"backoff_default\":\"fast\"}}', 0, 0)"
        );
        world.store.connection().execute(&sql, []).unwrap();
    }
    let made = tick(&world, &settings(FREE)).now_or_never().unwrap().unwrap();
    assert_eq!(made, FREE.tick_rounds * 50 * CATCH_UP_OCCURRENCES_AT_ONCE, "two full rounds");
    // Another subrequest records the tick.
    let spent = world.subrequests.get() + 1;
    assert!(spent <= FREE.subrequests, "{spent} subrequests");
    assert_eq!(world.hinted(), made);
}

#[test]
fn a_free_tick_keeps_within_its_subrequests_with_actions() {
    let world = Counted::new();
    // Dead letters with large payloads, accepted on another plan: each needs a copy.
    let connection = world.store.connection();
    for n in 0..20 {
        let job = world.insert(1, ", payload_bytes", ", 70000").remove(0);
        let died =
            "UPDATE jobs SET state = 'dead', dead_state = 'open', finished_at = ?2, next_check_at = NULL WHERE id = ?1";
        connection.execute(died, (&job.id, NOW - 1_000 + n)).unwrap();
    }
    let action = format!(
        "INSERT INTO actions (tenant, id, verb, filter, include_retrying, state, created_at, expected, expects_more, next_start_at,
           position, turn_at)
         VALUES ('acme', 'act_1', 'replay', '{{}}', 0, 'running', {NOW}, 20, 0, 0, '[0,0,\"\"]', 0)"
    );
    connection.execute(&action, []).unwrap();
    world.object.replace(vec![b'x'; 70_000]);
    let before = world.subrequests.get();
    let steps = take_steps(&world, &settings(FREE)).now_or_never().unwrap().unwrap();
    let replayed: u32 = connection.query_row("SELECT done FROM actions", [], |row| row.get(0)).unwrap();
    assert_eq!(
        (steps, usize::try_from(replayed).unwrap()),
        (FREE.action_steps, FREE.action_steps * FREE.action_copies)
    );
    // The rounds of the schedules come before, with 3 calls each, and another call records the tick.
    let spent = world.subrequests.get() - before + FREE.tick_rounds * 3 + 1;
    assert!(spent <= FREE.subrequests, "{spent} subrequests");
}
