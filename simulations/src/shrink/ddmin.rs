//! Delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002): from a list that
//! fails to one of which no single element can be left out.

/// The elements that are needed to fail, in their order. `fails` is asked about parts of `items`, and has to fail on all of
/// them; it may give up by saying no to everything from then on.
pub fn minimal<T: Clone>(items: Vec<T>, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    if items.is_empty() || fails(&[]) {
        return Vec::new();
    }
    let mut kept = items;
    let mut parts = 2;
    while kept.len() >= 2 {
        let size = kept.len().div_ceil(parts);
        let chunks: Vec<Vec<T>> = kept.chunks(size).map(<[T]>::to_vec).collect();
        if let Some(chunk) = chunks.iter().find(|chunk| fails(chunk)) {
            kept = chunk.clone();
            parts = 2;
            continue;
        }
        // With two parts, the one is what is left without the other.
        let left_out = if chunks.len() > 2 { 0..chunks.len() } else { 0..0 };
        let rest = left_out.map(|out| without(&chunks, out)).find(|rest| fails(rest));
        if let Some(rest) = rest {
            kept = rest;
            parts = (parts - 1).max(2);
        } else if parts >= kept.len() {
            break;
        } else {
            parts = (parts * 2).min(kept.len());
        }
    }
    kept
}

fn without<T: Clone>(chunks: &[Vec<T>], out: usize) -> Vec<T> {
    let others = chunks.iter().enumerate().filter(|(at, _)| *at != out);
    others.flat_map(|(_, chunk)| chunk.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_stays() {
        for needed in [vec![], vec![0], vec![99], vec![3, 4], vec![0, 50, 99], vec![10, 11, 12, 80]] {
            let items: Vec<u32> = (0..100).collect();
            let kept = minimal(items, |part| needed.iter().all(|one| part.contains(one)));
            assert_eq!(kept, needed);
        }
    }

    #[test]
    fn either_of_two_will_do() {
        let kept = minimal((0..64).collect(), |part: &[u32]| part.contains(&7) || part.contains(&50));
        assert_eq!(kept.len(), 1);
    }

    #[test]
    fn it_ends_when_asked_no_more() {
        let mut asked = 0;
        let kept = minimal((0..1_000).collect(), |part: &[u32]| {
            asked += 1;
            asked < 4 && part.contains(&1)
        });
        assert!(kept.contains(&1));
    }
}
