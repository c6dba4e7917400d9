//! Master keys of a deployment: one that seals, and others that only open, so that the key can be rotated.
//!
//! The two Workers are deployed one after the other, so both must accept a new key before one of them seals with it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::security::hex;
use crate::security::signing::{MasterKey, hmac_sha256};

/// Number of hexadecimal digits of a key's id. The ids of two keys collide with a probability of 1 in 2^32.
pub const KEY_ID_DIGITS: usize = 8;

/// A master key and its id.
#[derive(Clone)]
struct KeyEntry {
    id: String,
    master: MasterKey,
}

impl KeyEntry {
    /// Derives the id from the key. It reveals nothing about the key.
    fn new(master: MasterKey) -> KeyEntry {
        let derived = master.derive("key id", &[]);
        KeyEntry { id: hex::encode(&derived[..KEY_ID_DIGITS / 2]), master }
    }
}

/// Master keys of a deployment.
#[derive(Clone)]
pub struct Keyring {
    sealing: KeyEntry,
    /// Key of the previous deployment; its values are re-sealed.
    old: Option<KeyEntry>,
    /// Key of the next deployment; the other Worker may already seal with it.
    next: Option<KeyEntry>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keyring").field("sealing", &self.sealing.id).finish_non_exhaustive()
    }
}

impl Keyring {
    /// Creates a keyring with one key.
    pub fn of(sealing: MasterKey) -> Keyring {
        Keyring::new(sealing, None, None)
    }

    /// Creates a keyring whose first key seals; all keys open. A further key equal to the first is ignored.
    pub fn new(sealing: MasterKey, next: Option<MasterKey>, old: Option<MasterKey>) -> Keyring {
        let sealing = KeyEntry::new(sealing);
        let other = |key: Option<MasterKey>| key.map(KeyEntry::new).filter(|key| key.id != sealing.id);
        Keyring { next: other(next), old: other(old), sealing }
    }

    /// Returns the id of the sealing key, and the key.
    pub(crate) fn sealing(&self) -> (&str, &MasterKey) {
        (&self.sealing.id, &self.sealing.master)
    }

    /// Returns the id of the sealing key as a number.
    pub fn sealing_number(&self) -> i64 {
        i64::from_str_radix(&self.sealing.id, 16).unwrap_or_default()
    }

    /// Returns the key with this id, if the keyring has it.
    pub(crate) fn accepted(&self, id: &str) -> Option<&MasterKey> {
        let mut keys = [&self.sealing].into_iter().chain(&self.old).chain(&self.next);
        keys.find(|key| key.id == id).map(|key| &key.master)
    }

    /// Returns the id of the old key, whose values must be re-sealed; `None` if there is no rotation.
    pub fn old(&self) -> Option<&str> {
        self.old.as_ref().map(|key| key.id.as_str())
    }

    /// Returns the ids of the sealing key and the old key, which identify a rotation.
    pub fn rotation(&self) -> Option<String> {
        self.old().map(|old| format!("{}<{old}", self.sealing.id))
    }

    /// Returns a digest that cannot be computed without the key: the key's id, a dot, and the base64url of an
    /// HMAC-SHA256. The HMAC key is derived from the purpose and the tenant.
    pub fn keyed_digest(&self, purpose: &str, tenant: &str, bytes: &[u8]) -> String {
        let key = self.sealing.master.derive("digest", &[purpose.as_bytes(), tenant.as_bytes()]);
        format!("{}.{}", self.sealing.id, URL_SAFE_NO_PAD.encode(hmac_sha256(&key, &[bytes])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(digit: &str) -> MasterKey {
        MasterKey::parse(&digit.repeat(64)).unwrap()
    }

    #[test]
    fn all_keys_open_and_one_of_them_seals() {
        let keys = Keyring::new(master("a"), Some(master("b")), Some(master("c")));
        let id_of = |key: MasterKey| Keyring::of(key).sealing().0.to_owned();
        let (id, next, old) = (keys.sealing().0, &id_of(master("b")), &id_of(master("c")));
        assert!(id.len() == KEY_ID_DIGITS && [id, next, old].into_iter().all(|id| keys.accepted(id).is_some()));
        assert!(keys.accepted("00000000").is_none() && keys.accepted("").is_none());
        assert_eq!((keys.old(), Keyring::of(master("a")).old()), (Some(old.as_str()), None));
        // During a rotation two secrets of a Worker may be equal for a moment.
        let between = Keyring::new(master("a"), Some(master("b")), Some(master("a")));
        assert_eq!((between.old(), between.sealing().0), (None, id));
        assert_eq!(format!("{:08x}", keys.sealing_number()), id);
        assert!(!format!("{keys:?}").contains("aaaa"));
    }

    #[test]
    fn a_keyed_digest_depends_on_the_key_the_purpose_and_the_tenant() {
        let digest = |key: &str, purpose, tenant| Keyring::of(master(key)).keyed_digest(purpose, tenant, b"1234");
        let first = digest("a", "evidence", "acme");
        assert_eq!(first, digest("a", "evidence", "acme"));
        for other in [digest("b", "evidence", "acme"), digest("a", "other", "acme"), digest("a", "evidence", "other")] {
            assert_ne!(first, other);
        }
        assert_eq!(first.len(), KEY_ID_DIGITS + 1 + 43);
    }
}
