//! Conformance suite of the store's behaviour for every database: each case is a function over a [`Stand`], and
//! [`for_each_case!`](crate::for_each_case) lists them all, so that no engine can skip one.
//!
//! Every case has its own tenants, so all of them may share one database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc)]

pub mod accepting;
pub mod acting;
pub mod audit_lists;
pub mod auditing;
pub mod causes;
pub mod claiming;
pub mod closing;
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
pub mod pacing;
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
pub mod statistics;
pub mod status;
pub mod sweeping;
pub mod totalling;
pub mod usage;

pub use stand::{Case, Stand, Store};

/// Calls a macro with the list of all cases, as `module::function` pairs.
#[macro_export]
macro_rules! for_each_case {
    ($callback:ident) => {
        $callback! {
            accepting: one_key_is_one_job, fifty_repeats_are_one_job, another_digest_is_refused,
                a_key_whose_window_ended_is_free, a_usual_accept_is_three_statements, duplicates_inside_one_batch, an_unknown_endpoint_accepts_nothing,
                a_skewed_clock_mints_again, only_refused_ids_are_minted_again, a_clock_ahead_delays_nothing,
                a_full_store_refuses, a_key_may_only_write_its_tenant, a_job_keeps_its_trace;
            auditing: a_change_of_a_job_is_one_entry, a_change_of_a_cause_is_one_entry, a_change_of_an_endpoint_is_one_entry,
                a_change_of_a_schedule_is_one_entry, a_change_of_a_tenant_is_one_entry,
                a_change_of_the_deployment_is_one_entry, a_submitted_job_is_one_entry;
            audit_lists: an_entry_has_no_secret, entries_are_filtered_and_paged,
                entries_are_erased_and_deleted_by_age, a_request_has_one_entry;
            repeating: a_late_repeat_returns_its_job, a_refused_new_job_writes_nothing, an_ended_key_returns_no_job,
                a_reached_quota_still_answers_repeats;
            claiming: a_claim_is_a_log_entry, a_claim_is_exclusive, a_repeated_claim_reads_the_same_rows,
                a_job_that_is_not_due_waits, a_paused_endpoint_holds, a_paused_pipeline_holds,
                a_job_past_its_deadline_is_not_claimed, quarantined_are_claimed_alone, a_heartbeat_renews_only_its_own,
                a_release_restores_exactly;
            settling: a_success_is_recorded_once, a_settlement_without_the_lease_writes_nothing, a_retry_has_its_times,
                a_dead_letter_has_its_fields, a_cancel_request_wins_over_a_retry, an_endpoint_remembers_failing,
                a_settlement_without_the_lease_changes_no_endpoint, a_410_pauses_its_endpoint,
                a_result_is_kept_as_it_was_written, an_attempt_runs_end_to_end;
            causes: failures_alike_have_one_cause, a_resolved_cause_comes_back, causes_are_bounded,
                the_sweep_names_its_causes, a_filtered_page_of_causes_continues, no_evidence_is_no_text,
                old_causes_are_deleted;
            status: a_failing_endpoint_is_a_reason_until_its_dead_letters_are_gone, a_resolved_cause_is_no_reason,
                a_paused_endpoint_is_a_reason_while_it_holds_jobs, a_status_is_of_one_tenant_or_of_all,
                new_jobs_are_counted_by_state, causes_beyond_the_limit_are_announced,
                the_growth_of_the_database_is_measured, a_paused_pipeline_is_a_reason;
            completing: a_lease_covers_a_minute, a_deferred_attempt_is_left_alone, a_completion_is_recorded_once,
                a_completion_comes_before_its_deferral, a_late_outcome_finds_its_entry, a_late_outcome_is_guarded,
                a_repeated_completion_is_recognised, an_attempt_ended_without_a_completion_is_not_completed,
                a_cancelled_task_may_still_be_completed, a_completed_task_counts_once_in_its_group,
                a_failed_completion_is_retried, an_overdue_completion_is_a_timeout,
                a_completion_due_during_an_outage_gets_a_grace_period, a_missing_binding_holds_the_job;
            late_outcomes: a_late_outcome_leaves_the_dead_letter_alone;
            sweeping: the_watermark_passes_each_open_row_once, the_watermark_is_never_pinned, a_long_gap_loses_nothing,
                an_ended_lease_quarantines_its_job, three_lone_crashes_are_a_loop,
                a_lease_that_ended_during_an_outage_is_no_crash, a_passed_deadline_dead_letters,
                redispatch_backoff_doubles, a_job_is_deleted_after_its_key, resumed_endpoints_release,
                succeeded_jobs_are_deleted_by_the_hour, a_store_near_its_size_limit_refuses;
            operating: a_cancel_in_every_state, retry_now_makes_due, fifty_replays_are_one, a_discard_frees_the_key,
                a_wake_makes_the_sweep_check_due_jobs;
            acting: an_action_replays_and_is_followed, a_step_is_done_once, an_action_retries_cancels_and_discards,
                a_cause_is_replayed_whole, a_replay_passes_over_no_dead_letter, a_job_counts_for_one_action, actions_are_erased;
            pacing: a_canary_decides, a_rate_spaces_the_jobs, an_action_is_paused_and_aborted;
            payloads: a_large_payload_is_sent_unchanged, a_repeat_puts_no_object, a_failed_put_accepts_nothing,
                a_job_waits_for_an_unreadable_payload, a_replay_owns_its_payload, an_object_is_deleted_after_its_row,
                an_object_without_a_row_is_deleted;
            resending: a_finished_job_is_sent_again, an_impossible_resend_is_refused, a_key_makes_one_resend,
                a_resend_is_refused_like_a_replay, a_completed_task_keeps_its_payload, a_large_payload_is_sent_again,
                a_kept_payload_is_deleted_with_its_row;
            listing: pages_continue_where_they_stopped, filters_narrow, filters_narrow_dead_letters, dead_letters_by_death, endpoints_by_name,
                tenants_never_meet, evidence_is_where_the_row_says, a_tenant_is_exported_whole;
            occurring: an_occurrence_fires_once, a_late_tick_fires_nothing, a_put_in_between_wins,
                missed_occurrences_follow_the_policy, an_occurrence_is_skipped_while_a_job_is_open,
                a_deleted_endpoint_refuses_the_occurrence, run_now_makes_one_job_per_key, a_full_store_fires_later,
                a_history_is_bounded;
            quotas: a_quota_bounds_a_tenant, a_repeated_batch_counts_once, a_quota_bounds_a_key,
                quotas_are_erased_with_their_tenant;
            usage: usage_is_counted_once, usage_is_counted_by_model_and_day, usage_is_listed_by_day,
                usage_is_erased_with_its_tenant, old_usage_is_deleted;
            totalling: attempts_count_once, a_flush_is_added_by_series, ends_without_a_settlement_count,
                accepted_jobs_count_as_the_watermark_passes, a_deferred_attempt_counts_with_its_completion, statistics_may_be_off;
            statistics: a_point_is_a_difference, an_answer_is_bounded, a_deleted_endpoint_is_other,
                metrics_show_totals_and_gauges, old_snapshots_are_deleted, erased_totals_stay_in_the_sums;
            secrets: an_endpoint_keeps_its_secret, a_rotation_keeps_two_secrets, a_deleted_endpoint_loses_its_secret,
                a_default_secret_is_made_once, secrets_are_erased_with_their_tenant;
            restoring: another_epoch_changes_nothing, another_epoch_makes_no_secret, a_restore_is_confirmed_once;
            closing: a_closed_group_makes_one_job, a_finished_group_sends_a_hint, a_group_is_closed_after_its_end,
                an_empty_group_finishes_when_it_is_closed, a_close_races_the_last_job, a_reopened_group_makes_no_second_job,
                a_sweep_finishes_a_closed_group, an_erasure_finishes_a_closed_group, a_group_shows_why_it_made_no_job;
            grouping: a_group_counts_each_job_once, ended_jobs_are_counted_by_state, jobs_ended_by_the_sweep_count;
            indexing: a_document_is_found, unchanged_chunks_are_not_rewritten, the_last_accepted_document_wins,
                segments_follow_their_chunks, a_dropped_index_is_deleted_in_steps, an_erased_tenant_has_no_index,
                documents_are_exported, deleted_chunks_take_no_place_among_the_hits,
                an_index_refuses_long_documents_and_stale_jobs, a_filter_reads_every_page;
            keeping: a_job_is_kept_token_for_token, a_schedule_is_kept_token_for_token,
                a_document_is_kept_token_for_token, a_subject_is_erased_as_it_was_written;
            rebuilding: a_new_index_version_is_swapped_in, a_failing_build_fails_no_document,
                a_job_writes_into_the_serving_index_version,
                a_job_fails_without_its_document_in_the_serving_index_version, a_rebuild_restores_no_deleted_document,
                a_concurrent_rebuild_leaves_no_differences, a_verification_follows_a_swap;
            ingesting: texts_become_documents, a_typo_creates_no_index, remaining_documents_are_ingested_later,
                texts_reach_both_index_versions;
            finding: words_are_found_in_scripts_without_spaces, words_are_found_in_any_form,
                words_joined_by_punctuation_are_found, no_character_breaks_a_highlight,
                a_heading_is_read_as_it_is_shown;
            replacing: a_source_is_replaced_whole, a_dead_document_removes_nothing,
                an_older_document_of_a_source_is_superseded, a_document_changes_its_source_around_a_removal,
                a_removal_deletes_only_older_documents;
            repairing: differences_are_found_and_repaired, a_repair_without_vectors_deletes_nothing,
                an_unreachable_store_loses_no_segment, a_full_index_is_updated, two_jobs_cannot_take_the_last_room;
            erasing: a_tenant_is_erased_whole, a_subject_is_erased_alone, two_requests_are_one_run,
                a_running_job_is_erased_later, evidence_without_a_log_entry_is_erased, many_packs_take_many_sweeps,
                a_group_forgets_erased_jobs, an_index_is_erased_with_its_tenant;
        }
    };
}
