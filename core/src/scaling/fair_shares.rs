//! Weighted max-min fairness, in whole workers.

/// One who wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claimant {
    /// Workers wanted.
    pub(super) wants: u32,
    /// Slots of one worker; at least 1.
    pub(super) slots: u32,
    /// Its part of the whole while everybody wants more.
    pub(super) weight: u32,
}

/// Workers for each claimant out of `budget` slots: nobody gets more than wanted, and whoever wants more
/// has got at least its weight's part of what the others have left (progressive filling: Bertsekas and
/// Gallager, Data Networks, 6.5.2). Whoever wants anything gets one worker, if there are slots for one each.
pub(super) fn divide(claimants: &[Claimant], budget: u32) -> Vec<u32> {
    let mut workers: Vec<u32> = vec![0; claimants.len()];
    let mut left = budget;
    // One each first, the heaviest first where there is not enough for all.
    let mut order: Vec<usize> = (0..claimants.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(claimants[index].weight));
    for index in order {
        let Claimant { wants, slots, .. } = claimants[index];
        if wants > 0 && slots <= left {
            workers[index] = 1;
            left -= slots;
        }
    }
    while let Some(index) = neediest(claimants, &workers, left) {
        workers[index] += 1;
        left -= claimants[index].slots;
    }
    workers
}

/// Of those that want another worker and for whom there is room: the one that would be least above its
/// weight's part with it.
fn neediest(claimants: &[Claimant], workers: &[u32], left: u32) -> Option<usize> {
    let level = |index: &usize| {
        let Claimant { slots, weight, .. } = claimants[*index];
        let slots_with_it = f64::from(slots) * (f64::from(workers[*index]) + 1.0);
        // Who has no share of its own borrows what nobody else wants.
        slots_with_it / f64::from(weight).max(1e-6)
    };
    (0..claimants.len())
        .filter(|&index| workers[index] < claimants[index].wants && claimants[index].slots <= left)
        .min_by(|one, other| level(one).total_cmp(&level(other)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn divide_among(claims: &[(u32, u32, u32)], budget: u32) -> Vec<u32> {
        let claimants: Vec<_> = claims
            .iter()
            .map(|&(wants, slots, weight)| Claimant {
                wants,
                slots,
                weight,
            })
            .collect();
        divide(&claimants, budget)
    }

    #[test]
    fn whoever_wants_more_gets_its_share() {
        let flooded = [(1_000, 1, 70), (1_000, 1, 20), (1_000, 1, 10)];
        assert_eq!(divide_among(&flooded, 10), [7, 2, 1]);
        assert_eq!(divide_among(&flooded, 100), [70, 20, 10]);
    }

    #[test]
    fn what_one_does_not_want_is_lent_by_weight() {
        assert_eq!(
            divide_among(&[(0, 1, 70), (99, 1, 20), (99, 1, 10)], 30),
            [0, 20, 10]
        );
        assert_eq!(
            divide_among(&[(4, 1, 70), (99, 1, 20), (99, 1, 10)], 34),
            [4, 20, 10]
        );
    }

    #[test]
    fn a_small_share_still_gets_one() {
        assert_eq!(
            divide_among(&[(9, 1, 98), (9, 1, 1), (9, 1, 1)], 4),
            [2, 1, 1]
        );
    }

    #[test]
    fn workers_of_several_slots_fit_whole() {
        assert_eq!(divide_among(&[(9, 4, 50), (9, 1, 50)], 10), [1, 6]);
        assert_eq!(divide_among(&[(9, 4, 50)], 3), [0]);
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_wanted_nor_all_more_than_there_is(
            claims in proptest::collection::vec((0..40_u32, 1..5_u32, 0..100_u32), 1..6),
            budget in 1..100_u32,
        ) {
            let got = divide_among(&claims, budget);
            let taken: u32 = claims.iter().zip(&got).map(|(claim, got)| claim.1 * got).sum();
            prop_assert!(taken <= budget);
            for (claim, got) in claims.iter().zip(&got) {
                prop_assert!(*got <= claim.0);
            }
            // Nothing lies idle that somebody could use.
            let left = budget - taken;
            for (claim, got) in claims.iter().zip(&got) {
                prop_assert!(*got == claim.0 || claim.1 > left);
            }
        }
    }
}
