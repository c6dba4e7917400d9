//! Orders as lines of one bulk request, which come one after the other and pause, through the intake that the producer ships.

use longshore::accept::accepted::Accepted;
use longshore::accept::authorize::Caller;
use longshore::accept::bulk::{BulkRequest, Intake, LineSource, Results};
use longshore::limits::BULK_PAUSE_MS;
use longshore::settings::Settings;
use longshore::wire::problem::Problem;

use crate::sim::actors::repeats::Answers;
use crate::sim::engine::ports::Node;

/// Lines on their way.
struct Sent<'a> {
    node: &'a Node,
    lines: std::slice::Iter<'a, String>,
    /// How many have come and were not read yet.
    come: usize,
    /// When the next is there: a wait that was dropped has passed.
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
        // Longer than the intake waits for more of one accept, now and then.
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

/// What a line is answered that was not read, because the store takes no new jobs.
pub(crate) const UNREAD: Problem = Problem::Unavailable;

/// What was answered, line by line.
#[derive(Default)]
struct Told(Vec<(usize, Result<Accepted, Problem>)>);

impl Results for Told {
    fn add(&mut self, results: Vec<(usize, Result<Accepted, Problem>)>) {
        self.0.extend(results);
    }
}

/// Asks for the jobs of these lines; each was hinted when it was accepted.
pub(crate) async fn ask(node: &Node, settings: &Settings, caller: &Caller, lines: &[String]) -> Answers {
    let mut sent = Sent { node, lines: lines.iter(), come: 0, due: None, ended: false };
    let request = BulkRequest { caller: caller.clone(), key: None, documents: None };
    let mut told = Told::default();
    let summary = Intake::new(node, settings, request, &mut sent).run(&mut told).await;
    let read = told.0.len();
    assert!(told.0.iter().map(|(number, _)| *number).eq(0..read), "each line has one answer, in its order");
    match summary.problem {
        // What was accepted before stays accepted, and the lines after it were not read.
        Some(Problem::StorageFull | Problem::QuotaReached) => {
            told.0.extend((read..lines.len()).map(|number| (number, Err(UNREAD))));
        }
        Some(problem) => return Err(problem),
        None => assert_eq!(read, lines.len(), "a line that was not answered"),
    }
    let hinted = |answer: Result<Accepted, Problem>| answer.map(|accepted| Accepted { hint: None, ..accepted });
    Ok(told.0.into_iter().map(|(_, answer)| hinted(answer)).collect())
}
