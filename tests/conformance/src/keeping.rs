//! Cases of JSON that is kept as written: callers get it back token for token.

use longshore::accept::insert::accept;
use longshore::accept::request::check;
use longshore::kinds::shown;
use longshore::limits::plan::PAID;
use longshore::manage::filter::JobFilter;
use longshore::manage::operate::{discard, replay};
use longshore::manage::query::{list_by_key, list_dead_letters, list_jobs};
use longshore::model::job::{Job, JobRef, JobRow};
use longshore::model::state::State;
use longshore::run::process::process;
use longshore::schedules::fire::tick;
use longshore::schedules::manage::{list_schedules, put_schedule, read_schedule};
use longshore::schedules::schedule::Schedule;
use longshore::wire::job_queue::JobQueue;
use serde_json::json;
use serde_json::value::RawValue;

use super::erasing::AGE_MS;
use super::indexing::Indexed;
use super::listing::exported_text;
use super::stand::{Case, Stand, Store, operator};

/// JSON tokens that a parsed value would change or lose: long numbers, unordered and repeated names, escapes.
const BODY: &str = r#"{"z":[117.63331139400017,12345678901234567890123,18446744073709551616,-0,1E5,1.0,1e400,0.1e-7],"a":null,"a":{"a":null},"s":"\u00e9\/\ud83d\ude00"}"#;
/// The same without a repeated name, which metadata must not have.
const METADATA: &str = r#"{"z":[117.63331139400017,12345678901234567890123,18446744073709551616,-0,1E5,1.0,1e400,0.1e-7],"a":{"a":null},"s":"\u00e9\/\ud83d\ude00"}"#;

fn payload(body: &str) -> String {
    format!(r#"{{"headers":{{"x-b":"\u0041","x-a":"1"}},"body":{body},"url":"https:\/\/example.com\/hook"}}"#)
}

impl<S: Store> Case<'_, S> {
    async fn written(&self, job: &str, key: Option<&str>) -> JobRef {
        let job = check(self.stand, &self.stand.settings, job.as_bytes(), 0, key.map(str::to_owned)).unwrap();
        accept(self.stand, &self.caller, vec![job]).await.unwrap().pop().unwrap().unwrap().job
    }
}

