//! Commands on groups.

use serde_json::{Value, json};

use crate::support::{AT, Api, Reply, run};

/// Creates a group of three jobs as the API answers it, of which so many are open and dead.
fn group(open: u64, dead: u64) -> Value {
    let ended = (open == 0).then_some(AT);
    json!({
        "id": "import", "tenant": "acme", "created_at": AT, "finished_at": ended, "closed_at": null, "finished": false,
        "on_finished": null, "total": 3, "open": open, "succeeded": 3 - open - dead, "dead": dead, "replayed": 0, "cancelled": 0,
    })
}

#[test]
fn a_wait_ends_with_the_last_job_of_the_group() {
    for (dead, code) in [(0, 0), (1, 1)] {
        let api = Api::start(move |_, number| Reply::json(&group(u64::from(number < 2), dead)));
        let ran = run(&api, &["groups", "wait", "import", "--timeout", "600"]);
        assert_eq!((ran.code, api.received().len()), (code, 3), "{ran:?}");
        assert_eq!(api.received()[0].target, "/v1/groups/import?wait=30");
    }
    let late = run(&Api::of(Reply::json(&group(2, 0))), &["groups", "wait", "import", "--timeout", "0"]);
    assert!(late.code == 1 && late.err.contains("2 jobs of the group import are still open"), "{late:?}");
}

#[test]
fn a_closed_group_is_shown_with_its_webhook() {
    let answers = [
        (json!({"endpoint": "done", "job": null, "error": null}), "to done, when all jobs have ended"),
        (json!({"endpoint": "done", "job": "job_9", "error": null}), "to done, job_9"),
        (json!({"endpoint": "done", "job": null, "error": "endpoint_deleted"}), "to done, not sent: endpoint_deleted"),
    ];
    for (on_finished, shown) in answers {
        let mut closed = group(0, 0);
        (closed["closed_at"], closed["finished"], closed["on_finished"]) = (json!(AT), json!(true), on_finished);
        let api = Api::of(Reply::json(&closed));
        for arguments in [&["groups", "close", "import", "--on-finished", "done"][..], &["groups", "show", "import"]] {
            let ran = run(&api, arguments);
            assert_eq!(ran.code, 0, "{ran:?}");
            assert!(ran.out.contains(shown) && ran.out.contains("\nfinished"), "{ran:?}");
        }
        let sent: Vec<_> = api.received().into_iter().map(|it| (it.method, it.target, it.body)).collect();
        let close = ("POST", "/v1/groups/import/close", r#"{"on_finished":{"endpoint":"done"}}"#);
        let wanted = [close, ("GET", "/v1/groups/import", "")];
        assert_eq!(sent, wanted.map(|(method, target, body)| (method.into(), target.into(), body.into())));
    }
    let api = Api::of(Reply::json(&group(0, 0)));
    assert_eq!(run(&api, &["groups", "close", "import"]).code, 0);
    assert_eq!(api.received()[0].body, "");
}
