//! Secrets at rest and in a caller's hands: AES-256-GCM under a key of its own for every purpose.
//!
//! The context (tenant, endpoint, column) is authenticated and not stored, so a sealed text that is moved to another
//! row does not open. Nonces are 96 random bits that the caller brings: one key may seal 2^32 texts (NIST SP 800-38D
//! 8.3), which is why every purpose has its own.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::signing::MasterKey;

/// Bytes of a nonce.
const NONCE_BYTES: usize = 12;

/// Encrypts `plain` for one purpose and context: base64url of the nonce, the ciphertext and its 16-byte tag.
pub fn seal(master: &MasterKey, purpose: &str, context: &str, nonce: [u8; NONCE_BYTES], plain: &[u8]) -> String {
    let mut sealed = nonce.to_vec();
    sealed.extend(encrypt(&key(master, purpose), nonce, context.as_bytes(), plain));
    URL_SAFE_NO_PAD.encode(sealed)
}

/// Opens what [`seal`] made with the same key, purpose and context. `None` for everything else, and why is not said.
pub fn open(master: &MasterKey, purpose: &str, context: &str, sealed: &str) -> Option<Vec<u8>> {
    let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload { msg: ciphertext, aad: context.as_bytes() };
    Aes256Gcm::new(&key(master, purpose).into()).decrypt(&Nonce::from(*nonce), payload).ok()
}

fn key(master: &MasterKey, purpose: &str) -> [u8; 32] {
    master.derive("seal", &[purpose.as_bytes()])
}

fn encrypt(key: &[u8; 32], nonce: [u8; NONCE_BYTES], context: &[u8], plain: &[u8]) -> Vec<u8> {
    let payload = Payload { msg: plain, aad: context };
    // Unwrap safety: encryption fails only for 64 GiB and more, which a Worker's 128 MB cannot hold.
    #[allow(clippy::expect_used)]
    Aes256Gcm::new(&(*key).into()).encrypt(&Nonce::from(nonce), payload).expect("fits into one message")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn master() -> MasterKey {
        MasterKey::parse(&"0123456789abcdef".repeat(4)).unwrap()
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    /// Test case 16 of the paper that introduced GCM, which NIST took over.
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
        let sealed = seal(&master(), "header", "acme/orders", [9; 12], b"Bearer x");
        assert_eq!(sealed, "CQkJCQkJCQkJCQkJtRtYWj4uwFWmA0ZGI5yir7X_Ukj52zLh");
    }

    #[test]
    fn moved_text_does_not_open() {
        let sealed = seal(&master(), "header", "acme/orders", [9; 12], b"Bearer x");
        assert_eq!(open(&master(), "header", "acme/orders", &sealed).as_deref(), Some(&b"Bearer x"[..]));
        assert_eq!(open(&master(), "header", "acme/other", &sealed), None);
        assert_eq!(open(&master(), "cursor", "acme/orders", &sealed), None);
        let other = MasterKey::parse(&"f".repeat(64)).unwrap();
        assert_eq!(open(&other, "header", "acme/orders", &sealed), None);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let sealed = seal(&master(), "header", "acme", [9; 12], b"a secret");
        let raw = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for bit in 0..raw.len() * 8 {
            let mut flipped = raw.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&master(), "header", "acme", &URL_SAFE_NO_PAD.encode(flipped)), None, "{bit}");
        }
        for length in 0..raw.len() {
            assert_eq!(open(&master(), "header", "acme", &URL_SAFE_NO_PAD.encode(&raw[..length])), None);
        }
    }

    proptest! {
        #[test]
        fn sealed_text_opens(
            purpose in ".{0,8}", context in ".{0,16}", nonce in any::<[u8; 12]>(),
            plain in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let sealed = seal(&master(), &purpose, &context, nonce, &plain);
            prop_assert_eq!(open(&master(), &purpose, &context, &sealed), Some(plain));
        }

        /// One text has one spelling: a changed character is another text, or no text.
        #[test]
        fn a_changed_character_does_not_open(
            nonce in any::<[u8; 12]>(), plain in proptest::collection::vec(any::<u8>(), 0..20),
            at in any::<prop::sample::Index>(), new in "[ -~]",
        ) {
            let sealed = seal(&master(), "p", "c", nonce, &plain);
            let at = at.index(sealed.len());
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, &new);
            prop_assert_eq!(open(&master(), "p", "c", &changed).is_some(), changed == sealed);
        }

        #[test]
        fn any_text_opens_or_not(text in "[A-Za-z0-9_-]{0,60}|\\PC{0,60}") {
            prop_assert_eq!(open(&master(), "p", "c", &text), None);
        }
    }
}
