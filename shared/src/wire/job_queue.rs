//! The queues of hints. Hints of tasks have a separate queue, so that long tasks never delay webhooks. Hints of a quiet
//! time have one that does not wait for more.

use crate::limits::TASKS_AT_ONCE;

/// Queue that carries a job's hints. A task may take minutes and must not delay webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobQueue {
    /// Queue of webhooks, which take 30 seconds at most.
    Webhooks,
    /// Queue of tasks, which take 10 minutes at most.
    Tasks,
    /// Queue of the same jobs as `Webhooks`, whose messages are delivered at once. The consumer runs its jobs as those of
    /// `Webhooks`.
    Express,
}

impl JobQueue {
    /// Returns the queue of a kind. A kind's name has a dot if, and only if, it is a task.
    pub fn of(kind: &str) -> JobQueue {
        if kind.contains('.') { JobQueue::Tasks } else { JobQueue::Webhooks }
    }

    /// Returns how many jobs of this queue run in parallel, given the number for webhooks.
    pub fn at_once(self, webhooks: usize) -> usize {
        match self {
            JobQueue::Webhooks | JobQueue::Express => webhooks,
            JobQueue::Tasks => webhooks.min(TASKS_AT_ONCE),
        }
    }
}
