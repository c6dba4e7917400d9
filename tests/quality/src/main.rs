//! `longshore-quality <folder of the model> serve [--port N] | check | baseline`.

use std::io::{Read, Write, stdin, stdout};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use longshore_quality::{baseline, check, measure, model::Model, serve, texts};
use serde_json::json;
use tokio::net::TcpListener;

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
        [folder, "baseline"] => compare(&load(folder)?),
        _ => bail!("usage: longshore-quality <folder of the model> serve [--port N] | check | baseline"),
    }
}

fn load(folder: &str) -> Result<Model> {
    Model::load(Path::new(folder))
}

/// Serves, after a line that says where, until its standard input ends, which it does when the process that started it does.
#[tokio::main(flavor = "current_thread")]
async fn serve(model: Model, port: u16) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    writeln!(stdout(), "{}", json!({ "url": url }))?;
    std::thread::spawn(|| {
        let _ = stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    Ok(axum::serve(listener, serve::routes(Arc::new(move |texts| model.embed(texts)))).await?)
}

/// What search finds on the set by simple means.
fn compare(model: &Model) -> Result<()> {
    let (documents, questions) = (texts::documents()?, texts::questions()?);
    let chunks = baseline::chunks(&documents);
    println!("{} documents, {} chunks, {} questions", documents.len(), chunks.len(), questions.len());
    let keyword = baseline::keyword(&chunks, &questions)?;
    let vector = baseline::vector(model, &chunks, &questions)?;
    let hybrid = baseline::hybrid(&keyword, &vector);
    let ways = [("BM25", keyword), ("real, exact", vector), ("real, hybrid", hybrid)];
    print!("{}", measure::table(&ways.map(|(way, rankings)| (way, measure::scores(&questions, &rankings)))));
    Ok(())
}
