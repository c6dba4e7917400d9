//! The two queues: hints of tasks travel apart, so that long tasks never sit in front of webhooks.

use crate::limits::TASKS_AT_ONCE;

/// The queue that a job's hints travel in: a task may take minutes, and must not sit in front of webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobQueue {
    /// Webhooks: 30 seconds at most.
    Webhooks,
    /// Tasks: 10 minutes at most.
    Tasks,
}

impl JobQueue {
    /// The queue of a kind. A kind's name has a dot if, and only if, it is a task.
    pub fn of(kind: &str) -> JobQueue {
        if kind.contains('.') { JobQueue::Tasks } else { JobQueue::Webhooks }
    }

    /// How many of its jobs are taken at once where so many webhooks are.
    pub fn at_once(self, webhooks: usize) -> usize {
        match self {
            JobQueue::Webhooks => webhooks,
            JobQueue::Tasks => webhooks.min(TASKS_AT_ONCE),
        }
    }
}
