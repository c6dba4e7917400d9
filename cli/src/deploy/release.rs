//! Deployment of both Workers, the consumer first. A Worker whose running version has the tag of this build is skipped.

use longshore::security::hex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::DeployError;
use super::wrangler::Look;
use super::{CONSUMER_FILE, PRODUCER_FILE, Run};

/// Key of the producer's address in the saved state.
pub(super) const URL: &str = "URL";
/// Annotation of a version that holds its tag.
const TAG_ANNOTATION: &str = "workers/tag";
/// Number of digest bytes in a tag. Tags are short, and only consecutive builds must differ.
const TAG_BYTES: usize = 6;

impl Run<'_> {
    /// Deploys the Workers that do not run this build.
    pub(super) fn release(&mut self) -> Result<(), DeployError> {
        self.release_worker("consumer", CONSUMER_FILE)?;
        if let Some(url) = self.release_worker("producer", PRODUCER_FILE)?
            && self.kept.get(URL) != Some(&url)
        {
            self.kept.set(URL, &url)?;
        }
        Ok(())
    }

    fn release_worker(&mut self, folder: &str, file: &str) -> Result<Option<String>, DeployError> {
        let worker = self.names.of(&format!("longshore-{folder}"));
        let tag = self.tag(folder)?;
        // Only a deployment reports the address.
        let is_known = folder == "consumer" || self.options.url.is_some() || self.kept.get(URL).is_some();
        if is_known && self.running_tag(&worker)? == Some(tag.clone()) {
            return Ok(None);
        }
        let env = self.names.env.clone();
        let arguments = ["deploy", "-c", file, "-e", &env, "--tag", &tag];
        self.terminal.say(&format!("$ wrangler {}", arguments.join(" ")));
        if self.is_dry() {
            return Ok(None);
        }
        self.wrangler.deploy(&arguments, &self.kept.beside("wrangler.ndjson")?)
    }

    /// Returns the tag: the version, and a digest of the build and its configuration.
    fn tag(&self, folder: &str) -> Result<String, DeployError> {
        let mut digest = Sha256::new();
        let assets: &[_] = if folder == "producer" { &["assets/openapi.json", "assets/reference.html"] } else { &[] };
        for name in ["build/index.js", "build/index_bg.wasm"].iter().chain(assets) {
            let path = self.wrangler.root.join(folder).join(name);
            let bytes = std::fs::read(&path).map_err(|error| DeployError::File { path, error })?;
            digest.update(bytes);
        }
        let file = if folder == "consumer" { &self.consumer } else { &self.producer };
        digest.update(file.text_without_ids());
        let build = hex::encode(&digest.finalize()[..TAG_BYTES]);
        Ok(format!("v{}-{build}", env!("CARGO_PKG_VERSION")))
    }

    /// Returns the tag of the version that serves all requests; `None` if there is no such version or tag.
    fn running_tag(&self, worker: &str) -> Result<Option<String>, DeployError> {
        let missing = ["code: 10007", "has no deployments", "code: 10090"];
        let status = ["deployments", "status", "--json", "--name", worker];
        let Some(deployment) = self.look_json(&status, &missing)? else { return Ok(None) };
        let versions = deployment["versions"].as_array().map_or(&[][..], Vec::as_slice);
        let [version] = versions else { return Ok(None) };
        let Some(id) = version["version_id"].as_str() else { return Ok(None) };
        let view = ["versions", "view", id, "--json", "--name", worker];
        let version = self.look_json(&view, &missing)?;
        Ok(version.and_then(|version| version["annotations"][TAG_ANNOTATION].as_str().map(str::to_owned)))
    }

    fn look_json(&self, arguments: &[&str], missing: &[&str]) -> Result<Option<Value>, DeployError> {
        let Look::Found(text) = self.wrangler.look(arguments, missing)? else { return Ok(None) };
        let wrong =
            |error: serde_json::Error| DeployError::Answer { command: arguments.join(" "), reason: error.to_string() };
        serde_json::from_str(&text).map(Some).map_err(wrong)
    }
}
