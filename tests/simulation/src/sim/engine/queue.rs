//! The queue: it drops, doubles, delays, hurries and reorders, and delivers again what nobody acknowledged.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use longshore::model::hint::VERSION;
use longshore::wire::lane::Lane;

use crate::sim::actors::consumers;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::world::World;

/// Messages of one batch, and batches at once.
const BATCH_MAX: i64 = 10;
const CONSUMERS_MAX: u32 = 4;

/// A message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) lane: Lane,
    pub(crate) text: String,
    deliveries: u32,
}

/// The queue of hints.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: RefCell<BTreeMap<(i64, u64), Message>>,
    count: Cell<u64>,
    consumers: Cell<u32>,
    /// Deliveries after which a message goes to the dead-letter queue.
    pub(crate) deliveries_max: Cell<u32>,
    /// It takes messages and never delivers one, also when all else is well.
    pub(crate) is_dead: Cell<bool>,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty() && self.consumers.get() == 0
    }

    /// Takes a message, to be delivered after a delay.
    pub(crate) fn send(&self, world: &World, lane: Lane, text: &str, delay_ms: i64) {
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
            self.put(world, Message { lane, text: text.to_owned(), deliveries: 0 }, delay);
        }
    }

    fn put(&self, world: &World, message: Message, delay: i64) {
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
                && messages.first().is_none_or(|first: &Message| first.lane == entry.get().lane)
            {
                messages.push(entry.remove());
            }
            drop(waiting);
            if messages.is_empty() {
                return;
            }
            self.consumers.update(|consumers| consumers + 1);
            consumers::spawn(world, Delivery { world: world.clone(), messages: RefCell::new(messages) });
        }
    }
}

/// A batch in the hands of a consumer. Dropped with messages in it, it returns them to the queue.
pub(crate) struct Delivery {
    world: Rc<World>,
    messages: RefCell<Vec<Message>>,
}

impl Delivery {
    pub(crate) fn texts(&self) -> Vec<String> {
        self.messages.borrow().iter().map(|message| message.text.clone()).collect()
    }

    /// The queue that it came from; an empty one runs nothing.
    pub(crate) fn lane(&self) -> Lane {
        self.messages.borrow().first().map_or(Lane::Webhooks, |message| message.lane)
    }

    /// Acknowledges all messages.
    pub(crate) fn ack(&self) {
        self.messages.borrow_mut().clear();
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let world = &self.world;
        if world.ended.get() {
            return;
        }
        world.queue.consumers.update(|consumers| consumers - 1);
        for mut message in self.messages.take() {
            message.deliveries += 1;
            if message.deliveries < world.queue.deliveries_max.get() {
                world.queue.put(world, message, world.random.between(100, 30_000));
            } else {
                consumers::spawn_dead(world, message.text);
            }
        }
        world.executor.happen_at(world.now(), |world| world.queue.deliver(world));
    }
}
