//! The whole matrix of callers and routes: the expected answer of each cell is computed from the scope in the
//! producer's route table.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use longshore::routes::{ActionOperation, Operation as Op};
use longshore::security::hex;
use longshore::security::key::{Scope, mint};
use longshore_kit::options::ROOT_TOKEN;
use serde_json::{Value, json};

use crate::delivery::embeds::job;
use crate::http::actions::running_action;
use crate::http::keys::unknown_key;
use crate::http::routes::{erasure_of, everything, index, send, yearly};
use crate::support::refusal::{BAD_HEADER, FORBIDDEN, NOT_FOUND, UNAUTHENTICATED, assert_refused};
use crate::support::route_table::{ROUTES, Route, RouteExt};
use crate::support::tenant::{Tenant, id_of, to_endpoint};
use crate::support::world::{World, alone};

/// Owner of a caller's key, relative to the owner of the resources in the paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Owner,
    Stranger,
    /// A stranger's key with the owner's name in the header.
    StrangerNamingOwner,
    /// A key for all tenants that names none.
    All,
    /// A key for all tenants that names the owner.
    AllNamingOwner,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rights {
    Nothing,
    Root,
    Key(Vec<Scope>, Of),
}

struct Caller {
    name: String,
    key: String,
    query: String,
    rights: Rights,
}

impl Caller {
    fn without(name: &str, key: &str) -> Caller {
        Caller { name: name.to_owned(), key: key.to_owned(), query: String::new(), rights: Rights::Nothing }
    }

    fn is_stranger(&self) -> bool {
        matches!(self.rights, Rights::Key(_, Of::Stranger | Of::StrangerNamingOwner))
    }

    /// Expected status of a cell.
    fn expected(&self, route: &Route) -> u16 {
        let Some(needed) = route.scope() else { return 200 };
        match &self.rights {
            Rights::Root if route.is_of_keys() => self.allowed(route),
            Rights::Nothing | Rights::Root => 401,
            Rights::Key(scopes, _) if !scopes.iter().any(|scope| scope.allows(needed)) => 403,
            Rights::Key(_, Of::StrangerNamingOwner) => 403,
            Rights::Key(_, Of::Owner | Of::Stranger) if route.is_for_all_tenants() => 403,
            // Without a tenant they are about all.
            Rights::Key(_, Of::All)
                if matches!(route.operation(), Some(Op::ReadStatus | Op::ReadStatistics | Op::ReadMetrics)) =>
            {
                200
            }
            Rights::Key(_, Of::All) if !route.may_name_no_tenant() => 400,
            Rights::Key(..) => self.allowed(route),
        }
    }

    /// Status for an allowed caller: reads find the owner's resources, which do not exist for strangers.
    fn allowed(&self, route: &Route) -> u16 {
        match (route.operation(), route.method) {
            (Some(Op::CreateJob | Op::Actions(ActionOperation::CreateAction)), _) => 202,
            (Some(Op::CreateKey), _) => 201,
            _ if route.creates_resource() => 200,
            (Some(Op::Search), _) | (_, "GET") if !self.is_stranger() => 200,
            _ if route.names_resource() => 404,
            _ => 200,
        }
    }
}

