//! Tests of `longshore deploy` with a stand-in for wrangler and an account in a folder: what it creates, what it keeps
//! unchanged, and that the next run completes an interrupted one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "deploy/older.rs"]
mod older;
#[path = "deploy/real.rs"]
mod real;
#[path = "deploy/site.rs"]
mod site;

use longshore_cli::deploy::{DeployError, Jurisdiction, PlanName};
use longshore_kit::scratch::repository;
use longshore_tests::wrangler_stand_in::{Account, DATABASE_ID, INDEX_DATABASE_ID};
use site::{Person, Site};

/// Number of changes of a first run: two databases, four queues, a bucket, its rule, three secrets, migrations of both
/// databases, two Workers.
const CHANGES: usize = 15;

#[test]
fn a_first_run_makes_everything_and_a_second_one_nothing() {
    let site = Site::new();
    let said = site.deploy().unwrap();
    let account = site.account();
    assert_eq!(site.changes().len(), CHANGES, "{:?}", site.changes());
    assert_eq!(account.databases["longshore-production"], "");
    assert_eq!(account.databases["longshore-production-index"], "");
    assert_eq!(account.queues["longshore-production-hints"], ("86400".to_owned(), String::new()));
    for queue in ["hints-dead", "express-hints", "task-hints"].map(|name| format!("longshore-production-{name}")) {
        assert_eq!(account.queues[&queue].0, "86400");
    }
    assert_eq!(account.rules["longshore-production-evidence"], "29");
    let (consumer, producer) = site.workers();
    assert_eq!(consumer.secrets["MASTER_KEY"], producer.secrets["MASTER_KEY"]);
    assert_ne!(producer.secrets["ROOT_TOKEN"], producer.secrets["MASTER_KEY"]);
    // Queue names that the consumer compares with.
    let [_, consumer_file] = site.files();
    for (variable, queue) in [
        ("HINTS", "hints"),
        ("EXPRESS_HINTS", "express-hints"),
        ("TASK_HINTS", "task-hints"),
        ("DEAD_HINTS", "hints-dead"),
    ] {
        let line = format!("{variable}_QUEUE = \"longshore-production-{queue}\"");
        assert!(consumer_file.contains(&line), "{line}");
        assert!(account.queues.contains_key(&format!("longshore-production-{queue}")), "{queue}");
    }
    let deploys: Vec<_> = site.changes().into_iter().filter(|line| line.starts_with("deploy")).collect();
    assert!(deploys[0].contains("consumer/wrangler.toml") && deploys[1].contains("-c wrangler.toml"), "{deploys:?}");
    assert_eq!(said.iter().filter(|line| line.starts_with("key: ls_stand_in")).count(), 1, "{said:#?}");

    let (files, changes) = (site.files(), site.changes());
    let said = site.deploy().unwrap();
    assert_eq!(said, [format!("url: {}", site.account().url)], "only the address is printed");
    assert_eq!((site.files(), site.changes(), site.account()), (files, changes, account));
    assert_eq!(site.keys(), 1);
}

/// Removes the random secrets after checking that both Workers have the same master key.
fn blank(mut account: Account) -> Account {
    let keys: Vec<_> = account.workers.values().map(|worker| worker.secrets["MASTER_KEY"].clone()).collect();
    assert!(keys.iter().all(|key| key.len() == 64 && *key == keys[0]));
    account.workers.values_mut().flat_map(|worker| worker.secrets.values_mut()).for_each(String::clear);
    (account.fail_at, account.fail_late, account.url) = (0, false, String::new());
    account
}

#[test]
fn the_next_run_completes_any_failed_step() {
    let site = Site::new();
    site.deploy().unwrap();
    let (wanted, files) = (blank(site.account()), site.files());
    for fail_at in 1..=CHANGES {
        for fail_late in [false, true] {
            let site = Site::new();
            site.edit(|account| (account.fail_at, account.fail_late) = (fail_at, fail_late));
            let error = site.deploy().unwrap_err();
            assert!(matches!(error, DeployError::Wrangler { .. }), "{fail_at}: {error}");
            site.edit(|account| account.fail_at = 0);
            site.deploy().unwrap_or_else(|error| panic!("after change {fail_at} (made: {fail_late}): {error}"));
            assert_eq!((blank(site.account()), site.files()), (wanted.clone(), files.clone()), "{fail_at} {fail_late}");
            assert_eq!(site.keys(), 1);
        }
    }
}

