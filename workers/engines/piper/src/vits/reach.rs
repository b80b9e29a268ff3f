//! How far from the edge of a window what lies beyond it is felt.

use std::collections::HashMap;

/// For each value how many of its samples come of one of the window's, and how many at each edge would
/// be others if the window went on.
#[derive(Default)]
pub(super) struct Reaches(HashMap<String, Reach>);

/// Of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// Samples per sample of the window.
    pub(super) rate: i64,
    /// Samples at each edge.
    pub(super) edge: i64,
}

impl Reaches {
    /// Of the window itself.
    pub(super) fn begin_with(&mut self, name: &str) {
        self.set(name, Reach { rate: 1, edge: 0 });
    }

    /// The largest of some values, those that come of the window.
    pub(super) fn of<'n>(&self, names: impl Iterator<Item = &'n String>) -> Reach {
        let known = names.filter_map(|name| self.0.get(name));
        known.fold(Reach { rate: 1, edge: 0 }, |largest, reach| Reach {
            rate: largest.rate.max(reach.rate),
            edge: largest.edge.max(reach.edge),
        })
    }

    /// Sets that of a value.
    pub(super) fn set(&mut self, name: &str, reach: Reach) {
        self.0.insert(name.to_owned(), reach);
    }
}

impl Reach {
    /// Behind a convolution that reads from `before` samples back to `after` samples ahead.
    pub(super) fn convolved(self, before: i64, after: i64) -> Self {
        Self {
            edge: self.edge + before.max(after),
            ..self
        }
    }

    /// Behind one that makes `factor` samples of one, with so many taps.
    pub(super) fn upsampled(self, factor: i64, taps: i64) -> Self {
        Self {
            rate: self.rate * factor,
            edge: self.edge * factor + taps,
        }
    }

    /// Samples of the window at each edge that are there for what is further inside.
    pub(super) fn overlap(self) -> i64 {
        (self.edge + self.rate - 1) / self.rate + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_grow_with_taps_and_with_upsampling() {
        let window = Reach { rate: 1, edge: 0 };
        let reach = window.convolved(9, 9);
        assert_eq!(reach, Reach { rate: 1, edge: 9 });
        let reach = reach.upsampled(4, 8);
        assert_eq!(reach, Reach { rate: 4, edge: 44 });
        assert_eq!(reach.overlap(), 12);
    }
}
