//! The platform's rules, each on all three stores: in memory, on SQLite, on a real PostgreSQL.
mod at_once;
mod challenge;
mod device;
mod enrol;
mod file;
mod keys;
#[path = "../others/mod.rs"]
mod others;
mod outbox;
mod peers;
mod records;
mod verify;
mod world;

/// One module a store, with every rule as a test of its own.
macro_rules! on_every_store {
    ($($file:ident: $($rule:ident)*;)*) => {
        on_every_store! { @store memory $($file: $($rule)*;)* }
        on_every_store! { @store sqlite $($file: $($rule)*;)* }
        on_every_store! { @store postgres $($file: $($rule)*;)* }
    };
    (@store $store:ident $($file:ident: $($rule:ident)*;)*) => {
        mod $store {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    crate::$file::$rule(crate::world::World::$store().await).await;
                }
            )*)*
        }
    };
}

on_every_store! {
    at_once:
        the_same_code_from_64_clients_at_once_is_accepted_once
        the_same_step_is_written_once_however_many_write_it
        the_same_challenge_is_redeemed_once
        guesses_at_once_are_no_more_than_guesses_in_a_row
        a_confirmation_counts_once;
    challenge:
        a_code_by_mail_signs_a_person_up_and_in
        somebody_unknown_is_answered_alike_and_gets_nothing
        five_tries_and_no_more
        a_resend_repeats_the_same_code_and_keeps_the_count
        a_new_challenge_ends_the_old_one
        a_code_is_worth_nothing_for_another_purpose
        codes_end_after_ten_minutes
        cooldowns_and_the_daily_cap_hold
        text_messages_go_where_the_policy_says
        a_budget_is_never_overspent
        recovery_leads_to_a_rotation
        a_forgotten_person_leaves_no_address_and_no_code;
    device:
        a_television_is_signed_in_from_a_phone
        a_television_that_asks_too_often_is_slowed_down
        a_refused_television_hears_so
        user_codes_end_and_are_not_guessed;
    enrol:
        an_enrolment_counts_after_its_first_code_which_is_used_up
        a_second_enrolment_takes_the_place_of_one_that_waits
        an_enrolment_that_waits_too_long_ends
        a_rotation_ends_the_old_secret_at_once
        only_who_has_an_app_rotates_and_only_who_has_none_enrols
        somebody_elses_enrolment_is_not_confirmed
        odd_account_names_are_refused
        a_person_can_be_revoked;
    keys:
        the_key_is_rotated_and_nobody_notices
        another_key_ring_is_noticed_at_the_start
        a_secret_moved_to_another_row_does_not_open;
    outbox:
        a_message_is_claimed_by_one_and_followed_up_after_its_lease
        a_retry_keeps_its_id_and_code
        what_has_expired_is_swept_away;
    records:
        a_record_is_new_once
        records_expire
        records_are_listed_by_prefix;
    verify:
        a_code_is_accepted_exactly_once
        the_window_is_one_step_around_the_remembered_drift
        after_five_failures_there_is_a_delay_and_after_a_hundred_an_end
        a_success_clears_the_failures
        an_address_and_a_network_are_throttled_across_accounts
        unknown_people_get_the_same_answers
        a_million_guesses_would_stay_inside_the_bound;
}
