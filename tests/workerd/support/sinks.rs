//! Places where a secret may leak: files of the stores, objects, the log, answers; and the forms in which it is still
//! that secret.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::support::world::World;

/// A place, with all its bytes.
pub(crate) struct Sink {
    pub(crate) name: String,
    /// One character for each byte, so that binary data can be searched like text.
    bytes: String,
}

impl Sink {
    pub(crate) fn new(name: impl Into<String>, bytes: &[u8]) -> Sink {
        Sink { name: name.into(), bytes: by_byte(bytes) }
    }

    /// Text around the first of these forms that occurs here.
    pub(crate) fn find(&self, forms: &[String]) -> Option<String> {
        let at = forms.iter().find_map(|form| self.bytes.find(form))?;
        let around: String = self.bytes[..at].chars().rev().take(150).collect();
        let from: String = self.bytes[at..].chars().take(80).collect();
        Some(format!("{}: …{}{from}…", self.name, around.chars().rev().collect::<String>()).escape_debug().to_string())
    }
}

fn by_byte(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Forms of a secret: plain, hex, base64 at each of its three offsets in a group, escaped as in JSON and URLs.
pub(crate) fn forms(secret: &[u8]) -> Vec<String> {
    let each = |format: fn(u8) -> String| secret.iter().map(|byte| format(*byte)).collect::<String>();
    let mut forms = vec![
        by_byte(secret),
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("{byte:02X}")),
        each(|byte| format!("\\u{byte:04x}")),
        each(|byte| format!("%{byte:02X}")),
        each(|byte| format!("%{byte:02x}")),
    ];
    for before in 0..3 {
        let padded = [&vec![0; before], secret].concat();
        // Characters that hold bits of a neighbour are removed.
        let (first, last) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        forms.extend(
            [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)].map(|text| text[first..last].to_owned()),
        );
    }
    forms
}

/// Every file of the stores, every object and the log.
pub(crate) async fn stores(world: &World, folder: &Path) -> Vec<Sink> {
    let mut sinks = vec![Sink::new("the log", world.log().as_bytes())];
    for key in world.runner.r2_keys().await.unwrap() {
        let object = world.runner.r2_get(&key).await.unwrap().expect("it was listed");
        sinks.push(Sink::new(key, &object));
    }
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.is_file() {
                sinks.push(Sink::new(path.display().to_string(), &std::fs::read(&path).unwrap_or_default()));
            }
        }
    }
    sinks
}

#[test]
fn a_secret_is_found_in_each_of_its_forms() {
    let secret = b"a s3cret\xff\x00~?>!";
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let each = |bytes: &[u8], format: fn(u8) -> String| {
        bytes.iter().map(|byte| format(*byte)).collect::<String>().into_bytes()
    };
    for before in 0..5 {
        let around = [&vec![b'x'; before], secret.as_slice(), b"yz"].concat();
        for encoded in [
            around.clone(),
            STANDARD_NO_PAD.encode(&around).into_bytes(),
            URL_SAFE_NO_PAD.encode(&around).into_bytes(),
            each(&around, |byte| format!("{byte:02x}")),
            each(&around, |byte| format!("{byte:02X}")),
            each(&around, |byte| format!("\\u{byte:04x}")),
        ] {
            assert!(Sink::new("", &encoded).find(&forms(secret)).is_some(), "{before}: {:?}", text(&encoded[..4]));
        }
        let other = [&vec![b'x'; before], b"a s3cret\xff\x00~?>?".as_slice(), b"yz"].concat();
        for encoded in [other.clone(), STANDARD_NO_PAD.encode(&other).into_bytes()] {
            assert_eq!(Sink::new("", &encoded).find(&forms(secret)), None);
        }
    }
}
