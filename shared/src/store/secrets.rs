//! Signing secrets: random, sealed at rest, one row per tenant, endpoint and version.
//!
//! The endpoint `""` is the tenant's default, which signs jobs to bare URLs; it has only version 1. A caller that needs
//! a missing secret inserts it. The first row wins, and all callers read that one back.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::limits::ROTATION_OVERLAP_MS;
use crate::ports::{Clock, Param, Statement};
use crate::security::keyring::Keyring;
use crate::security::seal::{SealedFor, nonce, open, seal};
use crate::security::signing::{SealedSecret, SecretVersion, SigningSecret};
use crate::settings::Settings;
use crate::store::{json_param, sql};

/// Purpose that signing secrets are sealed for.
pub const PURPOSE: &str = "signing";

/// Owner of a signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner<'a> {
    /// Tenant of the secret.
    pub tenant: &'a str,
    /// Name of the endpoint; empty for the tenant's default secret.
    pub endpoint: &'a str,
}

/// Returns the context that a secret is sealed for. All versions share it, because they are rows of one endpoint.
pub fn place(Owner { tenant, endpoint }: Owner<'_>) -> SealedFor<'_> {
    SealedFor { purpose: PURPOSE, tenant, context: endpoint }
}

/// Inserts the missing secrets of these owners in their current versions, if the store has the deployment's epoch. A
/// restored store waits for its confirmation and is not written.
///
/// Safe to repeat: existing secrets are kept.
pub(crate) fn make<C: Clock>(clock: &C, settings: &Settings, owners: &BTreeSet<Owner<'_>>) -> Statement {
    let row = |owner: &Owner<'_>| {
        let sealed = seal(&settings.keys, place(*owner), nonce(clock), &random_bytes(clock));
        json!([owner.tenant, owner.endpoint, sealed])
    };
    sql!("make_secrets", json_param(&owners.iter().map(row).collect::<Value>()), settings.epoch)
}

/// Inserts the missing secret of one owner, like [`make`].
pub(crate) fn make_one<C: Clock>(clock: &C, settings: &Settings, owner: Owner<'_>) -> Statement {
    make(clock, settings, &BTreeSet::from([owner]))
}

/// Reads the stored secrets of an endpoint, the newest first.
pub(crate) fn reading(Owner { tenant, endpoint }: Owner<'_>) -> Statement {
    sql!("read_secrets", tenant, endpoint)
}

/// Deletes the secrets of an endpoint that no longer sign: all but the last two, or all of a deleted endpoint.
pub(crate) fn forgetting(Owner { tenant, endpoint }: Owner<'_>) -> Statement {
    sql!("forget_secrets", tenant, endpoint)
}

/// Deletes the secrets of an erased tenant that are no longer needed to sign. `target` names the erasure.
pub(crate) fn erasing(target: Param) -> Statement {
    sql!("erase_secrets", target)
}

fn random_bytes<C: Clock>(clock: &C) -> [u8; 32] {
    let mut bytes = [0; 32];
    let (low, high) = bytes.split_at_mut(16);
    low.copy_from_slice(&clock.random().to_le_bytes());
    high.copy_from_slice(&clock.random().to_le_bytes());
    bytes
}

/// Returns the secrets that sign at `now_ms`, the newest first: two for 24 hours after a rotation. `None` if the newest
/// is missing or does not open. A previous secret that is missing or does not open is omitted.
pub fn signing_now(
    keys: &Keyring,
    owner: Owner<'_>,
    stored: &[SealedSecret],
    current: SecretVersion,
    now_ms: i64,
) -> Option<Vec<SigningSecret>> {
    let SecretVersion { number, rotated_at } = current;
    let overlaps = number > 1 && rotated_at.is_some_and(|at| now_ms - at < ROTATION_OVERLAP_MS);
    let secret = |wanted: u32| {
        let stored = stored.iter().find(|stored| stored.secret_version == wanted)?;
        Some(SigningSecret::of_random(open(keys, place(owner), &stored.sealed)?.try_into().ok()?))
    };
    let before = if overlaps { secret(number - 1) } else { None };
    Some([secret(number)?].into_iter().chain(before).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::signing::MasterKey;

    fn keys(digit: &str) -> Keyring {
        Keyring::of(MasterKey::parse(&digit.repeat(64)).unwrap())
    }

    const ORDERS: Owner<'_> = Owner { tenant: "acme", endpoint: "orders" };

    fn stored(secret_version: u32) -> SealedSecret {
        let byte = u8::try_from(secret_version).unwrap();
        SealedSecret { secret_version, sealed: seal(&keys("a"), place(ORDERS), [byte; 12], &[byte; 32]) }
    }

    #[test]
    fn two_secrets_sign_for_a_day_after_a_rotation() {
        let stored = [stored(2), stored(1)];
        let now = |(number, rotated_at): (u32, Option<i64>), now| {
            let current = SecretVersion { number, rotated_at };
            let secrets = signing_now(&keys("a"), ORDERS, &stored, current, now)?;
            Some(secrets.iter().map(SigningSecret::to_whsec).collect::<Vec<_>>())
        };
        let whsec = |byte: u8| SigningSecret::of_random([byte; 32]).to_whsec();
        assert_eq!(now((1, None), 0), Some(vec![whsec(1)]));
        assert_eq!(now((2, Some(1_000)), 1_000 + ROTATION_OVERLAP_MS - 1), Some(vec![whsec(2), whsec(1)]));
        assert_eq!(now((2, Some(1_000)), 1_000 + ROTATION_OVERLAP_MS), Some(vec![whsec(2)]));
        assert_eq!(now((3, None), 0), None, "no other version signs instead");
        let second = SecretVersion { number: 2, rotated_at: Some(1_000) };
        let alone = signing_now(&keys("a"), ORDERS, &stored[..1], second, 1_001).unwrap();
        assert_eq!(alone.len(), 1, "the newest signs without its predecessor");
    }

    #[test]
    fn a_stored_secret_is_read_as_statements_return_it() {
        let read: SealedSecret = serde_json::from_str(r#"[7,"sealed"]"#).unwrap();
        assert_eq!(read, SealedSecret { secret_version: 7, sealed: "sealed".into() });
    }

    #[test]
    fn a_secret_opens_only_for_its_endpoint_and_under_its_key() {
        let signs = |keys: &Keyring, owner| signing_now(keys, owner, &[stored(1)], SecretVersion::FIRST, 0).is_some();
        assert!(signs(&keys("a"), ORDERS));
        for (tenant, endpoint) in [("acme", "other"), ("other", "orders"), ("acme", "")] {
            assert!(!signs(&keys("a"), Owner { tenant, endpoint }), "{tenant} {endpoint}");
        }
        assert!(!signs(&keys("b"), ORDERS));
    }
}
