//! API keys: tokens of the form `ls_<key id>_<secret>_<checksum>`, their stored hashes, and their scopes.
//!
//! Only the SHA-256 of a token is stored. A secret of 256 random bits does not need a slow hash, and a slow one would
//! exceed the 10 ms of CPU per request on the free plan.

use std::fmt;
use std::str::FromStr;

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::security::hex;

/// Prefix of every token, by which secret scanners recognise it.
const PREFIX: &str = "ls";
/// Number of hexadecimal digits of a key's id.
const ID_DIGITS: usize = 16;
/// Number of hexadecimal digits of a key's secret.
const SECRET_DIGITS: usize = 64;
/// Number of hexadecimal digits of a token's checksum.
const CHECKSUM_DIGITS: usize = 8;

/// A well-formed token. Keeps only the hash, not the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Id of the key: 16 lower-case hexadecimal digits. It is not secret; keys are looked up by it.
    pub id: String,
    /// SHA-256 of the whole token.
    hash: [u8; 32],
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Token").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Token {
    /// Returns the hexadecimal SHA-256 of the whole token, as it is stored.
    pub fn hash(&self) -> String {
        hex::encode(&self.hash)
    }

    /// Compares the token's hash with a stored one in constant time.
    pub fn matches(&self, hash: &str) -> bool {
        self.hash().as_bytes().ct_eq(hash.as_bytes()).into()
    }
}

/// Creates a key from random bytes and returns its id and its token. The token is shown once and never stored.
pub fn mint(random_id: [u8; 8], random_secret: [u8; 32]) -> (String, String) {
    let id = hex::encode(&random_id);
    let body = format!("{PREFIX}_{id}_{}", hex::encode(&random_secret));
    let token = format!("{body}_{}", checksum(&body));
    (id, token)
}

/// Parses a token. `None` for another shape or a wrong checksum, which saves a database query per typing error.
pub fn parse(token: &str) -> Option<Token> {
    let (body, sum) = token.rsplit_once('_')?;
    let mut parts = body.split('_');
    let (prefix, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
    let well_formed = parts.next().is_none()
        && prefix == PREFIX
        && hex::is_lower(id, ID_DIGITS)
        && hex::is_lower(secret, SECRET_DIGITS)
        && hex::is_lower(sum, CHECKSUM_DIGITS)
        && checksum(body) == sum;
    well_formed.then(|| Token { id: id.to_owned(), hash: Sha256::digest(token).into() })
}

/// Compares two secrets in constant time, independent of their lengths. An empty `a` (no `ROOT_TOKEN`) never matches.
pub fn same_secret(a: &str, b: &str) -> bool {
    !a.is_empty() && Sha256::digest(a).ct_eq(&Sha256::digest(b)).into()
}

/// Returns the CRC-32 (IEEE) as eight digits. Computed without a table: a table would add 16 KB to the bundle, to check
/// 84 bytes.
fn checksum(body: &str) -> String {
    hex::encode(&Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC).checksum(body.as_bytes()).to_be_bytes())
}

/// Operations that a key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum Scope {
    /// Enqueues jobs.
    #[serde(rename = "jobs:write")]
    JobsWrite,
    /// Reads jobs, attempts, evidence and dead letters.
    #[serde(rename = "jobs:read")]
    JobsRead,
    /// Reads the metrics, and nothing else.
    #[serde(rename = "metrics:read")]
    MetricsRead,
    /// Cancels, retries, replays, discards, pauses and resumes.
    #[serde(rename = "operate")]
    Operate,
    /// Everything, including keys and endpoints.
    #[serde(rename = "admin")]
    Admin,
}

/// Error of a text that is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not one of jobs:write, jobs:read, metrics:read, operate, admin")]
pub struct UnknownScope;

impl Scope {
    /// All scopes.
    pub const ALL: [Scope; 5] = [Self::JobsWrite, Self::JobsRead, Self::MetricsRead, Self::Operate, Self::Admin];

