//! Embedding providers of a deployment. `EMBED_PROVIDERS` configures them, `EMBED_DEFAULT` is the default model, and
//! the secret `EMBED_KEY_{NAME}` is the API key of a provider.
//!
//! `{"openai": {"type": "openai-compatible", "url": "https://api.openai.com/v1", "models": {"text-embedding-3-small":
//! {"dimensions": 1536}}}}` uses the network. `{"cf": {"type": "workers-ai", "models": {"@cf/baai/bge-small-en-v1.5":
//! {"dimensions": 384}}}}` uses the AI binding, without a URL and a key. The provider `builtin` always exists; its
//! vectors are computed from words and carry no meaning.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::limits::EMBED_DIMENSIONS_MAX;
use crate::search::lexical::LEXICAL_DIMENSIONS;
use crate::security::destination;
use crate::security::destination::PrivateDestinations;
use crate::wire::json_error;
use crate::wire::phrase::{listed, quoted};

/// Name of the provider that works without a network.
pub const BUILTIN: &str = "builtin";
/// Name of the only model of [`BUILTIN`].
pub const BUILTIN_MODEL: &str = "lexical-1";

/// Protocol of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interface {
    /// OpenAI's protocol: `POST {url}/embeddings`.
    OpenaiCompatible,
    /// Models of Cloudflare, through the AI binding.
    WorkersAi,
    /// No calls: vectors of hashed words.
    Builtin,
}

/// A model of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Number of elements of each vector. An answer with another number is an error.
    pub dimensions: usize,
    /// True if the request contains the number in OpenAI's field `dimensions`. Some models offer vectors of several
    /// lengths.
    #[serde(default)]
    pub send_dimensions: bool,
}

impl Model {
    /// Creates a model without `send_dimensions`.
    pub const fn new(dimensions: usize) -> Model {
        Model { dimensions, send_dimensions: false }
    }
}

/// A provider.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Protocol of the provider.
    #[serde(rename = "type")]
    pub interface: Interface,
    /// Base URL without `/embeddings`; empty for a provider that is reached through a binding.
    #[serde(default)]
    pub url: String,
    /// Models by name.
    pub models: BTreeMap<String, Model>,
    /// API key, sent as `Authorization: Bearer`.
    #[serde(skip)]
    pub key: Option<String>,
}

impl fmt::Debug for Provider {
    /// Writes all fields except the key.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Provider { interface, url, models, .. } = self;
        to.debug_struct("Provider").field("interface", interface).field("url", url).field("models", models).finish()
    }
}

/// A model and its provider, by name. A job is stored with it, so a new default does not change the job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Choice {
    /// Name of the provider.
    pub provider: String,
    /// Name of the model.
    pub model: String,
}

impl fmt::Display for Choice {
    /// Writes `provider/model`. Names of providers contain no slash.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}/{}", self.provider, self.model)
    }
}

/// A provider or model that a job names and the deployment lacks, or that the job must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Name of the field: `provider` or `model`.
    pub field: &'static str,
    /// Code of the field's error.
    pub code: &'static str,
    /// Detail of the error, in one line.
    pub detail: String,
}

/// Providers of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Providers {
    named: BTreeMap<String, Provider>,
    default: Option<Choice>,
}

/// Parses the providers by name. An error names the place and repeats no value.
fn read(text: &str) -> Result<BTreeMap<String, Provider>, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let named = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| format!("at {}: {}", error.path(), json_error::describe(error.inner())))?;
    deserializer.end().map_err(|error| json_error::describe(&error))?;
    Ok(named)
}

