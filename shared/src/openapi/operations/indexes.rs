//! Indexes.

use schemars::generate::SchemaGenerator;
use schemars::{Schema, json_schema};

use super::{INDEXES, illegal};
use crate::accept::accepted::AcceptedJob;
use crate::accept::bulk::DocumentsSummary;
use crate::accept::results::BatchResult;
use crate::index::answer::{Index, WholeIndex};
use crate::index::find::{SearchRequest, SearchResult};
use crate::index::manage::PutIndex;
use crate::kinds::index::Verify;
use crate::openapi::describe::{ContentDoc, OperationDoc, describe};
use crate::openapi::examples;
use crate::wire::problem::Problem;

pub(super) fn list_indexes() -> OperationDoc {
    describe(INDEXES, "Lists indexes", "By name.")
        .pages()
        .of_tenant()
        .answers_page::<Index<'_>>("A page of indexes.", &examples::index())
}

pub(super) fn put_index() -> OperationDoc {
    let description = "Another model or other chunks than those that are searched are built beside them, of the documents as \
                       they stand, and take their place when all are there; a search never sees a mixture. The last put \
                       stands: one that asks for what is searched gives up what is being built.";
    describe(INDEXES, "Makes or changes an index", description)
        .of_tenant()
        .reads::<PutIndex>(examples::indexes())
        .answers::<WholeIndex<'_>>(200, "The index, which is as it was asked for.", examples::whole_index(120))
        .answers::<WholeIndex<'_>>(201, "The new index.", examples::whole_index(0))
        .with_headers(&["Location"])
        .answers::<WholeIndex<'_>>(202, "The index, which builds what was asked for.", examples::whole_index(120))
        .refuses([illegal("Others change the index all the time."), Problem::StorageFull])
        .creates()
}

pub(super) fn read_index() -> OperationDoc {
    describe(INDEXES, "Reads an index", "With what it has.").of_tenant().answers::<WholeIndex<'_>>(
        200,
        "The index.",
        examples::whole_index(120),
    )
}

pub(super) fn delete_index() -> OperationDoc {
    let description = "Nothing is found in it from now on. Jobs that were accepted for it change nothing of a new one of that \
                       name.";
    describe(INDEXES, "Drops an index", description).of_tenant().answers_nothing("It is gone.")
}

/// A line of the answer to documents.
fn document_result(generator: &mut SchemaGenerator) -> Schema {
    let result = generator.subschema_for::<BatchResult<'_>>();
    json_schema!({"oneOf": [result, generator.subschema_for::<DocumentsSummary<'_>>()]})
}

pub(super) fn write_documents() -> OperationDoc {
    let description = "A document a line: `{\"id\", \"text\", \"metadata\"?, \"source\"?}` brings it, or brings it again; \
                       `{\"id\", \"deleted\": true}` takes it away. Each line becomes a job of kind `index`, and is durable when \
                       it is answered. Of several changes of one document the last one that was accepted stands: within a \
                       request that is the later line. All jobs of a request are of one group, which tells how far they are.";
    describe(INDEXES, "Brings documents, or takes them away", description)
        .takes(&[
            "group-of-documents",
            "replace",
            "Idempotency-Key",
            "Prefer",
            "traceparent",
            "tracestate",
            "Longshore-Hops",
        ])
        .of_tenant()
        .or_reads_lines("One document a line; empty lines are passed over.", examples::document_lines())
        .answers_lines(
            "One result a line, in the order of the lines; the last line is the summary. Its `problem` is null if every line \
             was read. The intake does not wait for its reader: results beyond 2 MiB that are not read in time, 4 MiB for \
             refused lines, are counted in `unreported` alone.",
            ContentDoc { schema: document_result, examples: examples::document_results() },
        )
        .with_headers(&["Longshore-Group", "Preference-Applied"])
        .refuses([
            Problem::NotJson("There is no body: nothing was accepted and nothing was removed.".into()),
            Problem::UnsupportedMediaType(String::new()),
            Problem::UnsupportedEncoding(String::new()),
            Problem::InvalidIdempotencyKey("is empty".into()),
            Problem::InvalidHeader("longshore-hops is one whole number.".into()),
            Problem::LoopDetected,
        ])
}

pub(super) fn search() -> OperationDoc {
    let description = "By words, by vectors, or by both, fused by their ranks. A hit is a part of a document. Where a hybrid \
                       search has no vector of the query, words answer it, and `degraded` says why. It reads: also while the \
                       store is being restored.";
    describe(INDEXES, "Searches an index", description)
        .of_tenant()
        .reads::<SearchRequest>(examples::searches())
        .answers::<SearchResult>(200, "What was found, the best first.", examples::search_result())
        .refuses([Problem::ProviderFailed("The provider answered 500.".into())])
}

pub(super) fn verify_index() -> OperationDoc {
    let description = "Makes a job that holds documents, chunks, words and vectors against each other, and mends them if that is \
                       wanted. Its result is what it found.";
    describe(INDEXES, "Holds an index against itself", description)
        .takes(&["Idempotency-Key", "traceparent", "tracestate", "Longshore-Hops"])
        .of_tenant()
        .may_read::<Verify>(vec![("repair", serde_json::json!({"repair": true}))])
        .answers::<AcceptedJob>(202, "The job is durable.", examples::accepted_for("index"))
        .with_headers(&["Location", "Idempotency-Replayed"])
        .refuses([
            Problem::InvalidIdempotencyKey("is empty".into()),
            Problem::InvalidHeader("longshore-hops is one whole number.".into()),
            Problem::LoopDetected,
            Problem::IdempotencyKeyReused,
            Problem::StorageFull,
            Problem::QuotaReached,
        ])
}
