//! Limits on how often somebody may ask, by Cloudflare's counters. A binding that is not there limits nothing, and one
//! that fails lets everybody through: they slow callers down and are no lock. A refused key is counted after the store was
//! asked.

use longshore::key::parse;
use longshore::problem::Problem;

use crate::authenticate::bearer;
use crate::context::ApiContext;

/// Requests of one key.
const KEY_LIMIT: &str = "KEY_LIMIT";
/// Requests whose key was refused.
const REFUSED_LIMIT: &str = "REFUSED_LIMIT";
/// Hexadecimal digits of a token's hash that tell keys apart: 128 bits.
const HASH_DIGITS: usize = 32;

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
    let address = context.request.header("cf-connecting-ip").map(|address| format!("address:{address}"));
    let id = bearer(context).ok().and_then(|token| parse(&token)).map(|token| format!("id:{}", token.id));
    for counted in [address, id].into_iter().flatten() {
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
