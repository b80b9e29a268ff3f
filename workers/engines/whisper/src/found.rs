//! Speech that was found when a recording was cut into windows, for when it is transcribed: what is one window need not be searched
//! again.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::speech::Stretch;

/// The speech in the windows that were looked at last, each until it is asked for.
pub(crate) struct FoundSpeech {
    most: usize,
    hashes: RandomState,
    found: Mutex<VecDeque<(Print, Vec<Stretch>)>>,
}

/// What a window is known by. Nobody outside can choose two with the same: the hash has a key of its own in each process.
type Print = (usize, u64);

impl FoundSpeech {
    /// For so many windows at most.
    pub(crate) fn of(most: usize) -> Self {
        Self {
            most,
            hashes: RandomState::new(),
            found: Mutex::default(),
        }
    }

    /// Keeps what was found in a window's samples, in the place of the oldest if there is no room.
    pub(crate) fn keep(&self, samples: &[f32], stretches: Vec<Stretch>) {
        let print = self.print(samples);
        let mut found = self.lock();
        if found.len() >= self.most {
            found.pop_front();
        }
        found.push_back((print, stretches));
    }

    /// What was found in a window's samples; no longer kept then.
    pub(crate) fn take(&self, samples: &[f32]) -> Option<Vec<Stretch>> {
        if self.lock().is_empty() {
            return None;
        }
        let print = self.print(samples);
        let mut found = self.lock();
        let at = found.iter().position(|(kept, _)| *kept == print)?;
        found.remove(at).map(|(_, stretches)| stretches)
    }

    fn print(&self, samples: &[f32]) -> Print {
        let bytes: &[u8] = bytemuck::cast_slice(samples);
        (samples.len(), self.hashes.hash_one(bytes))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Print, Vec<Stretch>)>> {
        // Nothing that can panic runs under this lock, so what it guards is whole.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_given_once_to_who_has_the_same_recording() {
        let found = FoundSpeech::of(2);
        let stretches = |end: usize| -> Vec<Stretch> { std::iter::once(0..end).collect() };
        let recordings: [Vec<f32>; 3] = [vec![0.0, 1.0], vec![1.0, 0.0], vec![0.0, 1.0, 0.0]];
        for (recording, end) in recordings.iter().zip(1..) {
            assert_eq!(found.take(recording), None);
            found.keep(recording, stretches(end));
        }
        // The first had to go.
        assert_eq!(found.take(&recordings[0]), None);
        assert_eq!(found.take(&recordings[2].clone()), Some(stretches(3)));
        assert_eq!(found.take(&recordings[2]), None);
        assert_eq!(found.take(&recordings[1]), Some(stretches(2)));
    }
}
