//! Limits on how often somebody may ask, by Cloudflare's counters. A binding that is not there limits nothing, and one
//! that fails lets everybody through: they slow callers down and are no lock. A refused key is counted after the store was
//! asked.

use std::net::{IpAddr, Ipv6Addr};

use longshore::security::key::parse;
use longshore::wire::problem::Problem;

use crate::authenticate::bearer;
use crate::context::ApiContext;

/// Requests from one address.
const ADDRESS_LIMIT: &str = "ADDRESS_LIMIT";
/// Requests of one key.
const KEY_LIMIT: &str = "KEY_LIMIT";
/// Requests whose key was refused.
const REFUSED_LIMIT: &str = "REFUSED_LIMIT";
/// Hexadecimal digits of a token's hash that tell keys apart: 128 bits.
const HASH_DIGITS: usize = 32;

/// Counts a request for its address, before the store is asked for anything: nobody gets more of the store by leaving out
/// the key or by making keys up.
///
/// # Errors
/// `RateLimited`.
pub(crate) async fn check_address(context: &ApiContext) -> Result<(), Problem> {
    match address(context) {
        Some(address) => count(context, ADDRESS_LIMIT, address).await,
        None => Ok(()),
    }
}

/// What counts the requests of an address. Without one, which Cloudflare always gives, nothing is counted.
fn address(context: &ApiContext) -> Option<String> {
    context.request.header("cf-connecting-ip").map(|address| format!("address:{}", network_of(&address)))
}

/// The addresses that one caller has: a whole /64 of IPv6, of which a machine may take any.
fn network_of(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => {
            let [first, second, third, fourth, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(first, second, third, fourth, 0, 0, 0, 0))
        }
        Ok(address) => address.to_canonical().to_string(),
        Err(_) => address.to_owned(),
    }
}

/// Counts a request for its key, before the store is asked. It is counted by the whole token's hash: who knows only the
/// id of a key cannot use up what its owner may ask.
///
/// # Errors
/// `RateLimited`.
pub(crate) async fn check_key(context: &ApiContext) -> Result<(), Problem> {
    match bearer(context).ok().and_then(|token| parse(&token)) {
        Some(token) => count(context, KEY_LIMIT, format!("key:{}", &token.hash()[..HASH_DIGITS])).await,
        None => Ok(()),
    }
}

/// Counts a request whose key was refused, for its address and for the key's id. Beyond the limit the caller is no
/// longer told that the key is wrong.
///
/// # Errors
/// `RateLimited`.
pub(crate) async fn check_refused(context: &ApiContext) -> Result<(), Problem> {
    let id = bearer(context).ok().and_then(|token| parse(&token)).map(|token| format!("id:{}", token.id));
    for counted in [address(context), id].into_iter().flatten() {
        count(context, REFUSED_LIMIT, counted).await?;
    }
    Ok(())
}

async fn count(context: &ApiContext, binding: &str, counted: String) -> Result<(), Problem> {
    let Ok(limiter) = context.env.rate_limiter(binding) else {
        return Ok(());
    };
    match limiter.limit(counted).await {
        Ok(outcome) if !outcome.success => Err(Problem::RateLimited),
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::error!(%error, binding, "a rate limit did not answer");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_a_whole_network_of_ipv6() {
        for (address, counted) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:DB8:1:2::7", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::7", "2001:db8:1:3::/64"),
            ("somebody", "somebody"),
        ] {
            assert_eq!(network_of(address), counted, "{address}");
        }
    }
}
