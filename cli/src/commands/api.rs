//! `longshore api`: any request to the API.

use clap::Args;
use longshore_client::Request;

use crate::context::Context;
use crate::failure::{DONE, Failure, REFUSED, described};
use crate::input::read_body;
use crate::output::note;

/// Sends one request to any route and prints the body of the answer.
///
/// The exit code is 1 if the status is not from 200 to 299; the body is still printed.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Method, such as GET.
    #[arg(value_parser = method)]
    method: String,
    /// Path with its query, such as `/v1/jobs?limit=1`.
    #[arg(value_parser = path)]
    path: String,
    /// Body: the text, `@FILE`, or `-` for standard input. Its media type is JSON if no header names another.
    #[arg(short, long, value_name = "BODY")]
    data: Option<String>,
    /// Header of the request.
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
}

fn method(text: &str) -> Result<String, String> {
    let is_word = !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphabetic());
    if is_word { Ok(text.to_ascii_uppercase()) } else { Err("a method has letters only, such as GET".to_owned()) }
}

fn path(text: &str) -> Result<String, String> {
    if text.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err("the path must begin with /, as in /v1/jobs".to_owned())
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header must have the form NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Sends the request.
pub(crate) fn run(context: &Context, options: &Options) -> Result<u8, Failure> {
    let mut request = Request::to_path(&options.method, &options.path);
    let names_type = options.header.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if let Some(data) = &options.data {
        let body = read_body(data)?;
        request = if names_type { request.bytes(body) } else { request.json_text(body) };
    }
    for (name, value) in &options.header {
        request = request.header(name, value);
    }
    let reads = ["GET", "HEAD", "OPTIONS"].contains(&options.method.as_str());
    let client = if reads {
        context.client()
    } else {
        context.client_to_change(&format!("send {} {}", options.method, options.path))?
    };
    let reply = client.send(&request)?;
    context.output.bytes(&reply.body)?;
    if !reply.body.is_empty() && !reply.body.ends_with(b"\n") && is_text(reply.header("content-type")) {
        context.output.bytes(b"\n")?;
    }
    if reply.is_success() {
        return Ok(DONE);
    }
    let text = reply.problem().map_or_else(|| reply.status.to_string(), |problem| described(&problem));
    note(format!("longshore: {text}"));
    Ok(REFUSED)
}

fn is_text(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|media_type| media_type.contains("json") || media_type.starts_with("text/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_checked() {
        assert_eq!((method("get"), method("G T").is_err(), method("").is_err()), (Ok("GET".to_owned()), true, true));
        assert!(path("/v1/jobs?limit=1").is_ok() && path("v1/jobs").is_err() && path("https://evil").is_err());
        assert_eq!(header("A: b: c"), Ok(("A".to_owned(), "b: c".to_owned())));
        assert!(header("A").is_err());
    }
}