#[track_caller]
fn assert_kept(row: &JobRow, expected: Option<&str>) {
    assert_eq!(row.metadata.as_deref().map(RawValue::get), Some(METADATA));
    let payload = row.payload.as_deref().and_then(|stored| shown(&row.kind, stored));
    assert_eq!(payload.as_deref().map(RawValue::get), expected);
    let answered = serde_json::to_string(&Job::of(row, payload.as_deref())).unwrap();
    assert!(answered.contains(&format!(r#""metadata":{METADATA}"#)), "{answered}");
    assert!(expected.is_none_or(|payload| answered.contains(&format!(r#""payload":{payload}"#))), "{answered}");
}

/// A job's metadata and payload are returned exactly as written in every answer, and so is the body that a replay
/// sends, with or without an edited payload.
pub async fn a_job_is_kept_token_for_token<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let written = payload(BODY);
    let job = format!(r#"{{"kind":"webhook","max_attempts":1,"metadata":{METADATA},"payload":{written}}}"#);
    let spaced = job.replace(":[", " :\t[\n").replace("],", "]\r\n,");
    let dead = case.written(&spaced, Some("key")).await;
    let dead_row = stand.row(&dead).await;
    let kept = shown("webhook", dead_row.payload.as_deref().unwrap()).unwrap();
    let without_space: String = kept.get().chars().filter(|letter| !letter.is_whitespace()).collect();
    assert_eq!(without_space, written);
    assert_kept(&dead_row, Some(kept.get()));
    for row in list_by_key(stand, &case.tenant, "key", 10).await.unwrap() {
        assert_kept(&row, None);
    }
    for row in list_jobs(stand, &case.tenant, &JobFilter::default(), None, 10).await.unwrap().rows {
        assert_kept(&row, None);
    }
    stand.status.set(500);
    process(stand, &stand.settings, JobQueue::Webhooks, vec![dead.clone()]).await;
    for row in list_dead_letters(stand, &case.tenant, &JobFilter::default(), None, 10).await.unwrap().rows {
        assert_eq!(row.id, dead.id);
        assert_kept(&row, None);
    }
    // An edit of the returned payload leaves the rest of it unchanged.
    let edited = RawValue::from_string(kept.get().replace("1E5", "1E6")).unwrap();
    let successor = replay(stand, &operator(stand), &stand.settings, &dead, Some(&edited)).await.unwrap();
    assert_kept(&successor, Some(edited.get()));
    process(stand, &stand.settings, JobQueue::Webhooks, vec![successor.job()]).await;
    let sent = stand.requests.borrow().last().unwrap().body.clone();
    let sent: String =
        String::from_utf8(sent.to_vec()).unwrap().chars().filter(|letter| !letter.is_whitespace()).collect();
    assert_eq!(sent, BODY.replace("1E5", "1E6"));
    let again = replay(stand, &operator(stand), &stand.settings, &successor.job(), None).await.unwrap();
    assert_kept(&again, Some(edited.get()));
    discard(stand, &operator(stand), &case.written(&job, None).await, None).await.unwrap_err();
    let text = exported_text(&case, PAID).await;
    assert_eq!(text.matches(&format!(r#""metadata":{METADATA}"#)).count(), 4 + 2, "jobs and dead letters: {text}");
    assert_eq!(text.matches(&format!(r#""payload":{written}"#)).count(), 1, "{text}");
    stand.status.set(200);
    process(stand, &stand.settings, JobQueue::Webhooks, vec![again.job()]).await;
    assert_eq!(stand.row(&again.job()).await.state, State::Succeeded);
}

/// A schedule returns its JSON as written, and its jobs have the same.
pub async fn a_schedule_is_kept_token_for_token<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let written = payload(BODY);
    let body = format!(r#"{{"cron":"* * * * *","kind":"webhook","metadata":{METADATA},"payload":{written}}}"#);
    put_schedule(stand, &operator(stand), &stand.settings, &case.tenant, "report", body.as_bytes()).await.unwrap();
    let whole = read_schedule(stand, &case.tenant, "report").await.unwrap();
    let shown_payload = whole.shown_payload();
    let whole = serde_json::to_string(&Schedule::whole(&whole, shown_payload.as_deref())).unwrap();
    assert!(whole.contains(&format!(r#""metadata":{METADATA},"payload":{written}"#)), "{whole}");
    let page = list_schedules(stand, &case.tenant, "", 10, false).await.unwrap();
    let listed = serde_json::to_string(&Schedule::listed(&page[0])).unwrap();
    assert!(listed.contains(&format!(r#""metadata":{METADATA},"payload":null"#)), "{listed}");
    case.make_past(60_000).await;
    assert_eq!(tick(stand, &stand.settings).await.unwrap(), 1);
    let jobs = list_jobs(stand, &case.tenant, &JobFilter::default(), None, 10).await.unwrap().rows;
    assert_kept(&stand.row(&jobs[0].job()).await, Some(&written));
    let text = exported_text(&case, PAID).await;
    assert_eq!(text.matches(&format!(r#""metadata":{METADATA}"#)).count(), 2, "{text}");
    assert_eq!(text.matches(&format!(r#""payload":{written}"#)).count(), 2, "{text}");
    let pause = format!(r#"{{"cron":"* * * * *","paused":true,"kind":"webhook","payload":{written}}}"#);
    put_schedule(stand, &operator(stand), &stand.settings, &case.tenant, "report", pause.as_bytes()).await.unwrap();
}

/// A document's metadata is returned as written in searches and exports, and filters still compare its numbers.
pub async fn a_document_is_kept_token_for_token<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let metadata = METADATA.replacen('{', r#"{"n":2.50E1,"huge":1e400,"#, 1);
    let put = |metadata: &str| {
        format!(
            r#"{{"kind":"index","payload":{{"index":"docs","put":{{"id":"a","text":"A word.","metadata":{metadata}}}}}}}"#
        )
    };
    let job = case.0.written(&put(&metadata), None).await;
    assert_eq!(case.run(&job).await["state"], "added");
    stand.clock_off_ms.update(|ms| ms + 1);
    let again = case.0.written(&put(&metadata), None).await;
    assert_eq!(case.run(&again).await["state"], "unchanged");
    for (filter, found) in [
        (json!({"n": 25}), true),
        (json!({"n": {"gt": 25}}), false),
        (json!({"huge": {"gt": 1e308}}), true),
        (json!({"huge": {"lt": 0}}), false),
    ] {
        let request = json!({"query": "word", "mode": "keyword", "filter": filter});
        let text = case.search_text(&request).await;
        assert_eq!(text.contains(&format!(r#""metadata":{metadata}"#)), found, "{filter}: {text}");
    }
    let text = exported_text(&case.0, PAID).await;
    assert!(text.contains(&format!(r#""metadata":{metadata}"#)), "{text}");
}

/// An erasure finds a number as it was written, and a text with any escaping of it and of its name.
pub async fn a_subject_is_erased_as_it_was_written<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let mut jobs = Vec::new();
    for subject in [
        r#""subject":12345678901234567890123"#,
        r#""subject":12345678901234567890124"#,
        r#""\u0073ubject":"some\u006fne""#,
        r#""subject":null"#,
    ] {
        let payload = r#"{"url":"https://example.com/hook"}"#;
        let schedule = format!(r#""kind":"webhook","payload":{payload},"metadata":{{"a":1.0,{subject}}}"#);
        let job = case.written(&format!("{{{schedule}}}"), None).await;
        let id = format!("s{}", jobs.len());
        let schedule = format!(r#"{{"cron":"@yearly",{schedule}}}"#);
        put_schedule(stand, &operator(stand), &stand.settings, &case.tenant, &id, schedule.as_bytes()).await.unwrap();
        jobs.push(case.age_id(&job, AGE_MS).await);
    }
    for (subject, left) in [("12345678901234567890123", 3), ("someone", 2), ("null", 2)] {
        case.finish(&case.erasure(Some(subject)).await).await;
        let ids = list_jobs(stand, &case.tenant, &JobFilter::default(), None, 10).await.unwrap().rows;
        let schedules = list_schedules(stand, &case.tenant, "", 10, false).await.unwrap();
        assert_eq!((ids.len(), schedules.len()), (left, left), "{subject}");
    }
}
