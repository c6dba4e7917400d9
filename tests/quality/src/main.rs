//! Command `longshore-quality <folder of the model> serve [--port N] | check | compare`.

use std::io::{Read, Write, stdin, stdout};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use longshore_quality::{baseline, check, compare, model::Model, serve, texts};
use serde_json::json;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [folder, "serve"] => serve(load(folder)?, 0),
        [folder, "serve", "--port", port] => serve(load(folder)?, port.parse().context("--port")?),
        [folder, "check"] => {
            let chunks = baseline::chunks(&texts::documents()?);
            let longest =
                chunks.iter().map(|chunk| chunk.text.as_str()).filter(|text| text.len() <= baseline::CHUNK_BYTES);
            check::run(&load(folder)?, longest.max_by_key(|text| text.len()).unwrap_or_default())
        }
        [folder, "compare"] => compare(load(folder)?),
        _ => bail!("usage: longshore-quality <folder of the model> serve [--port N] | check | compare"),
    }
}

fn load(folder: &str) -> Result<Model> {
    Model::load(Path::new(folder))
}

/// Prints the URL and serves until standard input ends, which happens when the parent process ends.
fn serve(model: Model, port: u16) -> Result<()> {
    let url = serve::start(Arc::new(move |texts| model.embed(texts)), port)?;
    writeln!(stdout(), "{}", json!({ "url": url }))?;
    stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn compare(model: Model) -> Result<()> {
    compare::run(model).await
}
