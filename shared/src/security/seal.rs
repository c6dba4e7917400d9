//! Encryption of secrets, at rest and in cursors: AES-256-GCM with a key derived for each purpose and tenant.
//!
//! A sealed text is the id of the master key (8 hexadecimal digits) and the base64url of nonce, ciphertext and tag. The
//! id lets a deployment open texts that an earlier key sealed, so that the master key can be rotated. The context
//! (endpoint, column) is authenticated and not stored, so a sealed text that is moved to another row does not open.
//! Nonces are 96 random bits that the caller passes in: one key may seal 2^32 texts (NIST SP 800-38D 8.3), which is why
//! every purpose and tenant has a separate key.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::ports::Clock;
use crate::security::keyring::{KEY_ID_DIGITS, Keyring};
use crate::security::signing::MasterKey;

/// Number of bytes of a nonce.
const NONCE_BYTES: usize = 12;

/// Place that a text is sealed for: purpose and tenant select the key, the context is authenticated.
#[derive(Debug, Clone, Copy)]
pub struct SealedFor<'a> {
    /// Purpose, such as `header`.
    pub purpose: &'a str,
    /// Tenant that owns the secret.
    pub tenant: &'a str,
    /// Context, such as an endpoint and a header name.
    pub context: &'a str,
}

/// Encrypts `plain` for one place with the sealing key.
pub fn seal(keys: &Keyring, place: SealedFor<'_>, nonce: [u8; NONCE_BYTES], plain: &[u8]) -> String {
    let (id, master) = keys.sealing();
    let mut sealed = nonce.to_vec();
    sealed.extend(encrypt(&key(master, place), nonce, place.context.as_bytes(), plain));
    let mut text = id.to_owned();
    URL_SAFE_NO_PAD.encode_string(sealed, &mut text);
    text
}

/// Decrypts a text that [`seal`] created for the same place with an accepted key. `None` for everything else, without a
/// reason.
pub fn open(keys: &Keyring, place: SealedFor<'_>, sealed: &str) -> Option<Vec<u8>> {
    let (id, encoded) = sealed.split_at_checked(KEY_ID_DIGITS)?;
    let master = keys.accepted(id)?;
    let sealed = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload { msg: ciphertext, aad: place.context.as_bytes() };
    Aes256Gcm::new(&key(master, place).into()).decrypt(&Nonce::from(*nonce), payload).ok()
}

/// Seals a text again with the sealing key. `None` if that key sealed it already, or if it does not open.
pub fn reseal(keys: &Keyring, place: SealedFor<'_>, nonce: [u8; NONCE_BYTES], sealed: &str) -> Option<String> {
    if sealed.starts_with(keys.sealing().0) {
        return None;
    }
    open(keys, place, sealed).map(|plain| seal(keys, place, nonce, &plain))
}

fn key(master: &MasterKey, place: SealedFor<'_>) -> [u8; 32] {
    master.derive("seal", &[place.purpose.as_bytes(), place.tenant.as_bytes()])
}

fn encrypt(key: &[u8; 32], nonce: [u8; NONCE_BYTES], context: &[u8], plain: &[u8]) -> Vec<u8> {
    let payload = Payload { msg: plain, aad: context };
    // Unwrap safety: encryption fails only for 64 GiB and more, which a Worker's 128 MB cannot hold.
    #[allow(clippy::expect_used)]
    Aes256Gcm::new(&(*key).into()).encrypt(&Nonce::from(nonce), payload).expect("fits into one message")
}

