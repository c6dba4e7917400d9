//! The executor: tasks with real wakers, a virtual clock, and events that happen even after their task was dropped.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::LocalBoxFuture;

use crate::sim::engine::faults::{Fault, Tally};
use crate::sim::engine::world::World;

/// Fate of a task at its nth poll.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Doom {
    /// Poll at which the task is dropped, and the fault to count.
    pub(crate) crash: Option<(u32, Fault)>,
    /// Poll from which the task stands still, and for how many milliseconds.
    pub(crate) freeze: Option<(u32, i64)>,
}

struct Task {
    future: LocalBoxFuture<'static, ()>,
    waker: Waker,
    doom: Doom,
    polls: u32,
    frozen_until: i64,
}

type Ready = Arc<Mutex<VecDeque<u64>>>;

struct TaskWaker {
    task: u64,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.lock().unwrap().push_back(self.task);
    }
}

type Happening = Box<dyn FnOnce(&Rc<World>)>;

enum Event {
    Wake(Waker),
    Happen(Happening),
}

/// Tasks, time and events.
#[derive(Default)]
pub(crate) struct Executor {
    now: Cell<i64>,
    count: Cell<u64>,
    events: RefCell<BTreeMap<(i64, u64), Event>>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    ready: Ready,
    calm: Cell<bool>,
    pub(crate) tally: Tally,
}

impl Executor {
    pub(crate) fn starting_at(ms: i64) -> Self {
        Self { now: Cell::new(ms), ..Self::default() }
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.get()
    }

    fn number(&self) -> u64 {
        self.count.update(|count| count + 1);
        self.count.get()
    }

    pub(crate) fn spawn(&self, doom: Doom, future: impl Future<Output = ()> + 'static) {
        let id = self.number();
        let waker = Waker::from(Arc::new(TaskWaker { task: id, ready: self.ready.clone() }));
        let task = Task { future: Box::pin(future), waker, doom, polls: 0, frozen_until: 0 };
        self.tasks.borrow_mut().insert(id, task);
        self.ready.lock().unwrap().push_back(id);
    }

    pub(crate) fn happen_at(&self, at: i64, what: impl FnOnce(&Rc<World>) + 'static) {
        let key = (at.max(self.now()), self.number());
        self.events.borrow_mut().insert(key, Event::Happen(Box::new(what)));
    }

    fn wake_at(&self, at: i64, waker: Waker) {
        let key = (at.max(self.now()), self.number());
        self.events.borrow_mut().insert(key, Event::Wake(waker));
    }

    pub(crate) fn tasks_alive(&self) -> usize {
        self.tasks.borrow().len()
    }

    /// Stops crashes and freezes of tasks.
    pub(crate) fn calm_down(&self) {
        self.calm.set(true);
        for task in self.tasks.borrow_mut().values_mut() {
            task.frozen_until = 0;
        }
        let ids: Vec<u64> = self.tasks.borrow().keys().copied().collect();
        self.ready.lock().unwrap().extend(ids);
    }

    /// Drops all tasks and events, so that nothing refers to the world afterwards.
    pub(crate) fn clear(&self) {
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(tasks);
        let events = std::mem::take(&mut *self.events.borrow_mut());
        drop(events);
    }

    /// Runs all ready tasks, then the next event unless it is after `until`. Returns false if no event was left.
    pub(crate) fn step(&self, world: &Rc<World>, until: i64) -> bool {
        loop {
            let next = self.ready.lock().unwrap().pop_front();
            let Some(task) = next else { break };
            self.poll(task);
        }
        let next = {
            let mut events = self.events.borrow_mut();
            match events.first_key_value() {
                Some(((at, _), _)) if *at <= until => events.pop_first(),
                _ => None,
            }
        };
        match next {
            None => {
                self.now.set(self.now().max(until));
                false
            }
            Some(((at, _), event)) => {
                self.now.set(at);
                match event {
                    Event::Wake(waker) => waker.wake(),
                    Event::Happen(what) => what(world),
                }
                true
            }
        }
    }

    fn poll(&self, id: u64) {
        let Some(mut task) = self.tasks.borrow_mut().remove(&id) else { return };
        let now = self.now();
        if !self.calm.get() {
            task.polls += 1;
            if let Some((at, fault)) = task.doom.crash
                && task.polls == at
            {
                self.tally.hit(fault);
                return; // Drops the task at its current await.
            }
            if let Some((at, ms)) = task.doom.freeze
                && task.polls == at
            {
                self.tally.hit(Fault::Freeze);
                task.frozen_until = now + ms;
            }
            if task.frozen_until > now {
                self.wake_at(task.frozen_until, task.waker.clone());
                self.tasks.borrow_mut().insert(id, task);
                return;
            }
        }
        let waker = task.waker.clone();
        if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.tasks.borrow_mut().insert(id, task);
        }
    }
}

/// A call into the world: its effect happens after a delay, even if the caller was dropped by then.
pub(crate) struct Call<T> {
    occurrence: Rc<RefCell<Occurrence<T>>>,
    survives: bool,
}

struct Occurrence<T> {
    answer: Option<T>,
    waker: Option<Waker>,
    cancelled: bool,
}

impl<T: 'static> Call<T> {
    /// A call whose `effect` happens in `before` ms and whose answer arrives `after` ms later. `survives` decides if
    /// the effect happens although the caller was dropped before it.
    pub(crate) fn new(
        world: &World,
        (before, after): (i64, i64),
        survives: bool,
        effect: impl FnOnce(&Rc<World>) -> T + 'static,
    ) -> Self {
        let occurrence = Rc::new(RefCell::new(Occurrence { answer: None, waker: None, cancelled: false }));
        let theirs = occurrence.clone();
        world.executor.happen_at(world.executor.now() + before, move |world| {
            if theirs.borrow().cancelled {
                return;
            }
            let answer = effect(world);
            world.executor.happen_at(world.executor.now() + after, move |_| {
                let waker = {
                    let mut occurrence = theirs.borrow_mut();
                    occurrence.answer = Some(answer);
                    occurrence.waker.take()
                };
                if let Some(waker) = waker {
                    waker.wake();
                }
            });
        });
        Self { occurrence, survives }
    }
}

impl<T> Future for Call<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut occurrence = self.occurrence.borrow_mut();
        if let Some(answer) = occurrence.answer.take() {
            return Poll::Ready(answer);
        }
        occurrence.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for Call<T> {
    fn drop(&mut self) {
        self.occurrence.borrow_mut().cancelled = !self.survives;
    }
}
