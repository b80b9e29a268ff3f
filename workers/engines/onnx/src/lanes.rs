//! A fixed set of instances that are handed out one caller at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::OnnxError;

type Make<T> = dyn Fn() -> Result<T, OnnxError> + Send + Sync;

/// `count` instances of `T`, for as many calls at the same time.
///
/// An instance is made when a call first needs one: what is to be spoken first does not wait for the second session.
pub struct Lanes<T> {
    make: Box<Make<T>>,
    places: Mutex<Places<T>>,
    /// Told whenever a place becomes free.
    freed: Condvar,
}

/// Where the instances are that no call holds. `idle + unmade + calls in progress` is always `count`.
struct Places<T> {
    idle: Vec<T>,
    unmade: usize,
}

impl<T> Lanes<T> {
    /// Makes the first of `count` instances (at least one) and keeps `make` for the others.
    ///
    /// # Errors
    /// What `make` returns.
    pub fn new<E: Into<OnnxError>>(
        count: usize,
        make: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, OnnxError> {
        let lanes = Self::unmade(count, make);
        lanes.with(|_| ())?;
        Ok(lanes)
    }

    /// Keeps `make` for `count` instances (at least one), and makes none.
    pub fn unmade<E: Into<OnnxError>>(
        count: usize,
        make: impl Fn() -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        Self {
            make: Box::new(move || make().map_err(Into::into)),
            places: Mutex::new(Places {
                idle: Vec::new(),
                unmade: count.max(1),
            }),
            freed: Condvar::new(),
        }
    }

    /// Runs `work` with an instance of its own, waiting for one if all are taken.
    ///
    /// If `work` panics, the instance is dropped and made anew when it is next needed.
    ///
    /// # Errors
    /// What making an instance returns; the next call tries again.
    pub fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> Result<R, OnnxError> {
        let mut lane = self.take();
        let mut instance = match lane.instance.take() {
            Some(instance) => instance,
            None => (self.make)()?,
        };
        // While `work` has the instance the lane is empty, so a panic gives back an empty lane.
        let result = work(&mut instance);
        lane.instance = Some(instance);
        Ok(result)
    }

    /// Takes a place: an idle instance if there is one, else the right to make one.
    fn take(&self) -> Lane<'_, T> {
        let mut places = self.lock();
        loop {
            if let Some(instance) = places.idle.pop() {
                return Lane {
                    lanes: self,
                    instance: Some(instance),
                };
            }
            if places.unmade > 0 {
                places.unmade -= 1;
                return Lane {
                    lanes: self,
                    instance: None,
                };
            }
            places = self
                .freed
                .wait(places)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places<T>> {
        // Nothing that can panic runs under this lock, so what it guards is whole.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place, taken; given back when dropped.
struct Lane<'a, T> {
    lanes: &'a Lanes<T>,
    instance: Option<T>,
}

impl<T> Drop for Lane<'_, T> {
    fn drop(&mut self) {
        let mut places = self.lanes.lock();
        match self.instance.take() {
            Some(instance) => places.idle.push(instance),
            None => places.unmade += 1,
        }
        drop(places);
        self.lanes.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{
            Arc, Barrier,
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        thread,
    };

    use super::*;

    /// Lanes whose instances are numbered in the order they were made, and the number made so far.
    fn numbered(count: usize) -> (Lanes<usize>, Arc<AtomicUsize>) {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let number = move || Ok::<_, OnnxError>(counter.fetch_add(1, Ordering::SeqCst));
        (Lanes::new(count, number).unwrap(), made)
    }

    #[test]
    fn the_second_instance_is_made_only_when_two_calls_overlap() {
        let (lanes, made) = numbered(2);
        for _ in 0..3 {
            assert_eq!(lanes.with(|instance| *instance).unwrap(), 0);
        }
        assert_eq!(made.load(Ordering::SeqCst), 1);
        let inner = lanes.with(|_| lanes.with(|instance| *instance).unwrap());
        assert_eq!(inner.unwrap(), 1);
        assert_eq!(made.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn unmade_lanes_are_made_by_the_first_call() {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let number = move || Ok::<_, OnnxError>(counter.fetch_add(1, Ordering::SeqCst));
        let lanes = Lanes::unmade(2, number);
        assert_eq!(made.load(Ordering::SeqCst), 0);
        assert_eq!(lanes.with(|instance| *instance).unwrap(), 0);
        assert_eq!(lanes.with(|instance| *instance).unwrap(), 0);
    }

    #[test]
    fn as_many_calls_as_lanes_run_at_the_same_time() {
        let (lanes, _) = numbered(3);
        let together = Barrier::new(3);
        thread::scope(|scope| {
            for _ in 0..3 {
                // The barrier opens only if all three are inside at once.
                scope.spawn(|| lanes.with(|_| together.wait()).map(drop).unwrap());
            }
        });
    }

    #[test]
    fn a_call_waits_for_the_only_instance() {
        let (lanes, made) = numbered(1);
        let (entered, waiting) = mpsc::channel();
        let busy = AtomicUsize::new(0);
        let overlapping = || {
            lanes
                .with(|_| {
                    let others = busy.fetch_add(1, Ordering::SeqCst);
                    entered.send(()).unwrap();
                    busy.fetch_sub(1, Ordering::SeqCst);
                    others
                })
                .unwrap()
        };
        thread::scope(|scope| {
            let calls: Vec<_> = (0..8).map(|_| scope.spawn(overlapping)).collect();
            for call in calls {
                assert_eq!(call.join().unwrap(), 0, "two calls held one instance");
            }
        });
        assert_eq!(waiting.try_iter().count(), 8);
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_panic_costs_the_instance_but_not_the_lane() {
        let (lanes, made) = numbered(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| lanes.with(|_| panic!("in the work"))));
        assert!(panicked.is_err());
        assert_eq!(lanes.with(|instance| *instance).unwrap(), 1);
        assert_eq!(made.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_lane_that_could_not_be_made_is_tried_again() {
        let tries = AtomicUsize::new(0);
        let make = move || match tries.fetch_add(1, Ordering::SeqCst) {
            1 => Err(OnnxError::RuntimeNotLoaded),
            number => Ok(number),
        };
        let lanes = Lanes::new(2, make).unwrap();
        let inner = |lanes: &Lanes<usize>| lanes.with(|_| lanes.with(|instance| *instance));
        assert!(inner(&lanes).unwrap().is_err());
        assert_eq!(inner(&lanes).unwrap().unwrap(), 2);
    }

    #[test]
    fn no_lanes_is_one_lane() {
        assert_eq!(numbered(0).0.with(|instance| *instance).unwrap(), 0);
    }
}