/// Resources of the owner, by the prefix of their path.
struct Things(BTreeMap<&'static str, String>);

impl Things {
    async fn of(owner: &Tenant<'_>) -> Things {
        owner.endpoint("orders", "/ok", json!({})).await;
        assert_eq!(owner.api.put("/v1/schedules/orders", &yearly(owner)).await.unwrap().status, 200);
        index(owner, "orders").await;
        let (key, _) = owner.world.key(&owner.name, &["jobs:read"]).await;
        let mut grouped = to_endpoint("orders");
        grouped["group"] = json!("orders");
        let dead = owner.dead_letter().await;
        Things(BTreeMap::from([
            ("/v1/jobs", id_of(&owner.complete(&grouped).await)),
            ("/v1/jobs/{id}/vectors", id_of(&owner.complete(&job("builtin", "r2", &["words"])).await)),
            ("/v1/groups", "orders".to_owned()),
            ("/v1/actions", running_action(owner).await),
            ("/v1/causes", owner.cause_of(&dead).await),
            ("/v1/dead-letters", dead),
            ("/v1/endpoints", "orders".to_owned()),
            ("/v1/schedules", "orders".to_owned()),
            ("/v1/indexes", "orders".to_owned()),
            ("/v1/keys", key),
            ("/v1/erasures", erasure_of(owner).await),
            ("/v1/tenants", owner.name.clone()),
        ]))
    }

    /// Id for a cell. An allowed caller changes nothing of the owner's: that would change other cells.
    fn named(&self, caller: &Caller, route: &Route) -> String {
        // The longest prefix comes first.
        let real = self.0.iter().rev().find(|(begin, _)| route.path.starts_with(*begin)).map(|(_, id)| id.clone());
        match (route.operation(), route.method) {
            (Some(Op::PutEndpoint | Op::PutSchedule | Op::PutIndex | Op::CloseGroup), _) => "another".to_owned(),
            (_, "GET") => real.unwrap_or_default(),
            _ if caller.expected(route) == 404 && !caller.is_stranger() => "nothing".to_owned(),
            _ => real.unwrap_or_default(),
        }
    }
}

async fn callers(world: &World, owner: &Tenant<'_>, stranger: &Tenant<'_>) -> Vec<Caller> {
    let (live_id, live) = world.key(&owner.name, &["admin"]).await;
    let (revoked_id, revoked) = world.key(&owner.name, &["admin"]).await;
    assert_eq!(owner.api.delete(&format!("/v1/keys/{revoked_id}")).await.unwrap().status, 204);
    let (expired_id, expired) = world.key(&owner.name, &["admin"]).await;
    // The same as an hour later.
    let sql = "UPDATE api_keys SET expires_at = 1 WHERE id = ?1";
    world.runner.query(sql, vec![json!(expired_id)]).await.unwrap();
    let id = hex::decode(&live_id).unwrap().try_into().unwrap();
    let wrong_secret = mint(id, [9; 32]).1;
    let mut callers = vec![
        Caller::without("no key", ""),
        Caller::without("a malformed key", "ls_malformed"),
        Caller::without("a key truncated short", &live[..live.len() - 1]),
        Caller::without("an unknown key", &unknown_key()),
        Caller::without("a wrong secret", &wrong_secret),
        Caller::without("a revoked key", &revoked),
        Caller::without("an expired key", &expired),
        Caller::without("nearly the root token", &ROOT_TOKEN[1..]),
        Caller { rights: Rights::Root, ..Caller::without("the root token", ROOT_TOKEN) },
    ];
    let mut sets: Vec<Vec<Scope>> = Scope::ALL.map(|scope| vec![scope]).to_vec();
    sets.push(vec![Scope::JobsRead, Scope::JobsWrite]);
    for scopes in sets {
        let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
        for of in [Of::Owner, Of::Stranger, Of::StrangerNamingOwner, Of::All, Of::AllNamingOwner] {
            let (tenant, names_owner) = match of {
                Of::Owner => (owner.name.as_str(), false),
                Of::Stranger => (stranger.name.as_str(), false),
                Of::StrangerNamingOwner => (stranger.name.as_str(), true),
                Of::All => ("*", false),
                Of::AllNamingOwner => ("*", true),
            };
            let (_, key) = world.key(tenant, &names).await;
            let query = if names_owner { format!("?tenant={}", owner.name) } else { String::new() };
            callers.push(Caller {
                name: format!("{of:?} {names:?}"),
                key,
                query,
                rights: Rights::Key(scopes.clone(), of),
            });
        }
    }
    callers
}

#[test]
fn every_caller_on_every_route() {
    alone(
        "matrix",
        |_| {},
        async |world| {
            let (owner, stranger) = (world.tenant().await, world.tenant().await);
            world.runner.tick_producer().await.unwrap();
            world.runner.tick_consumer().await.unwrap();
            let things = Things::of(&owner).await;
            // Resources that a cell creates exist already, so that the first caller gets the same answer as all others.
            for tenant in [&owner, &stranger] {
                index(tenant, "another").await;
            }
            let jobs = [things.0["/v1/jobs"].as_str(), things.0["/v1/dead-letters"].as_str()];
            let before = everything(&owner, &jobs).await;
            let callers = callers(world, &owner, &stranger).await;
            let rows = callers.iter().map(|caller| row(world, caller, &things, &owner, &stranger));
            let cells: Vec<u16> = join_all(rows).await.into_iter().flatten().collect();
            assert_eq!(cells.len(), callers.len() * ROUTES.len(), "the full product");
            let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
            for status in &cells {
                *counts.entry(*status).or_default() += 1;
            }
            println!("{} callers, {} routes, {} cells: {counts:?}", callers.len(), ROUTES.len(), cells.len());
            let statuses: Vec<u16> = counts.into_keys().collect();
            assert_eq!(statuses, [200, 201, 202, 400, 401, 403, 404], "a matrix of one answer tests nothing");
            let changed = |all: Vec<Value>| all.into_iter().filter(|thing| thing["data"].is_null()).collect::<Vec<_>>();
            assert_eq!(
                changed(everything(&owner, &jobs).await),
                changed(before),
                "no caller changed the owner's resources"
            );
        },
    );
}

/// Sends the requests of one caller on all routes, in the order of the table: a paused resource is resumed.
async fn row(world: &World, caller: &Caller, things: &Things, owner: &Tenant<'_>, stranger: &Tenant<'_>) -> Vec<u16> {
    let api = world.anyone.with_key(&caller.key);
    let tenant = if caller.is_stranger() { stranger } else { owner };
    let mut statuses = Vec::new();
    for route in ROUTES {
        let answer = send(&api, &route, &things.named(caller, &route), &caller.query, tenant).await;
        let what = format!("{}: {} {} {}", caller.name, route.method, route.path, answer.body);
        match caller.expected(&route) {
            400 => assert_refused(&what, &answer, BAD_HEADER),
            401 => assert_refused(&what, &answer, UNAUTHENTICATED),
            403 => assert_refused(&what, &answer, FORBIDDEN),
            404 => assert_refused(&what, &answer, NOT_FOUND),
            expected => assert_eq!(answer.status, expected, "{what}"),
        }
        statuses.push(answer.status);
    }
    statuses
}
