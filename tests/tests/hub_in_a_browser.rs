//! The page of a node, used by people, in a real Chromium against two real nodes. What is told here by name is written in
//! `tests/browser/NAME.test.mjs`.

use starling_tests::in_a_browser;

#[test]
fn a_login_link_leads_to_the_page() {
    in_a_browser("smoke");
}
