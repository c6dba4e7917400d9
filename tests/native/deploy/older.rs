//! Environments of older versions: each gets the sections of newer files, and keeps its own settings.

use longshore_tests::wrangler_stand_in::INDEX_DATABASE_ID;

use crate::CHANGES;
use crate::site::{Person, Site};

/// An environment from before the search database gets one, and nothing else changes.
#[test]
fn an_environment_without_the_search_database_gets_it() {
    let site = Site::new();
    site.deploy().unwrap();
    let wanted = site.files();
    for (file, folder) in [("wrangler.toml", "migrations"), ("consumer/wrangler.toml", "../migrations")] {
        let section = format!(
            "[[env.production.d1_databases]]\nbinding = \"INDEX_DB\"\ndatabase_name = \"longshore-production-index\"\n\
             migrations_dir = \"{folder}/index\"\ndatabase_id = \"{INDEX_DATABASE_ID}\"\n\n"
        );
        site.replace(file, &section, "");
    }
    site.edit(|account| {
        account.databases.remove("longshore-production-index");
        account.migrated.remove("longshore-production-index");
    });
    let dry = site.deploy_with(|options| options.dry_run = true, Person::default()).unwrap();
    site.deploy().unwrap();
    let more = &site.changes()[CHANGES..];
    assert_eq!(dry.iter().filter_map(|line| line.strip_prefix("$ wrangler ")).collect::<Vec<_>>(), more);
    assert_eq!(more.len(), 2, "{more:?}");
    assert_eq!(site.files(), wanted);
}

/// An environment from before the queue variables, the express queue and the address limit gets all of them; its own
/// settings stay, and the next run adds nothing.
#[test]
fn an_environment_gets_the_sections_of_newer_files() {
    let site = Site::new();
    site.deploy().unwrap();
    let wanted = site.files();
    for (file, express) in [
        (
            "wrangler.toml",
            "producers]]\nbinding = \"EXPRESS_HINTS\"\nqueue = \"longshore-production-express-hints\"\n\n",
        ),
        (
            "consumer/wrangler.toml",
            "consumers]]\nqueue = \"longshore-production-express-hints\"\nmax_batch_size = 5\n\
             max_batch_timeout = 0\nmax_retries = 10\nretry_delay = 10\n\
             dead_letter_queue = \"longshore-production-hints-dead\"\n\n",
        ),
    ] {
        site.replace(file, &format!("[[env.production.queues.{express}"), "");
    }
    for queue in ["HINTS_QUEUE", "EXPRESS_HINTS_QUEUE", "TASK_HINTS_QUEUE", "DEAD_HINTS_QUEUE"] {
        let name =
            queue.strip_suffix("_QUEUE").unwrap().to_lowercase().replace('_', "-").replace("dead-hints", "hints-dead");
        site.replace("consumer/wrangler.toml", &format!("{queue} = \"longshore-production-{name}\"\n"), "");
    }
    let limit = |name: &str, id: &str, limit: u32| {
        format!(
            "[[env.production.ratelimits]]\nname = \"{name}\"\nnamespace_id = \"{id}\"\n\
             simple = {{ limit = {limit}, period = 60 }}\n\n"
        )
    };
    site.replace("wrangler.toml", &limit("ADDRESS_LIMIT", "7103", 18_000), "");
    site.replace("wrangler.toml", &limit("KEY_LIMIT", "7101", 18_000), &limit("KEY_LIMIT", "7101", 50));
    let before = site.files();
    let dry = site.deploy_with(|options| options.dry_run = true, Person::default()).unwrap();
    assert!(
        dry.iter().any(|line| line == "> write missing entries of [env.production] into wrangler.toml"),
        "{dry:#?}"
    );
    assert_eq!(site.files(), before, "a dry run writes nothing");
    site.deploy().unwrap();
    let [producer, consumer] = site.files();
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&consumer), sorted(&wanted[1]));
    assert!(producer.contains(&limit("KEY_LIMIT", "7101", 50)), "{producer}");
    assert_eq!(sorted(&producer.replace("limit = 50,", "limit = 18000,")), sorted(&wanted[0]));
    let changes = site.changes();
    site.deploy().unwrap();
    assert_eq!((site.files(), site.changes()), ([producer, consumer], changes));
    // An environment without any limit gets all limits of the file.
    let alone = Site::new();
    alone.deploy().unwrap();
    for (name, id, most) in
        [("ADDRESS_LIMIT", "7103", 18_000), ("KEY_LIMIT", "7101", 18_000), ("REFUSED_LIMIT", "7102", 100)]
    {
        alone.replace("wrangler.toml", &limit(name, id, most), "");
    }
    alone.deploy().unwrap();
    assert_eq!(sorted(&alone.files()[0]), sorted(&wanted[0]));
}
