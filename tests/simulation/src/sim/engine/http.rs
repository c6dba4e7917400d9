//! Port to destinations and to the embedding provider: a request waits, arrives and is answered, unless a fault hits.

use std::rc::Rc;

use longshore::ports::{Http, HttpError, HttpRequest, HttpResponse};

use crate::sim::actors::providers;
use crate::sim::bugs::sabotage::Switch;
use crate::sim::engine::executor::Call;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::ports::Node;
use crate::sim::engine::world::World;

impl Http for Node {
    async fn send_request(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        self.count();
        let request = request.clone();
        let world = &self.world;
        let is_asked = providers::is_asked(&request);
        world.provider_calls.update(|calls| calls + i64::from(is_asked));
        // These faults hit a provider independent of the texts of the call.
        let hits = |fault| {
            let hit = world.hits(fault);
            if hit && is_asked {
                world.poison.excuse(&self.tokens.borrow());
            }
            hit
        };
        let timeout = i64::try_from(request.timeout.as_millis()).unwrap();
        let timeout_ms = request.timeout.as_secs() * 1_000;
        let timed_out = Err(HttpError::Timeout(timeout_ms));
        if hits(Fault::HttpConnect) {
            world.sleep(self.latency(200).0).await;
            return Err(HttpError::Connect("refused".into()));
        }
        let hangs = hits(Fault::HttpHang);
        if hangs && world.random.per_mille(300) {
            world.sleep(self.scaled(timeout)).await;
            return timed_out;
        }
        let answer_lost = hits(Fault::HttpAnswerLost);
        let (before, mut after) = self.latency(1_500);
        if hangs {
            after = self.scaled(timeout) - before;
        }
        let tokens = self.tokens.clone();
        let resends =
            hangs && world.has(Switch::ResendsAfterHangs) || answer_lost && world.has(Switch::ResendsWhenTruncated);
        let effect = move |world: &Rc<World>| {
            let tokens = tokens.borrow();
            if is_asked {
                let (answer, body) = providers::receive(world, &tokens, &request);
                return (answer, None, body);
            }
            let (mut answer, mut sent) = world.receiver.receive(world, &tokens, &request);
            if resends {
                (answer, sent) = world.receiver.receive(world, &tokens, &request);
            }
            (answer, sent, b"{}".to_vec())
        };
        let (answer, sent, body) = Call::new(world, (before, after), self.survives(), effect).await;
        let has_head = !hangs || world.random.per_mille(500);
        if !has_head {
            return timed_out;
        }
        if answer_lost && !hangs {
            return Err(HttpError::Connect("reset".into()));
        }
        let mut response = answer.response(body);
        if hangs || hits(Fault::HttpTruncated) {
            response.body.truncate(response.body.len() / 2);
            response.body_error = Some("Network connection lost.".into());
        }
        if hangs {
            return Err(HttpError::Unfinished { ms: timeout_ms, received: Box::new(response) });
        }
        world.receiver.answered.borrow_mut().extend(sent);
        if response.body_error.is_some() && world.has(Switch::ForgetsStatuses) {
            return Err(HttpError::Connect("reset".into()));
        }
        Ok(response)
    }
}
