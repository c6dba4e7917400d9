//! The file of profiles, and the confirmation of changes in production.

use std::os::unix::fs::PermissionsExt;

use rexpect::session::PtySession;
use serde_json::Value;

use crate::support::{Api, Reply, Site, WITHIN, job, key, ran};

fn cancelled() -> Api {
    Api::of(Reply::json(&job("job_1", "cancelled")))
}

#[test]
fn profiles_are_private_and_lists_hide_their_keys() {
    let (site, api) = (Site::new(), cancelled());
    site.add_profile("local", &api, &["--tenant", "acme"]);
    site.add_profile("live", &api, &["--production"]);
    let mode = std::fs::metadata(site.profiles()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let listed = ran(site.command().args(["profiles", "list", "-o", "json"]));
    let profiles: Value = serde_json::from_str(&listed.out).unwrap();
    let shown: Vec<_> =
        profiles.as_array().unwrap().iter().map(|it| (&it["name"], &it["default"], &it["production"])).collect();
    assert_eq!(shown, [(&"local".into(), &true.into(), &false.into()), (&"live".into(), &false.into(), &true.into())]);
    let table = ran(site.command().args(["profiles", "list"]));
    assert!(!table.out.contains("ls_") && !listed.out.contains("ls_") && table.out.contains("acme"), "{}", table.out);
    site.command().args(["jobs", "show", "job_1"]).assert().code(0);
    let request = api.received().pop().unwrap();
    assert_eq!(request.headers["authorization"], format!("Bearer {}", key()));
    assert_eq!(request.headers["longshore-tenant"], "acme");
    site.command().args(["profiles", "remove", "local"]).assert().code(0);
    site.command().args(["profiles", "remove", "local"]).assert().code(2);
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let (site, api) = (Site::new(), cancelled());
    site.add_profile("local", &api, &[]);
    std::fs::set_permissions(site.profiles(), std::fs::Permissions::from_mode(0o644)).unwrap();
    for arguments in [&["jobs", "show", "job_1"][..], &["profiles", "list"]] {
        let refused = ran(site.command().args(arguments));
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.err.contains("mode 644") && refused.err.contains("chmod 600"), "{}", refused.err);
    }
    assert!(api.received().is_empty());
}

#[test]
fn a_malformed_key_or_name_is_not_saved() {
    let (site, api) = (Site::new(), cancelled());
    for (name, given) in [("local", "ls_wrong"), ("a b", key().as_str()), ("default", key().as_str())] {
        let add = ["profiles", "add", name, "--url", &api.url];
        let refused = ran(site.command().args(add).write_stdin(given));
        assert!(refused.code == 2 && !refused.err.contains("ls_wrong"), "{refused:?}");
    }
    assert!(!site.profiles().exists());
}

#[test]
fn the_environment_names_the_deployment_unless_an_option_does() {
    let (site, api, other) = (Site::new(), cancelled(), cancelled());
    site.add_profile("local", &api, &[]);
    site.add_profile("other", &other, &[]);
    let show = |options: &[&str], variables: &[(&str, &str)]| {
        let mut command = site.command();
        let command = command.args(["jobs", "show", "job_1"]).args(options).envs(variables.iter().copied());
        assert_eq!(ran(command).code, 0);
        (api.received().len(), other.received().len())
    };
    assert_eq!(show(&[], &[]), (1, 0), "the default profile");
    assert_eq!(show(&[], &[("LONGSHORE_PROFILE", "other")]), (1, 1));
    let key = key();
    let url = [("LONGSHORE_URL", other.url.as_str()), ("LONGSHORE_KEY", &key)];
    assert_eq!(show(&[], &url), (1, 2));
    assert_eq!(show(&["--profile", "local"], &url), (2, 2));
}

#[test]
fn without_a_terminal_a_change_in_production_needs_its_name() {
    let (site, api) = (Site::new(), cancelled());
    site.add_profile("live", &api, &["--production"]);
    let refused = ran(site.command().args(["jobs", "cancel", "job_1"]).write_stdin("live\n"));
    assert!(refused.code == 2 && refused.err.contains("add `--yes live` to cancel job_1"), "{refused:?}");
    let other = ran(site.command().args(["jobs", "cancel", "job_1", "--yes", "local"]));
    assert!(other.code == 2 && other.err.contains("nothing was changed"), "{other:?}");
    let raw = ran(site.command().args(["api", "POST", "/v1/pause"]));
    assert_eq!(raw.code, 2, "{raw:?}");
    assert!(api.received().is_empty());
    assert_eq!(ran(site.command().args(["jobs", "show", "job_1"])).code, 0, "a read needs no confirmation");
    assert_eq!(ran(site.command().args(["jobs", "cancel", "job_1", "--yes", "live"])).code, 0);
    assert_eq!(api.received().len(), 2);
}

/// Starts a command on a pseudo-terminal.
fn on_terminal(site: &Site, arguments: &[&str]) -> PtySession {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.env_clear().envs(site.variables()).args(arguments);
    let within = u64::try_from(WITHIN.as_millis()).unwrap();
    rexpect::session::spawn_command(command, Some(within)).unwrap()
}

#[test]
fn on_a_terminal_the_name_of_production_is_asked_for() {
    let (site, api) = (Site::new(), cancelled());
    site.add_profile("live", &api, &["--production"]);
    for (typed, printed, requests) in [("no", "nothing was changed", 0), ("live", "cancelled", 1)] {
        let mut session = on_terminal(&site, &["jobs", "cancel", "job_1"]);
        session.exp_string("`live` is production. Type its name to cancel job_1: ").unwrap();
        assert!(api.received().is_empty(), "nothing is sent before the answer");
        session.send_line(typed).unwrap();
        session.exp_string(printed).unwrap();
        session.exp_eof().unwrap();
        assert_eq!(api.received().len(), requests);
    }
}

#[test]
fn on_a_terminal_a_key_is_asked_for_and_not_shown() {
    let (site, api) = (Site::new(), cancelled());
    let mut session = on_terminal(&site, &["profiles", "add", "local", "--url", &api.url]);
    session.exp_string("API key: ").unwrap();
    session.send_line(&key()).unwrap();
    let shown = session.exp_string("The profile local is saved.").unwrap();
    assert!(!shown.contains("ls_"), "{shown}");
    assert!(std::fs::read_to_string(site.profiles()).unwrap().contains(&key()));
}
