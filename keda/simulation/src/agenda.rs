//! What is going to happen in virtual time, in order.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use voicefleet_core::Timestamp;

/// Events in the order of their moments; those of one moment in the order in which they were entered.
#[derive(Debug)]
pub(crate) struct Agenda<E> {
    entries: BinaryHeap<Reverse<Entry<E>>>,
    entered: u64,
}

#[derive(Debug)]
struct Entry<E> {
    key: (Timestamp, u64),
    event: E,
}

impl<E> Agenda<E> {
    pub(crate) fn new() -> Self {
        Self {
            entries: BinaryHeap::new(),
            entered: 0,
        }
    }

    pub(crate) fn enter(&mut self, at: Timestamp, event: E) {
        let key = (at, self.entered);
        self.entered += 1;
        self.entries.push(Reverse(Entry { key, event }));
    }

    /// Takes out the next event if it happens no later than `until`.
    pub(crate) fn next_until(&mut self, until: Timestamp) -> Option<(Timestamp, E)> {
        let Reverse(next) = self.entries.peek()?;
        if next.key.0 > until {
            return None;
        }
        let Reverse(entry) = self.entries.pop()?;
        Some((entry.key.0, entry.event))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_their_moments_and_then_of_their_entry() {
        let mut agenda = Agenda::new();
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (3, 'b')] {
            agenda.enter(Timestamp(at), event);
        }
        let mut order = String::new();
        while let Some((_, event)) = agenda.next_until(Timestamp(5)) {
            order.push(event);
        }
        assert_eq!(order, "abcd");
    }

    #[test]
    fn what_is_later_stays() {
        let mut agenda = Agenda::new();
        agenda.enter(Timestamp(2), ());
        assert_eq!(agenda.next_until(Timestamp(1)), None);
        assert_eq!(agenda.next_until(Timestamp(2)), Some((Timestamp(2), ())));
    }
}
