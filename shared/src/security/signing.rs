//! The master key, signing secrets, and the three headers of Standard Webhooks 1.0.0.
//!
//! The rules are in docs/failure-modes.md 3.2. A secret is random and stored sealed (see [`crate::store::secrets`]): a
//! reader of the database learns no secret, and the master key can be rotated without a change for any receiver.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use crate::security::hex;
use crate::security::key::same_secret;

/// Number of bytes of the master key, of every derived key, and of a new signing secret.
const KEY_BYTES: usize = 32;
/// Prefix of a symmetric signing secret's text.
const SECRET_PREFIX: &str = "whsec_";

/// Master key of the installation, from which all keys are derived.
#[derive(Clone)]
pub struct MasterKey([u8; KEY_BYTES]);

impl MasterKey {
    /// Parses 64 hexadecimal digits in either case.
    ///
    /// # Errors
    /// A text for the operator that does not repeat the key.
    pub fn parse(text: &str) -> Result<MasterKey, String> {
        hex::decode(text).and_then(|key| key.try_into().ok()).map(MasterKey).ok_or_else(|| {
            "the master key must be 64 hexadecimal digits, for example from `openssl rand -hex 32`".to_owned()
        })
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Derives a key for one use (RFC 5869). Every part is preceded by its length, so that two lists of parts never
    /// give the same bytes. The label separates the uses.
    pub(crate) fn derive(&self, label: &str, parts: &[&[u8]]) -> [u8; KEY_BYTES] {
        let mut info = Vec::new();
        for part in [label.as_bytes()].iter().chain(parts) {
            info.extend_from_slice(&(part.len() as u64).to_be_bytes());
            info.extend_from_slice(part);
        }
        let mut key = [0; KEY_BYTES];
        // Unwrap safety: expand fails only above 255 times the hash's 32 bytes.
        #[allow(clippy::expect_used)]
        Hkdf::<Sha256>::new(Some(b"longshore"), self.bytes()).expand(&info, &mut key).expect("32 bytes are one block");
        key
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MasterKey(..)")
    }
}

/// Symmetric signing secret of an endpoint, or a tenant's default secret.
#[derive(Clone)]
pub struct SigningSecret(Vec<u8>);

impl fmt::Debug for SigningSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningSecret(..)")
    }
}

impl SigningSecret {
    /// Creates a secret from random bytes.
    pub fn of_random(bytes: [u8; KEY_BYTES]) -> SigningSecret {
        SigningSecret(bytes.to_vec())
    }

    /// Parses a secret in the format of Standard Webhooks libraries: `whsec_` and base64. The prefix may be missing.
    /// `None` for another text.
    pub fn parse(text: &str) -> Option<SigningSecret> {
        let encoded = text.strip_prefix(SECRET_PREFIX).unwrap_or(text);
        STANDARD.decode(encoded).ok().filter(|secret| !secret.is_empty()).map(SigningSecret)
    }

