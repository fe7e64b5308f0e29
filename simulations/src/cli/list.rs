//! `list`: the scenarios that come with the program.

use serde::Serialize;
use starling_simulations::scenarios;

use super::args::ListArgs;
use super::out::{Out, Refusal};
use super::{Verdict, table};

#[derive(Serialize)]
struct Listed {
    name: String,
    about: String,
    nodes: usize,
}

pub(super) fn list(args: &ListArgs, out: &mut Out) -> Result<Verdict, Refusal> {
    let listed = scenarios::all().into_iter().map(|scenario| Listed {
        name: scenario.name,
        about: scenario.about,
        nodes: scenario.nodes.count,
    });
    let listed: Vec<Listed> = listed.collect();
    if args.json {
        out.json(&listed)?;
    } else {
        let rows = listed.into_iter().map(|one| vec![one.name, one.nodes.to_string(), one.about]);
        out.data(table::plain(&["scenario", "nodes", "about"], rows, &[1]))?;
        out.finish()?;
    }
    Ok(Verdict::Held)
}