/// Draws 96 random bits for one sealed value.
pub fn nonce<C: Clock>(clock: &C) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&clock.random().to_le_bytes()[..12]);
    nonce
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::security::hex;

    fn master(digits: &str) -> MasterKey {
        MasterKey::parse(&digits.repeat(64 / digits.len())).unwrap()
    }

    fn keys() -> Keyring {
        Keyring::of(master("0123456789abcdef"))
    }

    fn at<'a>(purpose: &'a str, tenant: &'a str, context: &'a str) -> SealedFor<'a> {
        SealedFor { purpose, tenant, context }
    }

    fn bytes(digits: &str) -> Vec<u8> {
        hex::decode(digits).unwrap()
    }

    /// Test case 16 of the GCM specification, adopted by NIST.
    #[test]
    fn the_published_vector_with_a_256_bit_key() {
        let key: [u8; 32] = bytes(&"feffe9928665731c6d6a8f9467308308".repeat(2)).try_into().unwrap();
        let nonce: [u8; 12] = bytes("cafebabefacedbaddecaf888").try_into().unwrap();
        let context = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let plain = bytes(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
             1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        );
        let expected = bytes(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
             8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662\
             76fc6ece0f4e1768cddf8853bb2d551b",
        );
        assert_eq!(encrypt(&key, nonce, &context, &plain), expected);
    }

    #[test]
    fn sealed_text_is_pinned() {
        let sealed = seal(&keys(), at("header", "acme", "orders"), [9; 12], b"Bearer x");
        assert_eq!(sealed, "7ec48011CQkJCQkJCQkJCQkJrIGe2rAxSYhJp_1NYQtVQCg8E4lhOilw");
    }

    #[test]
    fn moved_text_does_not_open() {
        let place = at("header", "acme", "orders");
        let sealed = seal(&keys(), place, [9; 12], b"Bearer x");
        assert_eq!(open(&keys(), place, &sealed).as_deref(), Some(&b"Bearer x"[..]));
        for other in [at("header", "acme", "other"), at("cursor", "acme", "orders"), at("header", "other", "orders")] {
            assert_eq!(open(&keys(), other, &sealed), None, "{other:?}");
        }
        assert_eq!(open(&Keyring::of(master("f")), place, &sealed), None);
    }

    /// The key of one tenant reveals nothing about the key of another.
    #[test]
    fn every_tenant_and_purpose_has_its_own_key() {
        let master = master("f");
        let places = [at("a", "b", ""), at("ab", "", ""), at("", "ab", ""), at("b", "a", ""), at("a", "c", "")];
        let derived: std::collections::BTreeSet<_> = places.iter().map(|place| key(&master, *place)).collect();
        assert_eq!(derived.len(), places.len());
    }

    #[test]
    fn an_accepted_key_opens_and_only_the_sealing_one_seals() {
        let place = at("header", "acme", "orders");
        let [first, next] = [master("a"), master("b")];
        let sealed = seal(&Keyring::of(first.clone()), place, [9; 12], b"hush");
        let both = Keyring::new(next.clone(), None, Some(first.clone()));
        assert_eq!(open(&both, place, &sealed).as_deref(), Some(&b"hush"[..]));
        let again = reseal(&both, place, [8; 12], &sealed).unwrap();
        assert!(again.starts_with(both.sealing().0) && !sealed.starts_with(both.sealing().0));
        assert_eq!(open(&Keyring::of(next), place, &again).as_deref(), Some(&b"hush"[..]));
        assert_eq!(reseal(&both, place, [7; 12], &again), None, "sealed with that key already");
        assert_eq!(reseal(&both, at("header", "acme", "other"), [7; 12], &sealed), None, "it does not open");
        assert_eq!(open(&Keyring::of(first), place, &again), None);
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_detected() {
        let place = at("header", "acme", "");
        let sealed = seal(&keys(), place, [9; 12], b"a secret");
        let (id, encoded) = sealed.split_at(KEY_ID_DIGITS);
        let raw = URL_SAFE_NO_PAD.decode(encoded).unwrap();
        for bit in 0..raw.len() * 8 {
            let mut flipped = raw.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&keys(), place, &format!("{id}{}", URL_SAFE_NO_PAD.encode(flipped))), None, "{bit}");
        }
        for length in 0..raw.len() {
            assert_eq!(open(&keys(), place, &format!("{id}{}", URL_SAFE_NO_PAD.encode(&raw[..length]))), None);
        }
    }

    proptest! {
        #[test]
        fn a_sealed_text_opens(
            purpose in ".{0,8}", tenant in ".{0,8}", context in ".{0,16}", nonce in any::<[u8; 12]>(),
            plain in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let place = at(&purpose, &tenant, &context);
            let sealed = seal(&keys(), place, nonce, &plain);
            prop_assert_eq!(open(&keys(), place, &sealed), Some(plain));
        }

        /// A text has only one valid spelling: a changed character does not open.
        #[test]
        fn a_changed_character_does_not_open(
            nonce in any::<[u8; 12]>(), plain in proptest::collection::vec(any::<u8>(), 0..20),
            place in any::<prop::sample::Index>(), new in "[ -~]",
        ) {
            let sealed = seal(&keys(), at("p", "t", "c"), nonce, &plain);
            let place = place.index(sealed.len());
            let mut changed = sealed.clone();
            changed.replace_range(place..=place, &new);
            prop_assert_eq!(open(&keys(), at("p", "t", "c"), &changed).is_some(), changed == sealed);
        }

        #[test]
        fn opening_any_text_never_panics(text in "[A-Za-z0-9_-]{0,60}|\\PC{0,60}") {
            prop_assert_eq!(open(&keys(), at("p", "t", "c"), &text), None);
            prop_assert_eq!(open(&keys(), at("p", "t", "c"), &format!("{}{text}", keys().sealing().0)), None);
        }
    }
}