impl Providers {
    /// Reads the providers with `get`, which returns a variable or a secret by name.
    ///
    /// # Errors
    /// One line per setting that is wrong.
    pub fn parse(
        get: impl Fn(&str) -> Option<String>,
        private: &PrivateDestinations,
    ) -> Result<Providers, Vec<String>> {
        let text = get("EMBED_PROVIDERS").filter(|text| !text.trim().is_empty()).unwrap_or_else(|| "{}".to_owned());
        let mut named = read(&text).map_err(|error| vec![format!("EMBED_PROVIDERS: {error}")])?;
        let mut errors: Vec<_> = named.iter().filter_map(|(name, provider)| mistake(name, provider, private)).collect();
        for (name, provider) in &mut named {
            provider.key = get(&key_name(name));
        }
        let models = BTreeMap::from([(BUILTIN_MODEL.to_owned(), Model::new(LEXICAL_DIMENSIONS))]);
        let builtin = Provider { interface: Interface::Builtin, url: String::new(), models, key: None };
        named.insert(BUILTIN.to_owned(), builtin);
        let mut providers = Providers { named, default: None };
        let is_dev = get("ENV").as_deref() == Some("dev");
        match get("EMBED_DEFAULT").filter(|text| !text.is_empty()) {
            Some(text) => match text.split_once('/').and_then(|(provider, model)| providers.find(provider, model)) {
                Some(choice) => providers.default = Some(choice),
                None => errors.push("EMBED_DEFAULT must name a model of EMBED_PROVIDERS as provider/model".to_owned()),
            },
            None => providers.default = providers.only(is_dev),
        }
        if errors.is_empty() { Ok(providers) } else { Err(errors) }
    }

    /// Returns the only configured model; without any, the builtin one in a development environment.
    fn only(&self, is_dev: bool) -> Option<Choice> {
        let all = self.named.iter().filter(|(name, _)| *name != BUILTIN);
        let mut models = all.flat_map(|(name, provider)| provider.models.keys().map(move |model| (name, model)));
        match (models.next(), models.next()) {
            (Some((provider, model)), None) => self.find(provider, model),
            (None, _) if is_dev => self.find(BUILTIN, BUILTIN_MODEL),
            _ => None,
        }
    }

    fn find(&self, provider: &str, model: &str) -> Option<Choice> {
        self.model(provider, model)?;
        Some(Choice { provider: provider.to_owned(), model: model.to_owned() })
    }

    /// Returns a model and its provider.
    pub fn model(&self, provider: &str, model: &str) -> Option<(&Provider, Model)> {
        let provider = self.named.get(provider)?;
        Some((provider, *provider.models.get(model)?))
    }

    /// Chooses the model of a job that names a provider, a model, both or neither.
    ///
    /// # Errors
    /// [`Unknown`] when the named provider or model does not exist, or when the choice is ambiguous.
    pub fn choose(&self, provider: Option<&str>, model: Option<&str>) -> Result<Choice, Unknown> {
        let unknown = |field, code, detail| Err(Unknown { field, code, detail });
        match (provider, model) {
            (None, None) => self.default.clone().ok_or_else(|| Unknown {
                field: "provider",
                code: "no-default",
                detail: "`provider` and `model` are required: the deployment has no default".into(),
            }),
            (Some(name), model) => {
                let Some(known) = self.named.get(name) else {
                    let detail = format!("Unknown provider {}; configured: {}", quoted(name), list(self.named.keys()));
                    return unknown("provider", "unknown-provider", detail);
                };
                let of_default = self.default.as_ref().filter(|default| default.provider == name);
                let only = known.models.keys().next().filter(|_| known.models.len() == 1);
                let models = list(known.models.keys());
                let model = model.or(of_default.map(|default| default.model.as_str())).or(only.map(String::as_str));
                let Some(model) = model else {
                    let detail = format!("`model` is required; `{name}` has {models}");
                    return unknown("model", "no-default", detail);
                };
                self.find(name, model).map_or_else(
                    || {
                        let detail = format!("Unknown model {} of `{name}`; configured: {models}", quoted(model));
                        unknown("model", "unknown-model", detail)
                    },
                    Ok,
                )
            }
            (None, Some(model)) => {
                let mut with = self.named.keys().filter_map(|provider| self.find(provider, model));
                match (with.next(), with.next()) {
                    (Some(choice), None) => Ok(choice),
                    (None, _) => {
                        let models = self.named.values().flat_map(|provider| provider.models.keys());
                        let detail = format!("Unknown model {}; configured: {}", quoted(model), list(models));
                        unknown("model", "unknown-model", detail)
                    }
                    (Some(_), Some(_)) => {
                        let of = self.named.iter().filter(|(_, provider)| provider.models.contains_key(model));
                        let of = list(of.map(|(name, _)| name));
                        let detail = format!("`provider` is required: {of} have the model {}", quoted(model));
                        unknown("provider", "no-default", detail)
                    }
                }
            }
        }
    }
}

