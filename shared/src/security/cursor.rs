//! Cursors of lists. A cursor is sealed, so that a caller can neither read nor forge a position. It is bound to one
//! tenant, one list with its filters, and an expiry time.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::security::keyring::Keyring;
use crate::security::seal;
use crate::security::seal::SealedFor;

/// Purpose in the key derivation: separates the key of cursors from the keys of secrets at rest.
const PURPOSE: &str = "cursor";

/// Creates a cursor for `position`, valid until `expires_at_ms` (Unix time). `list` names the route with its filters,
/// so that a cursor of one filter cannot continue another.
pub fn encode<T: Serialize>(
    keys: &Keyring,
    tenant: &str,
    list: &str,
    nonce: [u8; 12],
    expires_at_ms: i64,
    position: &T,
) -> String {
    // A position that cannot be serialized (a map with non-string keys) gives a cursor that never decodes.
    let plain = serde_json::to_vec(&(expires_at_ms, position)).unwrap_or_default();
    seal::seal(keys, place(tenant, list), nonce, &plain)
}

/// Decodes a cursor. `None` if it was changed, has expired, or belongs to another tenant or list. The caller returns
/// 400 without the reason.
pub fn decode<T: DeserializeOwned>(keys: &Keyring, tenant: &str, list: &str, now_ms: i64, cursor: &str) -> Option<T> {
    let plain = seal::open(keys, place(tenant, list), cursor)?;
    let (expires_at_ms, position) = serde_json::from_slice::<(i64, T)>(&plain).ok()?;
    (now_ms < expires_at_ms).then_some(position)
}

fn place<'a>(tenant: &'a str, list: &'a str) -> SealedFor<'a> {
    SealedFor { purpose: PURPOSE, tenant, context: list }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::security::signing::MasterKey;

    type Position = (i64, String);

    fn master(digits: &str) -> MasterKey {
        MasterKey::parse(&digits.repeat(64 / digits.len())).unwrap()
    }

    fn keys() -> Keyring {
        Keyring::of(master("0123456789abcdef"))
    }

    fn position() -> Position {
        (1_700_000_000_000, "01J".to_owned())
    }

    fn cursor() -> String {
        encode(&keys(), "acme", "/v1/jobs?state=dead", [5; 12], 1_000, &position())
    }

    fn decoded(tenant: &str, list: &str, now_ms: i64, cursor: &str) -> Option<Position> {
        decode(&keys(), tenant, list, now_ms, cursor)
    }

    #[test]
    fn a_cursor_belongs_to_one_tenant_list_and_time() {
        let list = "/v1/jobs?state=dead";
        assert_eq!(decoded("acme", list, 999, &cursor()), Some(position()));
        assert_eq!(decoded("acme", list, 1_000, &cursor()), None);
        assert_eq!(decoded("other", list, 0, &cursor()), None);
        assert_eq!(decoded("acme", "/v1/jobs?state=failed", 0, &cursor()), None);
        assert_eq!(decoded("acme/v1", "/jobs?state=dead", 0, &cursor()), None);
    }

    /// Pages of one list may be served by Workers before and after a key rotation.
    #[test]
    fn a_cursor_of_an_accepted_key_is_read() {
        let both = Keyring::new(master("f"), Some(master("0123456789abcdef")), None);
        let read = |keys: &Keyring| decode::<Position>(keys, "acme", "/v1/jobs?state=dead", 0, &cursor());
        assert_eq!(read(&both), Some(position()));
        assert_eq!(read(&Keyring::of(master("f"))), None);
    }

    #[test]
    fn a_position_of_another_shape_is_refused() {
        let other: Option<u8> = decode(&keys(), "acme", "/v1/jobs?state=dead", 0, &cursor());
        assert_eq!(other, None);
        let unserializable = std::collections::BTreeMap::from([((1, 2), 3)]);
        let text = encode(&keys(), "acme", "list", [5; 12], 1_000, &unserializable);
        assert_eq!(decoded("acme", "list", 0, &text), None);
    }

    #[test]
    fn every_changed_character_is_refused() {
        let cursor = cursor();
        for at in 0..cursor.len() {
            for new in ["A", "B", "_", "=", " "] {
                let mut changed = cursor.clone();
                changed.replace_range(at..=at, new);
                let list = "/v1/jobs?state=dead";
                assert_eq!(decoded("acme", list, 0, &changed).is_some(), changed == cursor);
            }
        }
    }

    proptest! {
        #[test]
        fn any_position_is_decoded(
            tenant in ".{0,8}", list in ".{0,16}", nonce in any::<[u8; 12]>(), id in ".{0,8}", at in any::<i64>(),
        ) {
            let text = encode(&keys(), &tenant, &list, nonce, 1_000, &(at, &id));
            prop_assert_eq!(decoded(&tenant, &list, 0, &text), Some((at, id)));
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
        }

        #[test]
        fn any_text_is_refused(text in "[A-Za-z0-9_-]{0,80}|\\PC{0,40}") {
            prop_assert_eq!(decoded("acme", "list", 0, &text), None);
        }
    }
}