#[test]
fn a_crash_between_the_two_files_is_repaired() {
    for file in ["wrangler.toml", "consumer/wrangler.toml"] {
        let site = Site::new();
        site.deploy().unwrap();
        let files = site.files();
        // One file lacks the section; then it lacks only the id.
        std::fs::copy(repository().join(file), site.root().join(file)).unwrap();
        site.deploy().unwrap();
        assert_eq!(site.files(), files, "{file}");
        for id in [DATABASE_ID, INDEX_DATABASE_ID] {
            site.replace(file, &format!("database_id = \"{id}\"\n"), "");
            site.deploy().unwrap();
            assert_eq!((site.files(), site.changes().len()), (files.clone(), CHANGES), "{file}");
        }
    }
}

/// A new environment gets the AI binding only if the files have it outside of comments.
#[test]
fn a_new_environment_has_the_ai_binding_if_the_files_have_it() {
    for wanted in [false, true] {
        let site = Site::new();
        for file in ["wrangler.toml", "consumer/wrangler.toml"] {
            let (from, to) = ("# [ai]\n# binding = \"AI\"\n", "[ai]\nbinding = \"AI\"\n");
            site.replace(file, from, if wanted { to } else { from });
        }
        site.deploy().unwrap();
        for text in site.files() {
            assert_eq!(text.contains("[env.production.ai]\nbinding = \"AI\"\n"), wanted, "{text}");
        }
    }
}

#[test]
fn a_dry_run_changes_nothing_and_prints_what_a_real_run_executes() {
    // An empty account, and one where a run was interrupted.
    for fail_at in [0, 4] {
        let site = Site::new();
        if fail_at > 0 {
            site.edit(|account| account.fail_at = fail_at);
            site.deploy().unwrap_err();
            site.edit(|account| account.fail_at = 0);
        }
        let (files, changes, account, kept) = (site.files(), site.changes(), site.account(), site.kept());
        let said = site.deploy_with(|options| options.dry_run = true, Person::default()).unwrap();
        assert_eq!(
            (site.files(), site.changes(), site.account(), site.kept()),
            (files, changes.clone(), account, kept)
        );
        let printed: Vec<String> = said
            .iter()
            .filter_map(|line| line.strip_prefix("$ wrangler "))
            .map(|line| line.split("   #").next().unwrap().to_owned())
            .collect();
        site.deploy().unwrap();
        assert_eq!(printed, site.changes()[changes.len()..]);
        assert!(!printed.is_empty());
    }
}

/// The output of a dry run in docs/operations.md matches exactly, except for the digest of the build.
#[test]
fn the_documents_show_the_dry_run_as_it_is_printed() {
    let site = Site::new();
    site.edit(|account| account.logged_in = false);
    let first_dry = |options: &mut longshore_cli::deploy::Options| {
        (options.dry_run, options.jurisdiction) = (true, None);
    };
    let said = site.deploy_with(first_dry, Person::default()).unwrap();
    let masked = said.iter().map(|line| match line.split_once("--tag ") {
        Some((before, _)) => format!("{before}--tag <version and digest>"),
        None => line.clone(),
    });
    let printed = masked.collect::<Vec<_>>().join("\n");
    let text = std::fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    assert!(text.contains(&format!("```\n{printed}\n```")), "docs/operations.md does not show this:\n{printed}");
}

#[test]
fn an_error_without_a_login_says_what_to_do() {
    let site = Site::new();
    site.edit(|account| account.logged_in = false);
    let error = site.deploy().unwrap_err().to_string();
    assert!(error.contains("wrangler login") && error.contains("CLOUDFLARE_API_TOKEN"), "{error}");
    assert_eq!(site.changes().len(), 0);
}