/// Returns the name of the secret with a provider's API key.
fn key_name(provider: &str) -> String {
    format!("EMBED_KEY_{}", provider.to_ascii_uppercase().replace('-', "_"))
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    listed(names.map(String::as_str))
}

/// Returns the error of a configured provider, if there is one.
fn mistake(name: &str, provider: &Provider, private: &PrivateDestinations) -> Option<String> {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || !name.bytes().all(is_name) || name == BUILTIN || provider.interface == Interface::Builtin {
        return Some(format!(
            "EMBED_PROVIDERS: the name {name:?} must have only a-z, 0-9 and -; builtin is reserved as name and type"
        ));
    }
    if provider.interface == Interface::WorkersAi {
        if !provider.url.is_empty() {
            return Some(format!("EMBED_PROVIDERS: {name} must have no url, because workers-ai uses the AI binding"));
        }
    } else if let Err(error) = destination::check(&provider.url, private) {
        return Some(format!("EMBED_PROVIDERS: the url of {name}: {error}"));
    }
    let is_sane = |model: &Model| (1..=EMBED_DIMENSIONS_MAX).contains(&model.dimensions);
    let wrong = provider.models.iter().find(|(model, about)| model.is_empty() || !is_sane(about));
    if provider.models.is_empty() || wrong.is_some() {
        return Some(format!(
            "EMBED_PROVIDERS: {name} must have models, each with a name and 1 to {EMBED_DIMENSIONS_MAX} dimensions"
        ));
    }
    let sends = provider.models.iter().find(|(_, about)| about.send_dimensions);
    if let (Interface::WorkersAi, Some((model, _))) = (provider.interface, sends) {
        return Some(format!(
            "EMBED_PROVIDERS: {model:?} of {name} must not set send_dimensions, which workers-ai does not support"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{
        "openai": {"type": "openai-compatible", "url": "https://api.openai.com/v1",
            "models": {"small": {"dimensions": 1536}, "large": {"dimensions": 3072}}},
        "my-own": {"type": "openai-compatible", "url": "https://embed.example.com/v1", "models": {"small": {"dimensions": 384}}}}"#;

    fn parse(settings: &[(&str, &str)]) -> Result<Providers, Vec<String>> {
        let get = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Providers::parse(get, &PrivateDestinations::parse("").unwrap())
    }

    fn choice(providers: &Providers, provider: Option<&str>, model: Option<&str>) -> Result<String, String> {
        let text = |choice: Choice| format!("{}/{}", choice.provider, choice.model);
        providers.choose(provider, model).map(text).map_err(|error| format!("{} {}", error.field, error.code))
    }

    #[test]
    fn a_named_model_is_found_or_an_error_says_why_not() {
        let providers = parse(&[("EMBED_PROVIDERS", TWO), ("EMBED_DEFAULT", "openai/large")]).unwrap();
        for (provider, model, expected) in [
            (None, None, Ok("openai/large")),
            (Some("openai"), None, Ok("openai/large")),
            (Some("my-own"), None, Ok("my-own/small")),
            (Some("openai"), Some("small"), Ok("openai/small")),
            (None, Some("large"), Ok("openai/large")),
            (Some("builtin"), None, Ok("builtin/lexical-1")),
            (None, Some("small"), Err("provider no-default")),
            (None, Some("tiny"), Err("model unknown-model")),
            (Some("openai"), Some("tiny"), Err("model unknown-model")),
            (Some("acme"), None, Err("provider unknown-provider")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(choice(&providers, provider, model), expected, "{provider:?} {model:?}");
        }
        let undecided = parse(&[("EMBED_PROVIDERS", TWO)]).unwrap();
        assert_eq!(choice(&undecided, None, None), Err("provider no-default".into()));
        assert_eq!(choice(&undecided, Some("openai"), None), Err("model no-default".into()));
    }

    #[test]
    fn the_builtin_model_is_a_default_only_in_development() {
        assert_eq!(choice(&parse(&[]).unwrap(), None, None), Err("provider no-default".into()));
        assert_eq!(choice(&parse(&[("ENV", "dev")]).unwrap(), None, None), Ok("builtin/lexical-1".into()));
        assert_eq!(choice(&parse(&[]).unwrap(), Some("builtin"), None), Ok("builtin/lexical-1".into()));
        let one = r#"{"mine": {"type": "openai-compatible", "url": "https://a.example.com", "models": {"m": {"dimensions": 2}}}}"#;
        let only = parse(&[("EMBED_PROVIDERS", one), ("ENV", "dev")]).unwrap();
        assert_eq!(choice(&only, None, None), Ok("mine/m".into()), "the only one is the default");
    }

    #[test]
    fn a_key_is_read_and_never_shown() {
        let providers = parse(&[("EMBED_PROVIDERS", TWO), ("EMBED_KEY_MY_OWN", "hush")]).unwrap();
        assert_eq!(providers.model("my-own", "small").unwrap().0.key.as_deref(), Some("hush"));
        assert!(!format!("{providers:?}").contains("hush"));
    }

    #[test]
    fn workers_ai_uses_a_binding_and_others_a_url() {
        let one = r#"{"cf": {"type": "workers-ai", "models": {"@cf/baai/bge-small-en-v1.5": {"dimensions": 384}}}}"#;
        let providers = parse(&[("EMBED_PROVIDERS", one)]).unwrap();
        assert_eq!(choice(&providers, None, None), Ok("cf/@cf/baai/bge-small-en-v1.5".into()));
        let default = [("EMBED_PROVIDERS", one), ("EMBED_DEFAULT", "cf/@cf/baai/bge-small-en-v1.5")];
        assert_eq!(parse(&default).unwrap(), providers, "a model's name may contain slashes");
        let wrong = |text: String| parse(&[("EMBED_PROVIDERS", &text)]).unwrap_err();
        let with_url = one.replace("\"models\"", "\"url\": \"https://a.example.com\", \"models\"");
        assert_eq!(wrong(with_url), ["EMBED_PROVIDERS: cf must have no url, because workers-ai uses the AI binding"]);
        assert!(wrong(one.replace("workers-ai", "openai-compatible"))[0].starts_with("EMBED_PROVIDERS: the url of cf"));
        assert!(wrong(one.replace("384", "0"))[0].contains("cf must have models, each"));
    }

    #[test]
    fn errors_name_the_provider() {
        let with = |from: &str, to: &str| parse(&[("EMBED_PROVIDERS", &TWO.replace(from, to))]).unwrap_err().join("\n");
        assert!(with("384", "0").contains("my-own must have models, each"));
        assert!(with("https://embed.example.com", "http://127.0.0.1").contains("the url of my-own"));
        assert!(with("my-own", "My Own").contains("\"My Own\""));
        assert!(with("my-own", "builtin").contains("builtin is reserved"));
        assert!(with("openai-compatible", "smoke-signals").contains(".type: a value"));
        for text in ["openai", "openai/none", "/"] {
            let errors = parse(&[("EMBED_PROVIDERS", TWO), ("EMBED_DEFAULT", text)]).unwrap_err();
            assert!(errors[0].starts_with("EMBED_DEFAULT"), "{errors:?}");
        }
    }

    #[test]
    fn dimensions_are_sent_only_for_models_with_send_dimensions() {
        let with = |kind: &str, model: &str| {
            let url = if kind == "workers-ai" { "" } else { r#""url": "https://embed.example.com/v1","# };
            parse(&[(
                "EMBED_PROVIDERS",
                &format!(r#"{{"own": {{"type": "{kind}",{url}"models": {{"m": {model}}}}}}}"#),
            )])
        };
        for (model, sends) in [
            (r#"{"dimensions": 512}"#, false),
            (r#"{"dimensions": 512, "send_dimensions": false}"#, false),
            (r#"{"dimensions": 512, "send_dimensions": true}"#, true),
        ] {
            let providers = with("openai-compatible", model).unwrap();
            let (_, model) = providers.model("own", "m").unwrap();
            assert_eq!((model.dimensions, model.send_dimensions), (512, sends));
        }
        let refused = |kind, model| with(kind, model).unwrap_err().concat();
        let sends = r#"{"dimensions": 512, "send_dimensions": true}"#;
        assert!(refused("workers-ai", sends).contains("\"m\" of own must not set send_dimensions"));
        assert!(
            refused("openai-compatible", r#"{"dimensions": 512, "send_dimensions": 256}"#)
                .contains("m.send_dimensions: a value")
        );
        assert!(refused("openai-compatible", r#"{"send_dimensions": true}"#).contains("own.models.m: a value"));
    }
}
