//! `run planted`: bugs that are planted on purpose, of which each has to be found. A program that was built without them
//! has one built with them, and hands its arguments on.

use super::Verdict;
use super::args::RunArgs;
use super::out::{Out, Refusal};

#[cfg(not(feature = "planted"))]
pub(super) fn planted(_: &RunArgs, _: &mut Out) -> Result<Verdict, Refusal> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    starling_simulations::planted::without_feature(&words).map(Verdict::Other).map_err(Refusal::new)
}

#[cfg(feature = "planted")]
pub(super) fn planted(args: &RunArgs, out: &mut Out) -> Result<Verdict, Refusal> {
    use starling_simulations::planted::{BUGS, Hunt, SEEDS_MAX, run_all};

    let seeds_max = args.seeds.as_ref().map_or(SEEDS_MAX, |seeds| seeds.end);
    let bar = indicatif::ProgressBar::new(BUGS.len() as u64);
    let hunts = run_all(seeds_max, |_| bar.inc(1));
    bar.finish_and_clear();
    let is_lost = |hunt: &&Hunt| hunt.seeds_taken.is_none();
    let lost = hunts.iter().filter(is_lost).count();
    if args.json {
        out.json(&hunts)?;
    } else {
        let rows = hunts.iter().map(|hunt| {
            let taken = hunt.seeds_taken.map_or_else(|| "not found".to_owned(), |seeds| seeds.to_string());
            let by = hunt.breach.as_ref().map_or_else(|| "-".to_owned(), |breach| breach.invariant.clone());
            vec![hunt.bug.name.to_owned(), taken, by, hunt.bug.wrong.to_owned()]
        });
        out.data(super::table::plain(&["bug", "seeds", "noticed by", "what is wrong"], rows, &[1]))?;
        out.data(format_args!("\n{} of {} found\n", hunts.len() - lost, hunts.len()))?;
        out.finish()?;
    }
    Ok(if lost == 0 { Verdict::Held } else { Verdict::Failed })
}