#[test]
fn an_error_of_wrangler_is_shown_without_colours_and_with_what_to_do() {
    let site = Site::new();
    site.edit(|account| account.fail_at = 1);
    let error = site.deploy().unwrap_err().to_string();
    assert!(error.starts_with("`wrangler d1 create longshore-production` failed"), "{error}");
    assert!(error.contains("fetch failed") && error.ends_with("check the network."), "{error}");
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn a_placeholder_for_an_id_is_refused_before_anything_is_changed() {
    let zeros = "00000000-0000-0000-0000-000000000000";
    for id in [zeros, "11111111-1111-1111-1111-111111111111", "your-database-id", "<id>", ""] {
        for file in ["wrangler.toml", "consumer/wrangler.toml"] {
            let site = Site::new();
            site.deploy().unwrap();
            site.replace(file, if id.is_empty() { INDEX_DATABASE_ID } else { DATABASE_ID }, id);
            let (changes, files) = (site.changes(), site.files());
            let error = site.deploy().unwrap_err();
            assert!(matches!(&error, DeployError::Placeholder { id: seen, .. } if seen == id), "{id:?}: {error}");
            assert!(error.to_string().contains(file), "{error}");
            assert_eq!((site.changes(), site.files()), (changes, files));
        }
    }
}

#[test]
fn a_database_of_another_account_is_refused_and_none_is_made() {
    let site = Site::new();
    site.deploy().unwrap();
    let changes = site.changes();
    for (name, id) in [("longshore-production-index", INDEX_DATABASE_ID), ("longshore-production", DATABASE_ID)] {
        site.edit(|account| drop(account.databases.remove(name)));
        let error = site.deploy().unwrap_err().to_string();
        assert!(error.contains(id) && error.contains("another account"), "{error}");
        assert_eq!(site.changes(), changes);
    }
}

#[test]
fn no_secret_is_in_a_command_line_in_the_output_or_in_a_wrangler_file() {
    let site = Site::new();
    let said = site.deploy().unwrap();
    let (_, producer) = site.workers();
    assert_eq!(producer.secrets.len(), 2);
    for secret in producer.secrets.values() {
        assert!(site.calls().iter().all(|line| !line.contains(secret)));
        assert!(said.iter().all(|line| !line.contains(secret)), "{said:#?}");
        assert!(site.files().iter().all(|text| !text.contains(secret)));
        assert!(site.kept().contains(secret));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &str| std::fs::metadata(site.root().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(".deploy"), mode(".deploy/production.env")), (0o700, 0o600));
    }
}

#[test]
fn the_jurisdiction_is_asked_once_and_never_changed() {
    let site = Site::new();
    let unasked = |options: &mut longshore_cli::deploy::Options| options.jurisdiction = None;
    let error = site.deploy_with(unasked, Person::default()).unwrap_err().to_string();
    assert!(error.contains("--jurisdiction"), "{error}");
    assert_eq!(site.changes().len(), 0);
    site.deploy_with(unasked, Person::answers(&["eu"])).unwrap();
    let account = site.account();
    assert!(account.databases.len() == 2 && account.databases.values().all(|jurisdiction| jurisdiction == "eu"));
    assert!(account.queues.values().all(|(_, jurisdiction)| jurisdiction == "eu"));
    assert_eq!(account.buckets["longshore-production-evidence"], "eu");
    // The second run has no terminal to ask.
    site.deploy_with(unasked, Person::default()).unwrap();
    let other = |options: &mut longshore_cli::deploy::Options| options.jurisdiction = Some(Jurisdiction::Fedramp);
    let error = site.deploy_with(other, Person::default()).unwrap_err().to_string();
    assert!(error.contains("is eu and can never be changed"), "{error}");
    assert_eq!(site.changes().len(), CHANGES);
}

#[test]
fn each_jurisdiction_reaches_every_resource_and_is_read_back() {
    for jurisdiction in Jurisdiction::ALL {
        let site = Site::new();
        site.deploy_with(|options| options.jurisdiction = Some(jurisdiction), Person::default()).unwrap();
        let (account, name) = (site.account(), jurisdiction.name().unwrap_or_default());
        assert!(account.databases.len() == 2 && account.databases.values().all(|it| it == name), "{name}");
        assert!(account.queues.values().all(|(_, it)| it == name), "{name}");
        assert_eq!(account.buckets["longshore-production-evidence"], name);
        site.deploy().unwrap();
        assert_eq!(site.changes().len(), CHANGES, "{name}: a second run changes nothing");
    }
}

#[test]
fn a_master_key_that_one_worker_has_is_never_replaced_by_a_new_one() {
    let site = Site::new();
    site.deploy().unwrap();
    let (_, producer) = site.workers();
    let key = &producer.secrets["MASTER_KEY"];
    site.edit(|account| {
        account.workers.get_mut("longshore-production-consumer").unwrap().secrets.clear();
    });
    std::fs::remove_dir_all(site.root().join(".deploy")).unwrap();
    let error = site.deploy().unwrap_err().to_string();
    assert!(error.contains("MASTER_KEY is not set"), "{error}");
    // An empty answer does not generate a new key, and an invalid one is not accepted.
    site.deploy_with(|_| {}, Person::answers(&["", "not hex", key])).unwrap();
    assert_eq!(&site.workers().0.secrets["MASTER_KEY"], key);
}

