//! Creates, reads, lists and drops indexes.

use serde::Deserialize;
use serde_json::json;

use super::{Counts, IndexRow, VersionRow};
use crate::limits::{CHUNK_CHARS_MAX, CHUNK_CHARS_MIN, INDEX_TRIES};
use crate::model::job::mint_ulid;
use crate::ports::{Clock, Database, DatabaseError, IndexDatabase, Param, Statement};
use crate::routes::Operation;
use crate::search::chunk::{CHUNKER_VERSION, ChunkLimits};
use crate::settings::Settings;
use crate::store::audit::{AuditNote, Operator, Target};
use crate::store::rows::unavailable;
use crate::store::search::{Store, index_sql};
use crate::store::{batch, first_as, json_param, rows_as};
use crate::wire::checks::check_name_of_path;
use crate::wire::invalid::{InvalidField, read};
use crate::wire::problem::Problem;
use crate::wire::values::Whole;

/// Half of the longest chunk.
const OVERLAP_CHARS_MAX: u32 = CHUNK_CHARS_MAX / 2;

/// The request body that creates or changes an index.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "PutIndex"))]
#[serde(deny_unknown_fields)]
pub(crate) struct PutIndex {
    /// Name of a configured embedding provider; the deployment's default provider if omitted.
    provider: Option<String>,
    /// Name of the provider's model; the provider's default model if omitted.
    model: Option<String>,
    /// Maximum length of a chunk in characters; 1,200 if omitted.
    chunk_chars: Option<Whole<CHUNK_CHARS_MIN, CHUNK_CHARS_MAX>>,
    /// Maximum number of characters that a chunk repeats from the previous chunk; at most half of `chunk_chars`; 150 if
    /// omitted.
    overlap_chars: Option<Whole<0, OVERLAP_CHARS_MAX>>,
}

/// Effect of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutResult {
    /// The index was created.
    Made,
    /// The index already has these settings.
    Kept,
    /// The index builds a version with these settings; a job does the work.
    Builds,
}

/// Creates an index, or starts to build another index version with another model or other chunks. The last put wins: a
/// put with the settings of the serving version drops the version that is being built.
///
/// # Errors
/// A problem that names every wrong field; `IllegalTransition` if other requests kept changing the index;
/// `Unavailable`.
pub async fn put_index<W: Database + IndexDatabase + Clock>(
    world: &W,
    operator: &Operator,
    settings: &Settings,
    tenant: &str,
    name: &str,
    body: &[u8],
) -> Result<(IndexRow, PutResult), Problem> {
    let requested = check(settings, name, body)?;
    let known = find_index(world, tenant, name).await.map_err(|error| unavailable(&error))?;
    if known.as_ref().is_none_or(|index| would_change(index, &requested)) {
        let action = operator.does(Operation::PutIndex, tenant, Target::Index, name).after(requested.clone());
        let serving = known.as_ref().and_then(IndexRow::serving).map(VersionRow::requested);
        record_first(world, serving.map_or(action.clone(), |before| action.before(before))).await?;
    }
    let now = world.now_ms();
    let (id, index_version) = (mint_ulid(now, world.random()), mint_ulid(now, world.random()));
    let mut row = requested.clone();
    row["id"] = json!(index_version);
    let row = json_param(&row);
    let made = index_sql!("insert_index", tenant, name, id.as_str(), index_version.as_str());
    let mut index = change(world, tenant, name, vec![made, insert_version(tenant, name, &row)]).await?;
    for _ in 0..INDEX_TRIES {
        let settings_of = |index_version: Option<&VersionRow>| index_version.map(VersionRow::requested);
        match (settings_of(index.serving()).ok_or(Problem::Internal)? == requested, settings_of(index.building())) {
            (true, None) => {
                let is_new = index.id == id;
                return Ok((index, if is_new { PutResult::Made } else { PutResult::Kept }));
            }
            (false, Some(building)) if building == requested => return Ok((index, PutResult::Builds)),
            (is_searched, _) => {
                let next = (!is_searched).then(|| index_version.clone());
                let before = index.building.clone();
                let serving = index.serving.as_str();
                let mut statements = vec![index_sql!("set_building", tenant, name, next, serving, before.clone())];
                statements.push(insert_version(tenant, name, &row));
                statements.extend(before.map(|before| drop_version(&before)));
                index = change(world, tenant, name, statements).await?;
            }
        }
    }
    Err(Problem::IllegalTransition("Other requests change the index at the same time; read it and try again".into()))
}

