//! The page of a node, used by people, in a real Chromium against two real nodes. What each name here stands for is written
//! in the file of `tests/browser` that it runs.

use starling_tests::in_a_browser;

#[test]
fn sessions_are_begun_read_named_closed_and_found() {
    in_a_browser("sessions");
}

#[test]
fn references_are_dragged_picked_and_read() {
    in_a_browser("references");
}

#[test]
fn turns_ask_fail_stop_and_wait() {
    in_a_browser("turns");
}

#[test]
fn everything_is_done_without_a_pointer() {
    in_a_browser("keyboard");
}

#[test]
fn a_thousand_sessions_are_no_burden() {
    in_a_browser("thousand");
}

#[test]
fn every_page_can_be_used_by_everybody() {
    in_a_browser("everywhere");
}

#[test]
fn what_the_pages_about_the_node_say_is_so() {
    in_a_browser("nodepages");
}

#[test]
fn a_newcomer_is_led_to_the_first_answer_and_the_second_device() {
    in_a_browser("firstminute");
}

#[test]
fn messages_are_markdown_and_nothing_more() {
    in_a_browser("messages");
}