    /// Returns the name in the API and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::JobsWrite => "jobs:write",
            Self::JobsRead => "jobs:read",
            Self::MetricsRead => "metrics:read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    /// True if a key with this scope may do what requires `needed`. `admin` allows everything.
    pub fn allows(self, needed: Scope) -> bool {
        self == Self::Admin || self == needed
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.name() == text).ok_or(UnknownScope)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_pinned() {
        let (id, token) = mint([0xab; 8], [0xcd; 32]);
        assert_eq!(id, "abababababababab");
        assert_eq!(token, format!("ls_abababababababab_{}_aee0ce87", "cd".repeat(32)));
        let parsed = parse(&token).unwrap();
        assert_eq!(parsed.id, id);
        assert_eq!(parsed.hash(), "f99de75d3a722c143486a56a8226348ade2437e1b7981f13ee9f3999cee61add");
    }

    #[test]
    fn other_shapes_are_not_tokens() {
        let (_, token) = mint([1; 8], [2; 32]);
        let with_sum = |body: &str| format!("{body}_{}", checksum(body));
        let secret = "02".repeat(32);
        for wrong in [
            String::new(),
            "ls".to_owned(),
            "___".to_owned(),
            token.to_uppercase(),
            format!("{token} "),
            format!(" {token}"),
            format!("{token}_"),
            with_sum(&format!("xx_0101010101010101_{secret}")),
            with_sum(&format!("ls_0101010101010101_{secret}_{secret}")),
            with_sum(&format!("ls_010101010101010_{secret}")),
            with_sum(&format!("ls_0101010101010101_{secret}0")),
            with_sum(&format!("ls_010101010101010A_{secret}")),
            with_sum(&format!("ls_{secret}")),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn debug_output_hides_the_hash() {
        let token = parse(&mint([1; 8], [2; 32]).1).unwrap();
        assert_eq!(format!("{token:?}"), r#"Token { id: "0101010101010101", .. }"#);
    }

    #[test]
    fn only_the_stored_hash_matches() {
        let token = parse(&mint([1; 8], [2; 32]).1).unwrap();
        let other = parse(&mint([1; 8], [3; 32]).1).unwrap();
        assert!(token.matches(&token.hash()));
        for hash in [&other.hash(), "", &token.hash()[..63], &token.hash().to_uppercase()] {
            assert!(!token.matches(hash), "{hash}");
        }
    }

    #[test]
    fn scopes_have_one_name_each_and_admin_implies_all() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.name());
            assert_eq!(scope.to_string().parse(), Ok(scope));
            assert!(Scope::Admin.allows(scope));
            for needed in Scope::ALL {
                assert_eq!(scope.allows(needed), scope == needed || scope == Scope::Admin);
            }
        }
        assert_eq!("jobs".parse::<Scope>(), Err(UnknownScope));
    }

    proptest! {
        #[test]
        fn a_minted_token_parses(id in any::<[u8; 8]>(), secret in any::<[u8; 32]>()) {
            let (key_id, token) = mint(id, secret);
            let parsed = parse(&token).unwrap();
            prop_assert_eq!(&parsed.id, &key_id);
            prop_assert!(parsed.matches(&parsed.hash()));
            prop_assert_eq!(token.matches('_').count(), 3);
        }

        /// CRC-32 detects every error within 32 bits, so that one wrong character never causes a database query.
        #[test]
        fn a_changed_character_is_detected(
            id in any::<[u8; 8]>(), secret in any::<[u8; 32]>(), at in any::<prop::sample::Index>(), new in "[ -~]",
        ) {
            let (_, token) = mint(id, secret);
            let at = at.index(token.len());
            let mut changed = token.clone();
            changed.replace_range(at..=at, &new);
            prop_assert_eq!(parse(&changed).is_some(), changed == token);
        }

        #[test]
        fn same_secret_compares_for_equality(a in ".{1,8}", b in ".{0,8}") {
            prop_assert!(same_secret(&a, &a));
            prop_assert_eq!(same_secret(&a, &b), a == b);
            prop_assert!(!same_secret("", &b) && !same_secret(&b, ""));
        }

        #[test]
        fn parsing_never_panics(text in "(ls_)?[0-9a-f_]{0,100}|\\PC{0,100}") {
            let _ = parse(&text);
        }
    }
}
