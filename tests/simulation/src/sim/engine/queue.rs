//! The queue: it drops, duplicates, delays, hurries and reorders messages, and re-delivers those that were not
//! acknowledged.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use longshore::consume::MessageBody;
use longshore::model::hint::VERSION;
use longshore::wire::job_queue::JobQueue;

use crate::sim::actors::consumers;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::world::World;

/// Names of the consumer's queues.
pub(crate) const HINTS_QUEUE: &str = "hints";
pub(crate) const TASK_HINTS_QUEUE: &str = "task-hints";
pub(crate) const DEAD_HINTS_QUEUE: &str = "dead-hints";
/// Most messages of one batch, and most batches at once.
const BATCH_MAX: i64 = 10;
const CONSUMERS_MAX: u32 = 4;

/// A message.
#[derive(Debug, Clone)]
pub(crate) struct QueueMessage {
    pub(crate) queue: JobQueue,
    pub(crate) text: String,
    number: u64,
    deliveries: u32,
}

/// The queues of hints.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: RefCell<BTreeMap<(i64, u64), QueueMessage>>,
    count: Cell<u64>,
    numbers: Cell<u64>,
    consumers: Cell<u32>,
    /// Deliveries after which a message goes to the dead-letter queue.
    pub(crate) deliveries_max: Cell<u32>,
    /// True if the queue takes messages and never delivers one, even without any fault.
    pub(crate) is_dead: Cell<bool>,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty() && self.consumers.get() == 0
    }

    /// Takes a message, to be delivered after a delay.
    pub(crate) fn send(&self, world: &World, queue: JobQueue, text: &str, delay_ms: i64) {
        if self.is_dead.get() || world.hits(Fault::QueueDrop) {
            return;
        }
        let other = format!("\"v\":{}", VERSION + 1);
        let text =
            if world.hits(Fault::OtherVersion) { &text.replace(&format!("\"v\":{VERSION}"), &other) } else { text };
        let copies = if world.hits(Fault::QueueDuplicate) { 2 } else { 1 };
        for _ in 0..copies {
            let mut delay = delay_ms + world.random.between(10, 1_500);
            if world.hits(Fault::QueueDelay) {
                delay += world.random.between(1_000, 600_000);
            } else if delay_ms > 0 && world.hits(Fault::QueueEarly) {
                delay = world.random.between(10, delay_ms.max(11));
            }
            self.numbers.update(|number| number + 1);
            let number = self.numbers.get();
            self.put(world, QueueMessage { queue, text: text.to_owned(), number, deliveries: 0 }, delay);
        }
    }

    fn put(&self, world: &World, message: QueueMessage, delay: i64) {
        self.count.update(|count| count + 1);
        let at = world.now() + delay;
        self.waiting.borrow_mut().insert((at, self.count.get()), message);
        world.executor.happen_at(at, |world| world.queue.deliver(world));
    }

    /// Starts consumers while there are messages for them.
    pub(crate) fn deliver(&self, world: &Rc<World>) {
        while world.has_queue() && self.consumers.get() < CONSUMERS_MAX {
            let most = usize::try_from(world.random.between(1, BATCH_MAX)).unwrap();
            let mut messages = Vec::new();
            let mut waiting = self.waiting.borrow_mut();
            while messages.len() < most
                && let Some(entry) = waiting.first_entry()
                && entry.key().0 <= world.now()
                && messages.first().is_none_or(|first: &QueueMessage| first.queue == entry.get().queue)
            {
                messages.push(entry.remove());
            }
            drop(waiting);
            if messages.is_empty() {
                return;
            }
            self.consumers.update(|consumers| consumers + 1);
            let queue = messages.first().map_or(DEAD_HINTS_QUEUE, |message| queue_of(message.queue));
            consumers::spawn(world, Delivery::new(world, queue, messages));
        }
    }

    /// Re-delivers a message later, or moves it to the dead-letter queue after the last delivery.
    fn put_back(&self, world: &Rc<World>, mut message: QueueMessage, delay: i64) {
        message.deliveries += 1;
        if message.deliveries < self.deliveries_max.get() {
            self.put(world, message, delay);
        } else {
            consumers::spawn(world, Delivery::new(world, DEAD_HINTS_QUEUE, vec![message]));
        }
    }
}

fn queue_of(queue: JobQueue) -> &'static str {
    match queue {
        JobQueue::Webhooks | JobQueue::Express => HINTS_QUEUE,
        JobQueue::Tasks => TASK_HINTS_QUEUE,
    }
}

/// A batch that a consumer holds. Messages that it still holds when dropped return to the queue.
pub(crate) struct Delivery {
    world: Rc<World>,
    pub(crate) queue: &'static str,
    /// Messages that were neither acknowledged nor retried yet.
    messages: RefCell<BTreeMap<u64, QueueMessage>>,
}

impl Delivery {
    fn new(world: &Rc<World>, queue: &'static str, messages: Vec<QueueMessage>) -> Rc<Delivery> {
        let messages = messages.into_iter().map(|message| (message.number, message)).collect();
        Rc::new(Delivery { world: world.clone(), queue, messages: RefCell::new(messages) })
    }

    /// Messages, as the core's consumer takes them.
    pub(crate) fn messages(self: &Rc<Self>) -> Vec<Delivered> {
        let numbers = self.messages.borrow().keys().copied().collect::<Vec<_>>();
        numbers.into_iter().map(|number| Delivered { delivery: self.clone(), number }).collect()
    }

    /// Ends the delivery after the handler returned: the platform acknowledges all remaining messages.
    pub(crate) fn returned(&self) {
        self.messages.borrow_mut().clear();
    }

    /// Returns a message to its queue. Messages of the dead-letter queue never come again here: the sweep alone must
    /// suffice.
    fn give_back(&self, message: QueueMessage, delay: i64) {
        if self.queue != DEAD_HINTS_QUEUE {
            self.world.queue.put_back(&self.world, message, delay);
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let world = &self.world;
        if world.ended.get() {
            return;
        }
        for message in self.messages.take().into_values() {
            self.give_back(message, world.random.between(100, 30_000));
        }
        if self.queue != DEAD_HINTS_QUEUE {
            world.queue.consumers.update(|consumers| consumers - 1);
            world.executor.happen_at(world.now(), |world| world.queue.deliver(world));
        }
    }
}

/// One message of a batch.
pub(crate) struct Delivered {
    delivery: Rc<Delivery>,
    number: u64,
}

impl longshore::consume::QueueMessage for Delivered {
    fn id(&self) -> String {
        format!("message-{}", self.number)
    }

    fn body(&self) -> MessageBody {
        let messages = self.delivery.messages.borrow();
        MessageBody::Text(messages.get(&self.number).map(|message| message.text.clone()).unwrap_or_default())
    }

    fn ack(&self) {
        self.delivery.messages.borrow_mut().remove(&self.number);
    }

    fn retry(&self, delay_seconds: u32) {
        let message = self.delivery.messages.borrow_mut().remove(&self.number);
        if let Some(message) = message {
            let delay = i64::from(delay_seconds) * 1_000 + self.delivery.world.random.between(10, 1_500);
            self.delivery.give_back(message, delay);
        }
    }
}
