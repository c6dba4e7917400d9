//! One suite of the store's behaviour for every database: each case is a function over a [`Stand`], and
//! [`for_each_case!`](crate::for_each_case) lists them all, so that no engine can skip one.
//!
//! Every case has tenants of its own, so all of them may share one database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc)]

pub mod accepting;
pub mod claiming;
pub mod completing;
pub mod erasing;
pub mod finding;
pub mod grouping;
pub mod indexing;
pub mod ingesting;
pub mod keeping;
pub mod late_outcomes;
pub mod listing;
pub mod occurring;
pub mod operating;
pub mod payloads;
pub mod quotas;
pub mod rebuilding;
pub mod repairing;
pub mod repeating;
pub mod replacing;
pub mod resending;
pub mod restoring;
pub mod secrets;
pub mod settling;
pub mod stand;
pub mod sweeping;
pub mod usage;

pub use stand::{Case, Stand, Store};

/// Calls a macro with the list of all cases, as `module::function` pairs.
#[macro_export]
macro_rules! for_each_case {
    ($callback:ident) => {
        $callback! {
            accepting: one_key_is_one_job, fifty_repeats_are_one_job, another_digest_is_refused,
                a_key_whose_window_ended_is_free, duplicates_inside_one_batch, an_unknown_endpoint_accepts_nothing,
                a_skewed_clock_mints_again, only_refused_ids_are_minted_again, a_clock_ahead_delays_nothing,
                a_full_store_refuses, a_key_may_only_write_its_tenant,
                a_job_goes_on_with_its_trace;
            repeating: a_repeat_is_its_job_whenever_it_comes, what_is_refused_if_new_writes_nothing,
                a_key_that_ended_does_not_answer_late, a_closed_store_answers_for_what_it_has;
            claiming: a_claim_is_a_log_entry, a_claim_is_exclusive, a_repeated_claim_reads_the_same_rows,
                what_is_not_due_waits, a_paused_endpoint_holds, a_paused_pipeline_holds, a_passed_deadline_stays,
                quarantined_are_claimed_alone, a_heartbeat_renews_only_its_own, a_release_restores_exactly;
            settling: a_success_is_recorded_once, a_loser_writes_nothing, a_retry_has_its_times, a_dead_letter_has_its_fields,
                a_cancel_request_wins_over_a_retry, an_endpoint_remembers_failing,
                a_loser_tells_nothing_of_its_endpoint, a_410_pauses_its_endpoint, a_result_is_kept_as_it_was_written,
                an_attempt_runs_end_to_end;
            completing: a_lease_covers_a_minute, a_deferred_attempt_is_left_alone, a_completion_is_recorded_once,
                a_completion_comes_before_its_deferral, a_late_outcome_finds_its_entry, a_late_outcome_is_guarded,
                a_repeated_completion_is_recognised, what_ended_otherwise_is_not_completed,
                a_cancelled_task_may_still_be_completed, a_completed_task_counts_once_in_its_group,
                a_failure_told_later_is_retried, an_overdue_completion_is_a_timeout,
                a_completion_that_nobody_could_bring_is_waited_for, a_missing_binding_holds_the_job;
            late_outcomes: a_late_outcome_leaves_the_dead_letter_alone;
            sweeping: the_watermark_passes_each_open_row_once, the_watermark_is_never_pinned, a_long_gap_loses_nothing,
                an_ended_lease_quarantines_its_job, three_lone_crashes_are_a_loop, a_lease_that_nobody_could_settle_is_no_crash, a_deadline_buries, redispatch_backoff_doubles,
                a_job_leaves_after_its_key, resumed_endpoints_release, succeeded_jobs_leave_by_the_hour,
                a_crowded_store_refuses;
            operating: a_cancel_in_every_state, retry_now_makes_due, fifty_replays_are_one, a_discard_frees_the_key,
                a_wake_makes_due_jobs_looked_at;
            payloads: a_large_payload_is_sent_as_it_came, a_repeat_puts_no_object, a_failed_put_accepts_nothing,
                a_payload_out_of_reach_waits, a_replay_owns_its_payload, an_object_leaves_after_its_row,
                an_object_without_a_row_leaves;
            resending: a_finished_job_is_sent_again, what_cannot_be_sent_again_is_refused, a_key_makes_one_resend,
                a_resend_is_refused_as_a_replay_is, a_completed_task_keeps_its_payload, a_large_payload_is_sent_again,
                a_kept_payload_leaves_with_its_row;
            listing: pages_go_on_where_they_stopped, filters_narrow, dead_letters_by_death, endpoints_by_name,
                tenants_never_meet, evidence_is_where_the_row_says, a_tenant_is_exported_whole;
            occurring: an_occurrence_fires_once, a_late_tick_fires_nothing, a_put_in_between_wins, missed_occurrences_follow_the_policy,
                an_occurrence_beside_an_open_job_is_skipped, a_deleted_endpoint_refuses_the_occurrence, run_now_makes_one_job_per_key,
                a_full_store_fires_later, a_history_is_bounded;
            quotas: a_quota_bounds_a_tenant, a_repeated_batch_counts_once, a_quota_bounds_a_key, a_quota_leaves_with_its_tenant;
            usage: what_was_spent_counts_once, models_and_days_are_apart, usage_is_listed_by_day, usage_leaves_with_its_tenant,
                usage_leaves_by_age;
            secrets: an_endpoint_keeps_its_secret, a_rotation_keeps_two_secrets, a_deleted_endpoint_forgets_its_secret,
                a_default_secret_is_made_once, secrets_leave_with_their_tenant;
            restoring: another_epoch_moves_nothing, another_epoch_makes_no_secret, a_restored_store_is_told_once;
            grouping: a_group_counts_each_job_once, ends_are_counted_by_their_kind, what_the_sweep_ends_counts;
            indexing: a_document_is_found, what_is_unchanged_is_left_alone, the_last_accepted_stands, segments_follow,
                a_dropped_index_leaves_in_pieces, an_erased_tenant_has_no_index, documents_are_exported, what_has_left_takes_no_place,
                what_an_index_does_not_take, a_filter_looks_at_every_page;
            keeping: a_job_is_kept_token_for_token, a_schedule_is_kept_token_for_token, a_document_is_kept_token_for_token,
                a_subject_is_erased_as_it_was_written;
            rebuilding: another_index_version_takes_its_place, what_is_built_harms_nothing, a_job_writes_into_what_is_searched,
                a_job_answers_for_what_is_searched, what_is_deleted_does_not_come_back,
                what_is_cut_meanwhile_is_not_relied_on, a_verification_looks_at_what_is_searched;
            ingesting: texts_become_documents, no_index_is_made_of_a_typo, what_is_left_goes_on, texts_reach_both_index_versions;
            finding: words_are_found_in_scripts_without_spaces, words_are_found_in_any_form,
                words_joined_by_punctuation_are_found, no_character_breaks_a_highlight, a_heading_is_read_as_it_is_shown;
            replacing: a_source_is_replaced_whole, a_dead_document_removes_nothing, an_older_document_of_a_source_stays_away,
                a_document_changes_its_source_around_a_removal,
                a_removal_knows_no_future;
            repairing: what_differs_is_found_and_mended, a_repair_without_vectors_takes_nothing_away,
                a_store_that_is_away_is_no_loss, a_full_index_is_updated, no_two_take_the_last_room;
            erasing: a_tenant_leaves_whole, a_subject_leaves_alone, two_requests_are_one_run, a_running_job_is_met_again,
                evidence_that_no_entry_points_at, many_packs_take_many_sweeps, a_group_forgets_what_was_erased,
                an_index_leaves_with_its_tenant;
        }
    };
}