/// True if a put of these settings changes the index: they are neither those that it has nor those that it builds.
fn would_change(index: &IndexRow, requested: &serde_json::Value) -> bool {
    let newest = index.building().or_else(|| index.serving()).map(VersionRow::requested);
    newest.as_ref() != Some(requested)
}

/// Records a change of an index before it is made, because the search database is another one than that of the audit log.
/// A fault in between leaves an entry without its change, never a change without its entry.
async fn record_first<W: Database + Clock>(world: &W, action: AuditNote) -> Result<(), Problem> {
    batch(world, &[action.always()]).await.map(|_| ()).map_err(|error| unavailable(&error))
}

/// Changes an index and returns its new row.
async fn change<W: IndexDatabase + Clock>(
    world: &W,
    tenant: &str,
    name: &str,
    mut statements: Vec<Statement>,
) -> Result<IndexRow, Problem> {
    statements.push(index_statement(tenant, name));
    // Safe to repeat: ids stay the same, and each statement is guarded by the state that was read.
    let answers = batch(&Store(world), &statements).await.map_err(|error| unavailable(&error))?;
    first_as(answers.last()).map_err(|error| unavailable(&error))?.ok_or(Problem::Unavailable)
}

fn insert_version(tenant: &str, name: &str, row: &Param) -> Statement {
    index_sql!("insert_version", tenant, name, row.clone())
}

/// Drops an index version, unless its index still refers to it.
pub(super) fn drop_version(index_version: &str) -> Statement {
    index_sql!("drop_version", index_version)
}

/// Validates a request and fills in the defaults.
fn check(settings: &Settings, name: &str, body: &[u8]) -> Result<serde_json::Value, Problem> {
    let request: PutIndex = read(body, "#")?;
    let mut errors = Vec::new();
    errors.extend(check_name_of_path(name));
    let default = ChunkLimits::default();
    errors.extend(request.chunk_chars.and_then(|chars| chars.check("#/chunk_chars")));
    let chunk_chars = request.chunk_chars.map_or(default.chars_max, Whole::count);
    let most = chunk_chars / 2;
    let overlap_chars = request.overlap_chars.map_or(default.overlap_chars.min(most), Whole::count);
    if let Some(wrong) = request.overlap_chars.and_then(|chars| chars.check("#/overlap_chars")) {
        errors.push(wrong);
    } else if overlap_chars > most {
        let detail = format!("must be at most half of `chunk_chars`, {most}, got {overlap_chars}");
        errors.push(InvalidField::of("#/overlap_chars", "overlap-too-large", detail));
    }
    let choice = settings.providers.choose(request.provider.as_deref(), request.model.as_deref());
    match choice.map(|choice| (settings.providers.model(&choice.provider, &choice.model).map(|it| it.1), choice)) {
        Ok((Some(model), choice)) if errors.is_empty() => Ok(json!({
            "provider": choice.provider, "model": choice.model, "dimensions": model.dimensions,
            "chunk_chars": chunk_chars, "overlap_chars": overlap_chars, "chunker": CHUNKER_VERSION,
        })),
        Ok(_) => Err(Problem::InvalidRequest(errors)),
        Err(unknown) => {
            errors.push(InvalidField::new(format!("#/{}", unknown.field), unknown.code, &unknown.detail));
            Err(Problem::InvalidRequest(errors))
        }
    }
}