#[test]
fn secrets_can_be_pasted_or_generated() {
    let site = Site::new();
    let ask = |options: &mut longshore_cli::deploy::Options| options.generate_secrets = false;
    let token = "a-token-of-more-than-32-characters-long";
    site.deploy_with(ask, Person::default()).unwrap_err();
    site.deploy_with(ask, Person::answers(&["", "short", token])).unwrap();
    let (_, producer) = site.workers();
    assert_eq!(producer.secrets["ROOT_TOKEN"], token);
    assert_eq!(producer.secrets["MASTER_KEY"].len(), 64);
}

#[test]
fn another_plan_changes_the_queues_and_both_files_and_keeps_what_people_wrote() {
    let site = Site::new();
    site.edit(|account| account.is_free = false);
    site.deploy().unwrap();
    let mine = "PRIVATE_DESTINATIONS = \"10.0.0.1:443\"";
    for (file, text) in site.files().into_iter().zip(["wrangler.toml", "consumer/wrangler.toml"]).map(|(a, b)| (b, a)) {
        let at = text.rfind("PRIVATE_DESTINATIONS = \"\"").unwrap();
        let text = format!("{}{mine}{}", &text[..at], &text[at + "PRIVATE_DESTINATIONS = \"\"".len()..]);
        std::fs::write(site.root().join(file), text).unwrap();
    }
    site.deploy_with(|options| options.plan = Some(PlanName::Paid), Person::default()).unwrap();
    assert!(site.account().queues.values().all(|(seconds, _)| seconds == "1209600"));
    let paid = site.files();
    for (text, original) in paid.iter().zip(["wrangler.toml", "consumer/wrangler.toml"]) {
        assert!(
            text.starts_with(&std::fs::read_to_string(repository().join(original)).unwrap()),
            "the top is untouched"
        );
        assert!(text.contains(mine) && text.contains("cpu_ms = 30000") && text.contains("PLAN = \"paid\""), "{text}");
    }
    assert!(paid[1].contains("max_batch_size = 100"));
    // A recorded plan stays without the option, and nothing changes.
    let changes = site.changes();
    site.deploy().unwrap();
    assert_eq!((site.changes(), site.files()), (changes, paid));
}

#[test]
fn a_paid_plan_on_a_free_account_is_explained() {
    let site = Site::new();
    site.edit(|account| account.is_free = true);
    let error = site.deploy_with(|options| options.plan = Some(PlanName::Paid), Person::default()).unwrap_err();
    assert!(error.to_string().contains("--message-retention-period-secs"), "{error}");
}

#[test]
fn a_changed_build_is_deployed_again_and_nothing_else_is() {
    let site = Site::new();
    site.deploy().unwrap();
    std::fs::write(site.root().join("consumer/build/index_bg.wasm"), "another").unwrap();
    site.deploy().unwrap();
    let more = &site.changes()[CHANGES..];
    assert!(
        more.len() == 1 && more[0].starts_with("deploy -c consumer/wrangler.toml -e production --tag v"),
        "{more:?}"
    );
}

#[test]
fn an_unready_producer_is_reported_with_its_last_answer() {
    let site = Site::new();
    site.service().is_ready.store(false, std::sync::atomic::Ordering::SeqCst);
    let error = site.deploy().unwrap_err().to_string();
    assert!(error.contains("was not ready within 1 s") && error.contains("503"), "{error}");
    assert_eq!(site.keys(), 0);
    site.service().is_ready.store(true, std::sync::atomic::Ordering::SeqCst);
    site.deploy().unwrap();
    assert_eq!((site.keys(), site.changes().len()), (1, CHANGES));
}

#[test]
fn the_root_token_is_not_sent_to_a_plain_address() {
    let site = Site::new();
    let plain = |options: &mut longshore_cli::deploy::Options| options.url = Some("http://example.com".to_owned());
    let error = site.deploy_with(plain, Person::default()).unwrap_err().to_string();
    assert!(error.contains("must begin with https://"), "{error}");
}
