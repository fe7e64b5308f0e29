//! Looking for a text finds every session that says it, opens no other, and never takes the loop for long: a question that
//! is not done with all sessions ends with a cursor.

use starling_crdt::id::SessionId;
use starling_node::machine::info::Match;
use starling_node::machine::request::{Answer, Change, Code, Request};
use starling_simulations::World;

use super::common::{alone, await_answer, over};

fn ask(text: &str, archived: bool, agent: Option<&str>, cursor: Option<String>) -> Request {
    let agent = agent.map(|handle| handle.parse().unwrap());
    Request::Search { text: text.to_owned(), archived, agent, limit: 2, cursor }
}

/// All pages: the sessions that were found, newest first, and how many pages it took.
fn all(
    world: &mut World,
    node: usize,
    text: &str,
    archived: bool,
    agent: Option<&str>,
) -> (Vec<(SessionId, Option<Match>)>, usize) {
    let (mut found, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        let Ok(Answer::Found { items, next_cursor }) = world.ask(node, ask(text, archived, agent, cursor))
        else {
            panic!("not answered")
        };
        assert!(items.len() <= 2);
        found.extend(items.into_iter().map(|(item, found)| (item.id, found)));
        pages += 1;
        cursor = next_cursor;
        if cursor.is_none() {
            return (found, pages);
        }
    }
}

#[test]
fn every_session_that_says_it_is_found_once() {
    over(0..10, |world| {
        let a = alone(world);
        let mut ids = Vec::new();
        for text in ["The NEEDLE\nis here", "only hay", "größere needle", "hay\n and   more hay"] {
            let id = world.create(a, "scribe", text).unwrap();
            await_answer(world, a, id);
            ids.push(id);
            world.run_for(1_000);
        }
        let ids_of =
            |found: &[(SessionId, Option<Match>)]| found.iter().map(|(id, _)| *id).collect::<Vec<_>>();
        let (found, _) = all(world, a, "needle", false, None);
        assert_eq!(ids_of(&found), [ids[2], ids[0]], "newest first");
        let first = found[1].1.as_ref().unwrap();
        assert_eq!(first.line_number, 1);
        assert!(first.excerpt.contains("NEEDLE is here"), "{}", first.excerpt);
        assert_eq!(ids_of(&all(world, a, "GRÖSSERE", false, None).0), []);
        assert_eq!(ids_of(&all(world, a, "GRÖßERE", false, None).0), [ids[2]]);
        assert_eq!(ids_of(&all(world, a, "hay and more", false, None).0), [ids[3]]);
        assert_eq!(all(world, a, "nowhere at all", false, None), (vec![], 1));
        assert_eq!(ids_of(&all(world, a, "needle", false, Some("scribe")).0), [ids[2], ids[0]]);
        // An id is no message, so no line is named.
        let named = ids[1].to_string().to_lowercase();
        assert_eq!(all(world, a, &named, false, None).0, [(ids[1], None)]);

        world.ask(a, Request::Change { session: ids[0], change: Change::Archive }).unwrap();
        assert_eq!(ids_of(&all(world, a, "needle", false, None).0), [ids[2]]);
        assert_eq!(ids_of(&all(world, a, "needle", true, None).0), [ids[0]]);
        let refused = world.ask(a, ask("needle", false, None, Some("no cursor".to_owned()))).unwrap_err();
        assert_eq!(refused.code, Code::InvalidField);
    });
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    over(0..3, |world| {
        let a = alone(world);
        let mut ids = Vec::new();
        for number in 0..7 {
            let text = if number % 3 == 0 { "hay" } else { "needle" };
            ids.push(world.create(a, "scribe", text).unwrap());
            world.run_for(1_000);
        }
        for id in &ids {
            await_answer(world, a, *id);
        }
        let (found, pages) = all(world, a, "needle", false, None);
        let mut got: Vec<_> = found.into_iter().map(|(id, _)| id).collect();
        got.sort_unstable();
        assert_eq!(got, [ids[1], ids[2], ids[4], ids[5]]);
        assert_eq!(pages, 2, "two items a page");
    });
}
