//! Rate limits by Cloudflare's counters. A missing binding limits nothing, and a failing one allows the request: rate
//! limits slow callers down and are not a security boundary. A refused key is counted after the database was read.

use std::net::{IpAddr, Ipv6Addr};

use longshore::security::key::parse;
use longshore::wire::problem::Problem;

use crate::authenticate::bearer;
use crate::context::ApiContext;

/// Binding that counts the requests of an address.
const ADDRESS_LIMIT: &str = "ADDRESS_LIMIT";
/// Binding that counts the requests of a key.
const KEY_LIMIT: &str = "KEY_LIMIT";
/// Binding that counts requests with a refused key.
const REFUSED_LIMIT: &str = "REFUSED_LIMIT";
/// Number of hexadecimal digits of a token's hash that identify a key: 128 bits.
const HASH_DIGITS: usize = 32;

/// Counts a request for its address, before the database is read, so that requests without a key or with invented keys
/// are limited too.
///
/// # Errors
/// `RateLimited`.
pub(crate) async fn check_address(context: &ApiContext) -> Result<(), Problem> {
    match address(context) {
        Some(address) => count(context, ADDRESS_LIMIT, address).await,
        None => Ok(()),
    }
}

/// Returns the counter key of the address. `None` without an address, which Cloudflare always sends.
fn address(context: &ApiContext) -> Option<String> {
    context.request.header("cf-connecting-ip").map(|address| format!("address:{}", network_of(&address)))
}

/// Returns the network of one caller: for IPv6 the whole /64, because a machine may use any of its addresses.
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

/// Counts a request for its key, before the database is read. The counter key is the hash of the whole token: a caller
/// who knows only the id of a key cannot use up its limit.
///
/// # Errors
/// `RateLimited`.
pub(crate) async fn check_key(context: &ApiContext) -> Result<(), Problem> {
    match bearer(context).ok().and_then(|token| parse(&token)) {
        Some(token) => count(context, KEY_LIMIT, format!("key:{}", &token.hash()[..HASH_DIGITS])).await,
        None => Ok(()),
    }
}

/// Counts a request with a refused key, for its address and for the key's id. Above the limit the response no longer
/// reveals that the key is wrong.
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
            tracing::error!(%error, binding, "rate_limit_failed");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_caller_is_a_network() {
        for (address, counted) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:DB8:1:2::7", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::7", "2001:db8:1:3::/64"),
            ("unknown", "unknown"),
        ] {
            assert_eq!(network_of(address), counted, "{address}");
        }
    }
}
