//! Properties of secrets: only texts sealed by Longshore open, and only keys minted by Longshore parse.

use longshore::security::key::{mint, parse, same_secret};
use longshore::security::seal::SealedFor;
use longshore::security::{cursor as cursors, destination, seal};
use longshore::settings::Settings;

use crate::stub::keys;
use crate::{head, texts};

/// Checks the random bytes of a key, a changed byte and its position, and a text from outside.
pub fn api_key(bytes: &[u8]) -> bool {
    let (id, rest) = head::<8>(bytes);
    let (secret, rest) = head::<32>(rest);
    let ([place, new], rest) = head::<2>(rest);
    let (id, text) = mint(id, secret);
    let token = parse(&text).expect("a minted token is a token");
    assert!(token.id == id && token.matches(&token.hash()) && !token.matches(&token.id));
    assert!(!format!("{token:?}").contains(text.split('_').nth(2).unwrap()));
    let mut changed = text.clone().into_bytes();
    let place = usize::from(place) % changed.len();
    changed[place] = new & 0x7F;
    let changed = String::from_utf8(changed).unwrap();
    assert_eq!(parse(&changed).is_some(), changed == text, "{changed}");
    let [outside] = texts::<1>(rest);
    assert_eq!(same_secret(&outside, &text), outside == text);
    assert_eq!(same_secret(&outside, &outside), !outside.is_empty());
    if let Some(token) = parse(&outside) {
        let parts: Vec<_> = outside.split('_').map(str::len).collect();
        assert_eq!(parts, [2, 16, 64, 8]);
        assert!(!outside.contains(char::is_uppercase) && (token.id != id || outside.starts_with(&text[..19])));
    }
    true
}

/// Checks a tenant, a list, a position, and a cursor from outside.
pub fn cursor(bytes: &[u8]) -> bool {
    let [tenant, list, id, outside] = texts::<4>(bytes);
    let (nonce, _) = head::<12>(bytes);
    let position = (i64::from(nonce[0]), id);
    let keys = keys();
    let read =
        |tenant: &str, list: &str, now, text: &str| cursors::decode::<(i64, String)>(&keys, tenant, list, now, text);
    let made = cursors::encode(&keys, &tenant, &list, nonce, 1_000, &position);
    assert_eq!(read(&tenant, &list, 999, &made), Some(position));
    assert_eq!(read(&tenant, &list, 1_000, &made), None);
    assert_eq!(read(&format!("{tenant}x"), &list, 0, &made), None);
    assert_eq!(read(&tenant, &format!("{list}x"), 0, &made), None);
    if let Some(first) = list.chars().next() {
        let (longer, shorter) = (format!("{tenant}{first}"), &list[first.len_utf8()..]);
        assert_eq!(read(&longer, shorter, 0, &made), None, "a tenant that ends with the start of the list's name");
    }
    assert_eq!(read(&tenant, &list, 0, &outside), None);
    true
}

/// Checks a purpose, a tenant, a context, a plain text, and a sealed text from outside.
pub fn sealed(bytes: &[u8]) -> bool {
    let [purpose, tenant, context, plain, outside] = texts::<5>(bytes);
    let (nonce, _) = head::<12>(bytes);
    let keys = keys();
    let place = SealedFor { purpose: &purpose, tenant: &tenant, context: &context };
    let longer = |text: &str| format!("{text}x");
    let (other_purpose, other_tenant, other_context) = (longer(&purpose), longer(&tenant), longer(&context));
    let made = seal::seal(&keys, place, nonce, plain.as_bytes());
    assert_eq!(seal::open(&keys, place, &made).as_deref(), Some(plain.as_bytes()));
    for other in [
        SealedFor { purpose: &other_purpose, ..place },
        SealedFor { tenant: &other_tenant, ..place },
        SealedFor { context: &other_context, ..place },
    ] {
        assert_eq!(seal::open(&keys, other, &made), None);
    }
    assert_eq!(seal::open(&keys, place, &made[..made.len() - 1]), None);
    assert_eq!(seal::open(&keys, place, &format!("{made}=")), None);
    assert_eq!(seal::open(&keys, place, &outside), None);
    true
}

/// Checks `PLAN`, `MASTER_KEY` and `PRIVATE_DESTINATIONS`; empty is unset.
pub fn settings(bytes: &[u8]) -> bool {
    let [plan, key, private] = texts::<3>(bytes);
    // A port or the name of a plan is as good as any other text.
    let payload = private.split_once(' ').map(|(_, last)| last.to_owned()).filter(|text| text.parse::<i64>().is_ok());
    let get = |name: &str| match name {
        "PLAN" => Some(plan.clone()).filter(|plan| !plan.is_empty()),
        "MASTER_KEY" => Some(key.clone()),
        "PRIVATE_DESTINATIONS" => Some(private.clone()),
        "PAYLOAD_BYTES" => payload.clone(),
        _ => None,
    };
    match Settings::parse(get) {
        Ok(settings) => {
            assert!(["", "free", "paid"].contains(&plan.as_str()));
            assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert!(!format!("{settings:?}").contains(&key));
            let unlisted = destination::check("https://10.0.0.1/", &settings.private_destinations);
            assert!(unlisted.is_err() || private.contains(':'));
            true
        }
        Err(lines) => {
            assert!((1..=4).contains(&lines.len()));
            assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
            // The line about the key is always the same, so it never contains the given value.
            let about = |line: &&String| line.starts_with("MASTER_KEY");
            let unset = Settings::parse(|_| None).unwrap_err();
            assert!(lines.iter().find(about).is_none_or(|line| Some(line) == unset.iter().find(about)));
            false
        }
    }
}