pub(super) fn not_found(name: &str) -> Problem {
    Problem::not_found("Index", name)
}

/// Statement that reads an index with its index versions.
pub(super) fn index_statement(tenant: &str, name: &str) -> Statement {
    index_sql!("read_index", tenant, name)
}

/// Finds an index by name.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn find_index<W: IndexDatabase + Clock>(
    world: &W,
    tenant: &str,
    name: &str,
) -> Result<Option<IndexRow>, DatabaseError> {
    let answers = batch(&Store(world), &[index_statement(tenant, name)]).await?;
    first_as(answers.first())
}

/// Reads an index.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn read_index<W: IndexDatabase + Clock>(world: &W, tenant: &str, name: &str) -> Result<IndexRow, Problem> {
    find_index(world, tenant, name).await.map_err(|error| unavailable(&error))?.ok_or_else(|| not_found(name))
}

/// Reads an index and the numbers of its documents.
///
/// # Errors
/// `NotFound`; `Unavailable`.
pub async fn count_index<W: IndexDatabase + Clock>(
    world: &W,
    tenant: &str,
    name: &str,
) -> Result<(IndexRow, Counts), Problem> {
    let statements = vec![index_statement(tenant, name), index_sql!("count_index", tenant, name)];
    let answers = batch(&Store(world), &statements).await.map_err(|error| unavailable(&error))?;
    let index = first_as(answers.first()).map_err(|error| unavailable(&error))?.ok_or_else(|| not_found(name))?;
    let counts = first_as(answers.last()).map_err(|error| unavailable(&error))?.ok_or_else(|| not_found(name))?;
    Ok((index, counts))
}

/// Lists a page of a tenant's indexes, ordered by name.
///
/// # Errors
/// `Unavailable`.
pub async fn list_indexes<W: IndexDatabase + Clock>(
    world: &W,
    tenant: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<IndexRow>, Problem> {
    let statement = index_sql!("list_indexes", tenant, after, i64::from(limit));
    let answers = batch(&Store(world), &[statement]).await.map_err(|error| unavailable(&error))?;
    rows_as(answers.first().unwrap_or(&Vec::new())).map_err(|error| unavailable(&error))
}

/// Drops an index. Searches no longer find it; its data is deleted later, in small batches ([`super::clear`]).
///
/// # Errors
/// `NotFound`, also if the index was dropped before; `Unavailable`.
pub async fn drop_index<W: Database + IndexDatabase + Clock>(
    world: &W,
    operator: &Operator,
    tenant: &str,
    name: &str,
) -> Result<(), Problem> {
    let index = read_index(world, tenant, name).await?;
    let action = operator.does(Operation::DeleteIndex, tenant, Target::Index, name);
    let serving = index.serving().map(VersionRow::requested);
    record_first(world, serving.map_or(action.clone(), |before| action.before(before))).await?;
    let statements = vec![index_sql!("drop_versions", tenant, name), index_sql!("drop_index", tenant, name)];
    let answers = batch(&Store(world), &statements).await.map_err(|error| unavailable(&error))?;
    if answers.last().is_none_or(Vec::is_empty) { Err(not_found(name)) } else { Ok(()) }
}

/// Drops all indexes of a tenant that were created before `before` (milliseconds since 1970) and deletes all vectors of
/// the tenant from the embedding cache.
///
/// Safe to repeat: deleted rows stay deleted.
///
/// # Errors
/// As [`batch`]; `Refused` if the deployment has no search database.
pub async fn erase_tenant<W: IndexDatabase + Clock>(world: &W, tenant: &str, before: i64) -> Result<(), DatabaseError> {
    let statements = vec![
        index_sql!("erase_versions", tenant, before),
        index_sql!("erase_indexes", tenant, before),
        index_sql!("erase_vectors", tenant),
    ];
    batch(&Store(world), &statements).await.map(|_| ())
}
