//! The platform's rules, each on all three stores: in memory, on SQLite, on a real PostgreSQL.
mod at_once;
mod challenge;
mod clock;
mod database;
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
        a_code_in_full_width_digits_is_that_code
        somebody_unknown_is_answered_alike_and_gets_nothing
        five_tries_and_no_more
        a_resend_repeats_the_same_code_and_keeps_the_count
        row_3_a_new_challenge_ends_no_other_and_has_the_same_code
        row_3_a_stranger_uses_up_nobody_elses_day
        row_3_who_is_asked_for_by_a_thousand_strangers_signs_in_each_time
        row_4_wrong_codes_from_messages_have_the_ladder_of_the_apps
        a_code_is_worth_nothing_for_another_purpose
        codes_end_after_ten_minutes
        cooldowns_and_the_daily_cap_hold
        text_messages_go_where_the_policy_says
        a_budget_is_never_overspent
        row_5_new_people_leave_customers_their_share
        row_5_one_address_asks_for_few_texts_a_day
        row_5_codes_that_nobody_redeems_pause_their_numbers
        row_13_one_mailbox_is_one_person_however_it_is_spelled
        row_13_names_of_one_mailbox_share_what_it_gets
        row_13_mail_has_budgets_a_day_and_a_domain
        recovery_leads_to_a_rotation
        a_forgotten_person_leaves_no_address_and_no_code;
    clock:
        row_18_a_clock_that_was_a_day_ahead_locks_nobody_out
        row_18_a_clock_that_was_a_day_ahead_removes_nothing;
    device:
        a_television_is_signed_in_from_a_phone
        a_television_that_asks_too_often_is_slowed_down
        a_refused_television_hears_so
        row_21_names_are_what_they_look_like
        row_17_a_device_code_is_good_for_the_app_that_asked
        row_17_the_confirm_screen_says_whether_it_is_the_same_line
        row_7_a_forgotten_person_is_signed_in_nowhere
        what_is_kept_comes_with_the_approval
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
        row_15_a_database_without_a_check_is_not_stamped_by_another_pepper
        row_15_another_pepper_is_noticed_at_the_start
        a_secret_moved_to_another_row_does_not_open;
    outbox:
        a_message_is_claimed_by_one_and_followed_up_after_its_lease
        a_retry_keeps_its_id_and_code
        what_has_expired_is_swept_away;
    records:
        a_record_is_new_once
        a_record_is_replaced_if_it_is_as_it_was
        records_expire
        records_are_listed_by_prefix;
    verify:
        a_code_is_accepted_exactly_once
        row_9_a_code_a_minute_old_is_refused_and_the_current_one_is_not
        row_10_the_same_digits_are_accepted_once
        the_window_follows_a_clock_that_has_drifted
        after_five_failures_there_is_a_delay_and_after_a_hundred_an_end
        a_success_clears_the_failures
        an_address_and_a_network_are_throttled_across_accounts
        row_14_what_is_kept_is_kept_with_its_verdict
        row_12_a_success_forgives_ones_own_failures_and_nobody_elses
        unknown_people_get_the_same_answers
        a_million_guesses_would_stay_inside_the_bound;
}