    /// Returns the secret as text, in the format of all Standard Webhooks libraries.
    pub fn to_whsec(&self) -> String {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// Returns `v1,` and the base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`. `body` must be exactly the bytes to
    /// send, and the time is the attempt's. Ids must have no dot, which would make the message ambiguous: they are
    /// checked when they are accepted.
    pub fn sign(&self, id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
        let prefix = format!("{id}.{timestamp_seconds}.");
        format!("v1,{}", STANDARD.encode(hmac_sha256(&self.0, &[prefix.as_bytes(), body])))
    }
}

pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // Unwrap safety: HMAC accepts keys of any length (RFC 2104); the error belongs to the trait.
    #[allow(clippy::expect_used)]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Returns the headers of one attempt: `webhook-id`, `webhook-timestamp`, `webhook-signature`. Several secrets give
/// several signatures separated by spaces, so that a receiver may know either secret during a rotation.
pub fn signature_headers(
    secrets: &[SigningSecret],
    id: &str,
    timestamp_seconds: i64,
    body: &[u8],
) -> [(&'static str, String); 3] {
    let signatures: Vec<String> = secrets.iter().map(|secret| secret.sign(id, timestamp_seconds, body)).collect();
    [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp_seconds.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

/// Returns true if one of the signatures of a `webhook-signature` header, which are separated by spaces, is that of the
/// secret. Compares in constant time.
pub fn is_signed(secret: &SigningSecret, id: &str, timestamp_seconds: i64, body: &[u8], header: &str) -> bool {
    let expected = secret.sign(id, timestamp_seconds, body);
    let matches = header.split(' ').map(|signature| same_secret(&expected, signature));
    matches.fold(false, |found, matches| found | matches)
}

/// A stored secret. Statements return it as `[secret_version, sealed]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SealedSecret {
    /// Number of its version, from 1.
    pub secret_version: u32,
    /// Sealed bytes of the secret.
    pub sealed: String,
}

/// Version of the secret that signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretVersion {
    /// Number of the version, from 1.
    pub number: u32,
    /// Time of the last rotation.
    pub rotated_at: Option<i64>,
}

impl SecretVersion {
    /// Version of a tenant's default secret, which is never rotated.
    pub const FIRST: SecretVersion = SecretVersion { number: 1, rotated_at: None };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn master() -> MasterKey {
        MasterKey::parse(&"0123456789abcdef".repeat(4)).unwrap()
    }

    #[test]
    fn a_signature_is_verified_and_a_secret_is_parsed() {
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let secret = SigningSecret::parse(text).unwrap();
        assert_eq!(secret.to_whsec(), text);
        assert!(SigningSecret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_some());
        assert!(["", "whsec_", "whsec_???", "whsec_MfK"].iter().all(|wrong| SigningSecret::parse(wrong).is_none()));
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let verify = |at, body, header: &str| is_signed(&secret, ID, at, body, header);
        assert!(verify(1_614_265_330, BODY, right));
        assert!(verify(1_614_265_330, BODY, &format!("v1a,other {right}")));
        assert!(!verify(1_614_265_331, BODY, right) && !verify(1_614_265_330, b"{}", right));
        assert!(!verify(1_614_265_330, BODY, "") && !verify(1_614_265_330, BODY, &right[..20]));
    }

    #[test]
    fn the_published_signature_of_standard_webhooks() {
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let secret = SigningSecret(STANDARD.decode(&text[SECRET_PREFIX.len()..]).unwrap());
        assert_eq!(secret.to_whsec(), text);
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(secret.sign(ID, 1_614_265_330, BODY), signature);
        let [id, timestamp, signatures] = signature_headers(&[secret], ID, 1_614_265_330, BODY);
        assert_eq!(id, ("webhook-id", ID.to_owned()));
        assert_eq!(timestamp, ("webhook-timestamp", "1614265330".to_owned()));
        assert_eq!(signatures, ("webhook-signature", signature.to_owned()));
    }

    /// Pins our use of RFC 5869; the crate's test vectors pin the algorithm. A change makes every sealed value
    /// unreadable, so it needs a new label, not a new expected value.
    #[test]
    fn derived_keys_never_change() {
        let derived = master().derive("seal", &[b"header", b"acme"]);
        assert_eq!(STANDARD.encode(derived), "hvXIIahi32Dz/k1zeyLYwOQOkzscn/sSp3NRak0GKxw=");
    }

    #[test]
    fn every_part_of_a_derivation_changes_the_key() {
        let names: [(&str, &[&[u8]]); 6] = [
            ("seal", &[b"a"]),
            ("seal", &[b"a", b""]),
            ("seal", &[b"", b"a"]),
            ("seala", &[]),
            ("digest", &[b"a"]),
            ("", &[]),
        ];
        let keys: std::collections::BTreeSet<_> =
            names.iter().map(|(label, parts)| master().derive(label, parts)).collect();
        assert_eq!(keys.len(), names.len());
        let other = MasterKey::parse(&"f".repeat(64)).unwrap();
        assert!(!keys.contains(&other.derive("seal", &[b"a"])));
    }

    #[test]
    fn a_master_key_of_another_shape_is_refused_without_repeating_it() {
        for text in ["", "0", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"\u{e9}".repeat(32)] {
            let message = MasterKey::parse(text).unwrap_err();
            assert!(text.len() < 2 || !message.contains(text), "{message}");
        }
    }

    #[test]
    fn debug_output_hides_keys() {
        assert_eq!(format!("{:?}", master()), "MasterKey(..)");
        assert_eq!(format!("{:?}", SigningSecret::of_random([7; 32])), "SigningSecret(..)");
    }

    #[test]
    fn upper_case_digits_are_the_same_key() {
        let upper = MasterKey::parse(&"0123456789ABCDEF".repeat(4)).unwrap();
        assert_eq!(upper.bytes(), master().bytes());
    }

    proptest! {
        /// The reference library computes the same signature from our secret's text. It cannot read binary bodies.
        #[test]
        fn the_reference_library_agrees(
            bytes in proptest::collection::vec(any::<u8>(), 24..=64), id in "[A-Za-z0-9_-]{1,64}",
            timestamp in 0_i64..4_102_444_800, body in ".{0,200}",
        ) {
            let secret = SigningSecret(bytes);
            let reference = standardwebhooks::Webhook::new(&secret.to_whsec()).unwrap();
            let expected = reference.sign(&id, timestamp, body.as_bytes()).unwrap();
            prop_assert_eq!(secret.sign(&id, timestamp, body.as_bytes()), expected);
        }

        /// During a rotation the header has both signatures, each verifiable with its secret.
        #[test]
        fn rotation_sends_both_signatures(
            bytes in any::<[[u8; 32]; 2]>(), body in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let secrets = bytes.map(SigningSecret::of_random);
            let [_, _, (_, header)] = signature_headers(&secrets, "evt_1", 1_700_000_000, &body);
            let sent: Vec<&str> = header.split(' ').collect();
            let expected = secrets.map(|secret| secret.sign("evt_1", 1_700_000_000, &body));
            prop_assert_eq!(&sent, &expected);
            prop_assert!(sent.iter().all(|signature| signature.matches(',').count() == 1));
        }
    }
}
