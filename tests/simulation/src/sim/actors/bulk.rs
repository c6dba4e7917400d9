//! Orders sent as lines of one bulk request, with pauses between them, through the producer's real intake.

use longshore::accept::accepted::Accepted;
use longshore::accept::authorize::Caller;
use longshore::accept::bulk::{BulkRequest, Intake, LineSource, Results};
use longshore::limits::BULK_PAUSE_MS;
use longshore::settings::Settings;
use longshore::wire::problem::Problem;

use crate::sim::actors::repeats::Answers;
use crate::sim::engine::ports::Node;

/// Lines that arrive over time.
struct Sent<'a> {
    node: &'a Node,
    lines: std::slice::Iter<'a, String>,
    /// Number of lines that arrived and were not read yet.
    come: usize,
    /// Time when the next line arrives. It is kept, so that a dropped wait counts.
    due: Option<i64>,
    ended: bool,
}

impl LineSource for Sent<'_> {
    fn next_whole(&mut self) -> Option<Result<String, Problem>> {
        self.come = self.come.checked_sub(1)?;
        self.lines.next().map(|line| Ok(line.clone()))
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    async fn more(&mut self) -> Result<(), Problem> {
        let world = &self.node.world;
        // Now and then longer than the intake waits for more lines of one accept.
        let due = *self.due.get_or_insert_with(|| world.now() + world.random.between(1, 2 * BULK_PAUSE_MS));
        world.sleep(due - world.now()).await;
        self.due = None;
        if self.lines.len() == self.come {
            self.ended = true;
        } else {
            self.come += 1;
        }
        Ok(())
    }
}

/// Answer for a line that was not read, because the store accepts no new jobs.
pub(crate) const UNREAD: Problem = Problem::Unavailable;

/// Answers so far, by line.
#[derive(Default)]
struct Answered(Vec<(usize, Result<Accepted, Problem>)>);

impl Results for Answered {
    fn add(&mut self, results: Vec<(usize, Result<Accepted, Problem>)>) {
        self.0.extend(results);
    }
}

/// Requests the jobs of these lines. The intake sends the hints itself.
pub(crate) async fn ask(node: &Node, settings: &Settings, caller: &Caller, lines: &[String]) -> Answers {
    let mut sent = Sent { node, lines: lines.iter(), come: 0, due: None, ended: false };
    let request = BulkRequest { caller: caller.clone(), key: None, documents: None };
    let mut answered = Answered::default();
    let summary = Intake::new(node, settings, request, &mut sent).run(&mut answered).await;
    let read = answered.0.len();
    assert!(answered.0.iter().map(|(number, _)| *number).eq(0..read), "every line has one answer, in order");
    match summary.problem {
        // Jobs accepted before stay accepted; the lines after the problem were not read.
        Some(Problem::StorageFull | Problem::QuotaReached) => {
            answered.0.extend((read..lines.len()).map(|number| (number, Err(UNREAD))));
        }
        Some(problem) => return Err(problem),
        None => assert_eq!(read, lines.len(), "a line without an answer"),
    }
    let hinted = |answer: Result<Accepted, Problem>| answer.map(|accepted| Accepted { hint: None, ..accepted });
    Ok(answered.0.into_iter().map(|(_, answer)| hinted(answer)).collect())
}
