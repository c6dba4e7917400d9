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
    describe(INDEXES, "Lists indexes", "Ordered by name.")
        .pages()
        .of_tenant()
        .answers_page::<Index<'_>>("A page of indexes.", &examples::index())
}

pub(super) fn put_index() -> OperationDoc {
    let description = "Another model or other chunk settings are built in the background from the stored documents, \
                       then swapped in; a search never sees a mixture. The last put wins: a put with the settings of \
                       the serving version drops the version that is being built.";
    describe(INDEXES, "Creates or changes an index", description)
        .of_tenant()
        .reads::<PutIndex>(examples::indexes())
        .answers::<WholeIndex<'_>>(200, "The index already has these settings.", examples::whole_index(120))
        .answers::<WholeIndex<'_>>(201, "The new index.", examples::whole_index(0))
        .with_headers(&["Location"])
        .answers::<WholeIndex<'_>>(202, "The index builds a version with these settings.", examples::whole_index(120))
        .refuses([
            illegal("Other requests change the index at the same time; read it and try again."),
            Problem::StorageFull,
        ])
        .creates()
}

pub(super) fn read_index() -> OperationDoc {
    describe(INDEXES, "Reads an index", "With the numbers of its documents and chunks.")
        .of_tenant()
        .answers::<WholeIndex<'_>>(200, "The index.", examples::whole_index(120))
}

pub(super) fn delete_index() -> OperationDoc {
    let description = "Searches no longer find it. Jobs that were accepted for it change nothing in a new index of the \
                       same name.";
    describe(INDEXES, "Drops an index", description).of_tenant().answers_nothing("The index is dropped.")
}

/// Schema of a line in the answer to documents.
fn document_result(generator: &mut SchemaGenerator) -> Schema {
    let result = generator.subschema_for::<BatchResult<'_>>();
    json_schema!({"oneOf": [result, generator.subschema_for::<DocumentsSummary<'_>>()]})
}

pub(super) fn write_documents() -> OperationDoc {
    let description = "One document per line: `{\"id\", \"text\", \"metadata\"?, \"source\"?}` upserts it; `{\"id\", \
                       \"deleted\": true}` deletes it. Each line becomes a job of kind `index`, which is durable when \
                       its result is returned. Of several changes of one document the last accepted one wins; within a \
                       request that is the later line. All jobs of a request belong to one group, which shows their \
                       progress.";
    describe(INDEXES, "Upserts or deletes documents", description)
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
        .or_reads_lines("One document per line; empty lines are ignored.", examples::document_lines())
        .answers_lines(
            "One result per line, in the order of the lines; the last line is the summary. Its `problem` is null if \
             every line was read. Documents are accepted even if the results are read too slowly: results beyond 2 MiB \
             (4 MiB for refused lines) are then only counted in `unreported`.",
            ContentDoc { schema: document_result, examples: examples::document_results() },
        )
        .with_headers(&["Longshore-Group", "Preference-Applied"])
        .refuses([
            Problem::NotJson("The body is empty: nothing was accepted and nothing was removed.".into()),
            Problem::UnsupportedMediaType(String::new()),
            Problem::UnsupportedEncoding(String::new()),
            Problem::InvalidIdempotencyKey("is empty".into()),
            Problem::InvalidHeader("`Longshore-Hops` must be an integer".into()),
            Problem::LoopDetected,
        ])
}

pub(super) fn search() -> OperationDoc {
    let description = "Searches by words, by vectors, or by both, fused by their ranks. A hit is a chunk of a \
                       document. If a hybrid search has no vector of the query, it uses keywords alone, and `degraded` \
                       gives the reason. Searches also work during a restore.";
    describe(INDEXES, "Searches an index", description)
        .of_tenant()
        .reads::<SearchRequest>(examples::searches())
        .answers::<SearchResult>(200, "The hits, the best first.", examples::search_result())
        .refuses([Problem::ProviderFailed("The provider answered 500.".into())])
}

pub(super) fn verify_index() -> OperationDoc {
    let description = "Creates a job that checks the index for inconsistencies between documents, chunks, words and \
                       vectors; `repair: true` fixes them. The result of the job lists the differences.";
    describe(INDEXES, "Checks an index for inconsistencies", description)
        .takes(&["Idempotency-Key", "traceparent", "tracestate", "Longshore-Hops"])
        .of_tenant()
        .may_read::<Verify>(vec![("repair", serde_json::json!({"repair": true}))])
        .answers::<AcceptedJob>(202, "The job is stored.", examples::accepted_for("index"))
        .with_headers(&["Location", "Idempotency-Replayed"])
        .refuses([
            Problem::InvalidIdempotencyKey("is empty".into()),
            Problem::InvalidHeader("`Longshore-Hops` must be an integer".into()),
            Problem::LoopDetected,
            Problem::IdempotencyKeyReused,
            Problem::StorageFull,
            Problem::QuotaReached,
        ])
}
