//! Test of the environment's configuration with the real wrangler, without a network: what it would upload for each
//! Worker.

use std::path::Path;
use std::process::Command;

use longshore_cli::deploy::{Jurisdiction, PlanName};
use longshore_kit::scratch::repository;

use super::site::{Person, Site};

/// Maximum size of each Worker in KiB: 1.5 MB gzipped, as in `make size`, plus 2 %. wrangler compresses with Node's zlib,
/// which is 1.2 % larger than gzip, adds 2 KB, and reports KiB of 1,024 bytes.
const GZIP_KIB_MAX: f64 = 1_500_000.0 * 1.02 / 1024.0;

/// Runs `wrangler deploy --dry-run` for a Worker and returns its output, after checking the files that it would upload.
fn bundle(root: &Path, file: &str) -> String {
    let bin = repository().join("node_modules/.bin");
    let out = root.join("out").join(file);
    let output = Command::new(bin.join("node"))
        .arg(bin.join("wrangler"))
        .args(["deploy", "--dry-run", "-c", file, "-e", "production", "--outdir"])
        .arg(&out)
        .current_dir(root)
        .envs([("CI", "1"), ("WRANGLER_SEND_METRICS", "false"), ("NO_COLOR", "1")])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!warnings.contains("WARNING") && !warnings.contains("Unexpected fields"), "{warnings}");
    let names: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let has = |ending: &str| names.iter().any(|name| name.to_string_lossy().ends_with(ending));
    assert!(has("index.js") && has("index_bg.wasm"), "{names:?}");
    said
}

fn gzip_kib(said: &str) -> f64 {
    let after = said.split("gzip: ").nth(1).unwrap_or_else(|| panic!("{said}"));
    after.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn the_real_wrangler_accepts_both_workers_with_their_bindings() {
    let site = Site::new();
    let eu_and_paid = |options: &mut longshore_cli::deploy::Options| {
        options.jurisdiction = Some(Jurisdiction::Eu);
        options.plan = Some(PlanName::Paid);
    };
    site.deploy_with(eu_and_paid, Person::default()).unwrap();
    for worker in ["producer", "consumer"] {
        let build = Path::new(worker).join("build");
        for name in ["index.js", "index_bg.wasm"] {
            let from = repository().join(&build).join(name);
            std::fs::copy(&from, site.root().join(&build).join(name))
                .unwrap_or_else(|error| panic!("{}: {error}; `make build` makes it", from.display()));
        }
    }
    // The wrangler files run make; everything is built already.
    std::fs::write(site.root().join("Makefile"), "%/build/index.js: ;@true\n.PHONY: always\n").unwrap();
    let of_producer = [
        "env.ADDRESS_LIMIT (18000 requests/60s)",
        "env.KEY_LIMIT (18000 requests/60s)",
        "env.REFUSED_LIMIT (100 requests/60s)",
        "env.CORS_ORIGINS (\"\")",
        "env.EXPRESS_HINTS (longshore-production-express-hints)",
    ];
    let of_consumer = [
        "env.HINTS_QUEUE (\"longshore-production-hints\")",
        "env.EXPRESS_HINTS_QUEUE (\"longshore-production-express-hints\")",
        "env.TASK_HINTS_QUEUE (\"longshore-production-task-hints\")",
        "env.DEAD_HINTS_QUEUE (\"longshore-production-hints-dead\")",
    ];
    for (file, more) in [("wrangler.toml", &of_producer[..]), ("consumer/wrangler.toml", &of_consumer[..])] {
        let said = bundle(site.root(), file);
        for binding in [
            "env.HINTS (longshore-production-hints)",
            "env.TASK_HINTS (longshore-production-task-hints)",
            "env.DB (longshore-production)",
            "env.INDEX_DB (longshore-production-index)",
            "env.EVIDENCE (longshore-production-evidence (eu))",
            "env.PLAN (\"paid\")",
            "env.EPOCH (\"0\")",
            "env.PRIVATE_DESTINATIONS (\"\")",
        ]
        .iter()
        .chain(more)
        {
            assert!(said.contains(binding), "{file} lacks {binding}:\n{said}");
        }
        assert_eq!(said.matches("\nenv.").count(), 8 + more.len(), "{said}");
        let kib = gzip_kib(&said);
        assert!(kib > 10.0 && kib <= GZIP_KIB_MAX, "{file}: {kib} KiB");
    }
}
