//! Copy of the files that `longshore deploy` reads, an account behind the stand-in for wrangler, and a small producer.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use longshore_cli::deploy::{DeployError, Jurisdiction, Options, deploy};
use longshore_cli::terminal::Terminal;
use longshore_kit::scratch::{Scratch, repository};
use longshore_tests::wrangler_stand_in::{Account, Worker, calls};
use serde_json::{Value, json};

/// Terminal that gives these answers in order, then none.
#[derive(Default)]
pub(crate) struct Person {
    answers: VecDeque<String>,
    said: Vec<String>,
}

impl Person {
    pub(crate) fn answers(answers: &[&str]) -> Self {
        Self { answers: answers.iter().map(|&answer| answer.to_owned()).collect(), said: Vec::new() }
    }
}

impl Terminal for Person {
    fn say(&mut self, line: &str) {
        self.said.push(line.to_owned());
    }

    fn ask(&mut self, _: &str) -> Option<String> {
        self.answers.pop_front()
    }

    fn ask_secret(&mut self, _: &str) -> Option<String> {
        self.answers.pop_front()
    }
}

/// State of the small producer.
pub(crate) struct Service {
    pub(crate) is_ready: AtomicBool,
    keys: AtomicUsize,
    folder: std::path::PathBuf,
}

impl Service {
    /// Returns true if the caller has the token that the stand-in's `secret put` set.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let token = Account::read(&self.folder).workers["longshore-production-producer"].secrets["ROOT_TOKEN"].clone();
        headers.get("authorization").and_then(|value| value.to_str().ok()) == Some(&format!("Bearer {token}"))
    }
}

type Answer = (StatusCode, String);

async fn ready(State(service): State<Arc<Service>>) -> Answer {
    let ready = service.is_ready.load(Ordering::SeqCst);
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, json!({ "ready": ready }).to_string())
}

async fn list(State(service): State<Arc<Service>>, headers: HeaderMap) -> Answer {
    if !service.knows(&headers) {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let data = vec![json!({ "id": "key" }); service.keys.load(Ordering::SeqCst)];
    (StatusCode::OK, json!({ "data": data, "next_cursor": null }).to_string())
}

async fn create(State(service): State<Arc<Service>>, headers: HeaderMap, body: String) -> Answer {
    let wanted = json!({ "tenant": "main", "scopes": ["admin"], "name": "first key" });
    if !service.knows(&headers) || serde_json::from_str::<Value>(&body).ok() != Some(wanted) {
        return (StatusCode::BAD_REQUEST, body);
    }
    let number = service.keys.fetch_add(1, Ordering::SeqCst);
    (StatusCode::CREATED, json!({ "key": format!("ls_stand_in_{number}") }).to_string())
}

/// Repository to deploy from, and account to deploy to.
pub(crate) struct Site {
    scratch: Scratch,
    service: Arc<Service>,
    // Dropping it stops the service.
    _runtime: tokio::runtime::Runtime,
}

impl Site {
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new("deploy").unwrap();
        let root = scratch.path();
        for file in ["wrangler.toml", "consumer/wrangler.toml"] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::copy(repository().join(file), root.join(file)).unwrap();
        }
        for worker in ["producer", "consumer"] {
            std::fs::create_dir_all(root.join(worker).join("build")).unwrap();
            for file in ["index.js", "index_bg.wasm"] {
                std::fs::write(root.join(worker).join("build").join(file), worker).unwrap();
            }
        }
        std::fs::create_dir_all(root.join("producer/assets")).unwrap();
        for file in ["openapi.json", "reference.html"] {
            std::fs::write(root.join("producer/assets").join(file), file).unwrap();
        }
        let stand_in = env!("CARGO_BIN_EXE_wrangler_stand_in");
        script(&root.join("wrangler"), &format!("#!/bin/sh\nexec '{stand_in}' '{}' \"$@\"\n", root.display()));
        let service =
            Arc::new(Service { is_ready: AtomicBool::new(true), keys: AtomicUsize::new(0), folder: root.to_owned() });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let url = runtime.block_on(serve(service.clone()));
        Account { logged_in: true, url, ..Account::default() }.write(root);
        Self { scratch, service, _runtime: runtime }
    }

    pub(crate) fn root(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    /// Runs a deployment without a terminal. Returns its output.
    pub(crate) fn deploy(&self) -> Result<Vec<String>, DeployError> {
        self.deploy_with(|_| {}, Person::default())
    }

    pub(crate) fn deploy_with(
        &self,
        change: impl FnOnce(&mut Options),
        mut person: Person,
    ) -> Result<Vec<String>, DeployError> {
        // The jurisdiction is recorded by the first run; later runs do not name it.
        let is_recorded = self.files()[0].contains("[env.production]");
        let mut options = Options {
            env: "production".to_owned(),
            dry_run: false,
            jurisdiction: (!is_recorded).then_some(Jurisdiction::None),
            plan: None,
            generate_secrets: true,
            tenant: "main".to_owned(),
            url: None,
            ready_within: 1,
            root: self.root().to_owned(),
            wrangler: "wrangler".into(),
        };
        change(&mut options);
        deploy(&options, &mut person)?;
        Ok(person.said)
    }

    pub(crate) fn account(&self) -> Account {
        Account::read(self.root())
    }

    pub(crate) fn edit(&self, change: impl FnOnce(&mut Account)) {
        let mut account = self.account();
        change(&mut account);
        account.write(self.root());
    }

    /// Returns the consumer and the producer of the account.
    pub(crate) fn workers(&self) -> (Worker, Worker) {
        let account = self.account();
        let worker = |name: &str| account.workers[&format!("longshore-production-{name}")].clone();
        (worker("consumer"), worker("producer"))
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        calls(self.root(), "calls")
    }

    pub(crate) fn changes(&self) -> Vec<String> {
        calls(self.root(), "changes")
    }

    pub(crate) fn keys(&self) -> usize {
        self.service.keys.load(Ordering::SeqCst)
    }

    /// Returns both wrangler files, the producer's first.
    pub(crate) fn files(&self) -> [String; 2] {
        ["wrangler.toml", "consumer/wrangler.toml"].map(|file| std::fs::read_to_string(self.root().join(file)).unwrap())
    }

    pub(crate) fn replace(&self, file: &str, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.root().join(file)).unwrap();
        assert!(text.contains(old), "{file} has no {old}");
        std::fs::write(self.root().join(file), text.replace(old, new)).unwrap();
    }

    /// Returns the kept secrets, or an empty text.
    pub(crate) fn kept(&self) -> String {
        std::fs::read_to_string(self.root().join(".deploy/production.env")).unwrap_or_default()
    }
}

fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

async fn serve(service: Arc<Service>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().route("/readyz", get(ready)).route("/v1/keys", get(list).post(create));
    tokio::spawn(async move { axum::serve(listener, routes.with_state(service)).await });
    url
}
