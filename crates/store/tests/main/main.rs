//! The store's contract, kept on both databases: every function below runs on a SQLite file and on
//! a PostgreSQL of its own, over the shipped migrations.

mod accounts;
mod annotations;
mod audit_log;
mod azure_links;
mod container_claims;
mod deletions;
mod entra;
mod exports;
mod import;
mod jobs;
mod label_stream;
mod migrations;
mod people;
mod secrets;
mod staged_files;
mod storage_health;
mod storage_pages;
mod storages;
mod submissions;
mod task_lists;
mod tasks;
mod world;

macro_rules! contract {
    ($($module:ident { $($test:ident),+ $(,)? })+) => {
        mod sqlite {
            $(mod $module {$(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    crate::$module::$test(crate::world::World::on_sqlite().await).await;
                }
            )+})+
        }
        mod postgres {
            $(mod $module {$(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    crate::$module::$test(crate::world::World::on_postgres().await).await;
                }
            )+})+
        }
    };
}

contract! {
    accounts {
        only_the_first_owner_bootstraps,
        people_sign_in_by_email_in_any_case,
        tokens_work_until_revoked_or_expired,
        sessions_end,
        a_used_token_says_when,
    }
    audit_log {
        nothing_is_changed_replaced_or_deleted_by_hand,
        only_what_is_older_than_an_entry_says_can_go,
        a_change_and_its_entry_are_there_together_or_not_at_all,
    }
    people {
        an_organization_keeps_an_owner,
        a_removed_member_is_out_at_once,
        sessions_and_personal_tokens_end_everywhere,
        an_invitation_is_accepted_once,
        invitations_end_with_their_makers_rights,
        the_audit_log_is_searched_and_paged,
    }
    tasks {
        projects_are_created_changed_and_listed,
        tasks_come_with_what_was_labeled,
        tasks_are_paged_by_offset_and_by_key,
        another_organization_sees_nothing,
        deleting_keeps_the_counters_true,
    }
    task_lists {
        pages_go_forward_and_back,
        states_and_annotators_are_told_apart,
        a_search_says_how_far_it_looked,
        blobs_are_found_by_name_and_storage,
        many_are_deleted_with_true_counters,
    }
    annotations {
        create_change_delete,
        what_annotations_use_is_counted,
        concurrent_creations_are_all_counted,
        predictions_are_counted_and_filtered,
    }
    submissions {
        one_unique_id_makes_one_annotation,
        a_change_meets_the_state_it_expects,
        changes_at_once_are_counted_once,
        a_draft_is_its_persons_alone,
        a_draft_goes_with_what_it_became,
    }
    label_stream {
        the_next_task_is_mine_to_label,
        unfinished_work_comes_first,
        people_who_ask_at_once_get_different_tasks,
        presence_and_history,
    }
    storage_health {
        a_success_and_a_failure_stand_side_by_side,
        ends_are_listed_nearest_first_and_cleared,
        a_storage_that_is_gone_has_no_health,
    }
    storage_pages {
        a_draft_is_its_persons_until_it_is_over,
        a_history_says_who_and_what,
        a_sync_of_everything_takes_the_place_of_a_retry,
        a_failure_that_is_over_is_forgotten,
        a_backlog_is_counted_and_explained,
    }
    storages {
        every_change_raises_the_version,
        credentials_of_every_kind_come_back,
        runs_are_started_once_and_cancelled,
    }
    deletions {
        a_project_is_gone_at_once_and_goes_in_steps,
        a_storage_goes_in_steps_and_leaves_its_blobs,
    }
    azure_links {
        linked_and_unlinked,
        what_a_link_remembers,
        a_state_comes_back_once,
    }
    container_claims {
        a_link_that_nobody_proved_holds_nothing_by_naming_it,
        of_two_proven_links_one_is_first_and_the_other_writes_the_marker,
        a_claim_counts_for_the_tenant_that_it_was_made_through,
        unlinking_gives_up_every_claim_and_hands_none_to_others,
        a_claim_is_before_or_after_unlinking_and_never_in_between,
        two_links_at_once_are_one_and_two_organizations_are_two,
        only_who_holds_the_tenant_agrees_and_may_take_it_back,
        a_storage_is_there_first_too,
    }
    entra {
        a_state_is_taken_once_by_its_browser,
        an_identity_signs_one_member_in,
    }
    secrets {
        sealed_secrets_are_unreadable_without_the_key,
        rotation_seals_everything_again,
        signing_keys_are_made_once,
    }
    import {
        a_page_applied_twice_creates_nothing_twice,
        a_changed_blob_is_counted_and_not_duplicated,
        a_lost_or_cancelled_run_writes_nothing,
        a_deleted_storage_leaves_its_blobs_known,
        two_pages_at_once_create_each_task_once,
        rows_of_a_blob_are_all_there_or_none,
        failed_blobs_are_listed_until_they_succeed,
    }
    staged_files {
        a_staged_file_is_seen_by_nobody_until_it_is_decided,
        a_changed_file_renews_what_nobody_labeled,
        a_run_that_is_over_stages_nothing_and_leaves_nothing,
        a_cancelled_run_ends_behind_the_file_that_was_decided,
        workers_at_once_make_each_row_one_task,
        deleting_all_tasks_ends_what_was_coming,
    }
    jobs {
        two_workers_never_hold_the_same_job,
        a_lost_lease_is_taken_over_and_fenced,
        attempts_are_limited,
        a_key_is_enqueued_once,
        a_job_given_up_ends_its_run,
        a_clock_that_was_set_back_keeps_nothing_waiting,
    }
    exports {
        each_write_reaches_each_target_once,
        a_newer_change_supersedes_an_older_one,
        an_object_that_changed_under_lease_is_due_again,
        failures_are_counted_and_revived,
        deletions_reach_only_storages_that_delete,
        a_full_export_is_counted_and_cancelled,
        a_number_is_one_object_when_the_layout_changes,
        what_waited_before_an_upgrade_is_written_after_it,
        workers_share_the_outbox,
    }
}
