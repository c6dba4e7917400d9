//! `longshore sign` and `longshore verify-signature`: signatures of Standard Webhooks, without a deployment.

use std::path::PathBuf;

use clap::Args;
use longshore::security::signing::{SigningSecret, is_signed, signature_headers};
use serde_json::{Map, Value};

use crate::escape::escaped;
use crate::failure::{DONE, Failure};
use crate::input::{STDIN, read_file};
use crate::output::Output;
use crate::times::{now_ms, span};

/// Source of the signing secret, which is never an argument.
#[derive(Debug, Args)]
pub(crate) struct SecretSource {
    /// Name of the environment variable that has the secret (`whsec_...`).
    #[arg(long, value_name = "VARIABLE", default_value = "LONGSHORE_SECRET")]
    secret_from: String,
    /// File that has the secret.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_from")]
    secret_file: Option<PathBuf>,
}

/// Prints the three headers that sign a body: `webhook-id`, `webhook-timestamp` and `webhook-signature`.
#[derive(Debug, Args)]
pub(crate) struct SignOptions {
    /// File with the body; `-` is standard input.
    #[arg(default_value = STDIN)]
    file: String,
    /// The `webhook-id`.
    #[arg(long)]
    id: String,
    /// The `webhook-timestamp`, in seconds since 1970; now by default.
    #[arg(long, value_name = "SECONDS")]
    timestamp: Option<i64>,
    #[command(flatten)]
    secret: SecretSource,
}

/// Verifies the signature of a received body. The exit code is 1 if it is wrong or too old.
#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// File with the body, byte for byte as it was received; `-` is standard input.
    #[arg(default_value = STDIN)]
    file: String,
    /// The header `webhook-id`.
    #[arg(long)]
    id: String,
    /// The header `webhook-timestamp`.
    #[arg(long, value_name = "SECONDS")]
    timestamp: i64,
    /// The header `webhook-signature`.
    #[arg(long, value_name = "SIGNATURES")]
    signature: String,
    /// Maximum difference in seconds between the timestamp and now; 0 for any.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    tolerance: u64,
    #[command(flatten)]
    secret: SecretSource,
}

impl SecretSource {
    fn read(&self) -> Result<SigningSecret, Failure> {
        let text = match &self.secret_file {
            Some(path) => {
                std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?
            }
            None => std::env::var(&self.secret_from).map_err(|_| {
                let name = &self.secret_from;
                Failure::Usage(format!("The variable {name} is not set; it must have the secret, or use --secret-file"))
            })?,
        };
        let malformed = || Failure::Usage("The secret is malformed; it must be `whsec_` and base64".to_owned());
        SigningSecret::parse(text.trim()).ok_or_else(malformed)
    }
}

/// Prints the headers of a signed request.
pub(crate) fn sign(output: Output, options: &SignOptions) -> Result<u8, Failure> {
    let secret = options.secret.read()?;
    if options.id.contains('.') || options.id.is_empty() {
        return Err(Failure::Usage("The id must not be empty and must have no dot".to_owned()));
    }
    let timestamp = options.timestamp.unwrap_or_else(|| now_ms() / 1_000);
    let body = read_file(&options.file)?;
    let headers = signature_headers(&[secret], &options.id, timestamp, &body);
    if !output.is_table() {
        let headers: Map<_, _> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        return output.value(&headers).map(|()| DONE);
    }
    for (name, value) in headers {
        output.line(format!("{name}: {}", escaped(&value)))?;
    }
    Ok(DONE)
}

/// Verifies a signature.
pub(crate) fn verify(output: Output, options: &VerifyOptions) -> Result<u8, Failure> {
    let secret = options.secret.read()?;
    let body = read_file(&options.file)?;
    check(options, &secret, &body, now_ms()).map_err(Failure::NotMet)?;
    output.done("The signature is valid.").map(|()| DONE)
}

fn check(options: &VerifyOptions, secret: &SigningSecret, body: &[u8], now: i64) -> Result<(), String> {
    if !is_signed(secret, &options.id, options.timestamp, body, &options.signature) {
        let text = "The signature is wrong: the secret, the id, the timestamp or a byte of the body differs. \
                    Sign the bytes as they were received, not parsed JSON";
        return Err(text.to_owned());
    }
    let age = options.timestamp.saturating_mul(1_000).abs_diff(now);
    if options.tolerance > 0 && age > options.tolerance.saturating_mul(1_000) {
        let (age, tolerance) = (span(age), options.tolerance);
        return Err(format!("The signature is right, but its timestamp is {age} from now, more than {tolerance} s"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_signature_is_refused_and_a_wrong_one_first() {
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let secret = SigningSecret::parse(text).unwrap();
        let source = || SecretSource { secret_from: String::new(), secret_file: None };
        let options = |signature: &str, tolerance| VerifyOptions {
            file: STDIN.into(),
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek".into(),
            timestamp: 1_614_265_330,
            signature: signature.into(),
            tolerance,
            secret: source(),
        };
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let check = |options: &VerifyOptions, now| check(options, &secret, br#"{"test": 2432232314}"#, now);
        assert_eq!(check(&options(right, 300), 1_614_265_630_000), Ok(()));
        assert!(check(&options(right, 300), 1_614_265_630_001).unwrap_err().contains("timestamp"));
        assert_eq!(check(&options(right, 0), 0), Ok(()));
        assert!(check(&options("v1,AAAA", 300), 0).unwrap_err().contains("wrong"));
    }
}
