//! Whose turn it is to compute: as many turns as there are cores, given out chunk by chunk.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;
use voicefleet_core::{
    Tier,
    tier::{TierRota, TierShares},
};

/// Gives out turns in tier order, so that an urgent job waits for a chunk of another one and not for
/// the whole of it, and by shares, so that the other one goes on nevertheless.
pub(crate) struct Turns {
    state: Mutex<State>,
}

struct State {
    free: usize,
    rota: TierRota,
    /// Indexed by [`Tier::rank`]. Those who wait are in the worker's hands, which are bounded.
    waiting: [VecDeque<oneshot::Sender<Turn>>; 3],
}

/// The right to use one core. Dropped, it goes to the next.
pub(crate) struct Turn(Option<Arc<Turns>>);

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.pass_on();
        }
    }
}

impl Turns {
    /// `cores` turns at a time.
    pub(crate) fn new(cores: usize, shares: TierShares) -> Arc<Self> {
        let state = State {
            free: cores,
            rota: TierRota::new(shares),
            waiting: Default::default(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
        })
    }

    /// Waits for a turn. Dropped while it waits, it is passed over.
    pub(crate) async fn take(self: &Arc<Self>, tier: Tier) -> Turn {
        let waiting = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return self.turn();
            }
            let (sender, waiting) = oneshot::channel();
            state.waiting[tier.rank()].push_back(sender);
            waiting
        };
        come(waiting).await
    }

    /// Keeps a turn for the next chunk, unless it is somebody else's turn by now; then it waits for
    /// another one, ahead of its tier.
    ///
    /// What is realtime is not interrupted: whoever waits for it has waited for a chunk already.
    pub(crate) async fn renew(self: &Arc<Self>, turn: Turn, tier: Tier) -> Turn {
        let waiting = {
            let mut state = self.state();
            if !state.is_another_tiers_turn(tier) {
                return turn;
            }
            let (sender, waiting) = oneshot::channel();
            state.waiting[tier.rank()].push_front(sender);
            waiting
        };
        drop(turn);
        come(waiting).await
    }

    fn pass_on(self: &Arc<Self>) {
        let mut state = self.state();
        while let Some(next) = state.next() {
            match next.send(self.turn()) {
                Ok(()) => return,
                // It has gone away. Dropping its turn here would come back to this function.
                Err(mut turn) => drop(turn.0.take()),
            }
        }
        state.free += 1;
    }

    fn turn(self: &Arc<Self>) -> Turn {
        Turn(Some(Arc::clone(self)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn come(waiting: oneshot::Receiver<Turn>) -> Turn {
    match waiting.await {
        Ok(turn) => turn,
        // The sender stays with the turns until it is used.
        Err(_) => std::future::pending().await,
    }
}

impl State {
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let waiting = self.who_waits();
        let tier = self.rota.pick(waiting)?;
        self.waiting[tier.rank()].pop_front()
    }

    /// Counts as a turn for `tier` if it is not.
    fn is_another_tiers_turn(&mut self, tier: Tier) -> bool {
        let mut waiting = self.who_waits();
        if tier == Tier::Realtime || waiting == [false; 3] {
            return false;
        }
        waiting[tier.rank()] = true;
        let mut rota = self.rota.clone();
        if rota.pick(waiting) != Some(tier) {
            return true;
        }
        self.rota = rota;
        false
    }

    fn who_waits(&mut self) -> [bool; 3] {
        for queue in &mut self.waiting {
            queue.retain(|waiting| !waiting.is_closed());
        }
        Tier::ALL.map(|tier| !self.waiting[tier.rank()].is_empty())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn turns(cores: usize) -> Arc<Turns> {
        Turns::new(cores, TierShares::default())
    }

    #[tokio::test]
    async fn an_urgent_job_is_next_however_long_others_have_waited() {
        let turns = turns(1);
        let first = turns.take(Tier::Batch).await;
        let mut batch = Box::pin(turns.take(Tier::Batch));
        let mut urgent = Box::pin(turns.take(Tier::Realtime));
        assert!(batch.as_mut().now_or_never().is_none());
        assert!(urgent.as_mut().now_or_never().is_none());
        drop(first);
        assert!(batch.as_mut().now_or_never().is_none());
        drop(urgent.as_mut().now_or_never().expect("its turn"));
        assert!(batch.now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_turn_is_kept_until_somebody_more_urgent_waits() {
        let turns = turns(1);
        let mut batch = turns.take(Tier::Batch).await;
        batch = turns.renew(batch, Tier::Batch).await;
        let mut urgent = Box::pin(turns.take(Tier::Realtime));
        assert!(urgent.as_mut().now_or_never().is_none());
        let mut again = Box::pin(turns.renew(batch, Tier::Batch));
        assert!(again.as_mut().now_or_never().is_none());
        let mut realtime = urgent.as_mut().now_or_never().expect("its turn");
        for _ in 0..100 {
            realtime = turns.renew(realtime, Tier::Realtime).await;
        }
        assert!(again.as_mut().now_or_never().is_none());
        drop(realtime);
        assert!(again.now_or_never().is_some());
    }

    #[tokio::test]
    async fn long_standard_work_lets_batch_have_its_share() {
        let turns = turns(1);
        let mut standard = turns.take(Tier::Standard).await;
        let mut batch = Box::pin(turns.take(Tier::Batch));
        assert!(batch.as_mut().now_or_never().is_none());
        for _ in 0..100 {
            let mut renewed = Box::pin(turns.renew(standard, Tier::Standard));
            if let Some(turn) = renewed.as_mut().now_or_never() {
                standard = turn;
            } else {
                assert!(batch.now_or_never().is_some());
                return;
            }
        }
        panic!("batch was never served");
    }

    #[tokio::test]
    async fn batch_has_its_share_of_turns_beside_a_realtime_flood() {
        let turns = turns(1);
        let mut turn = turns.take(Tier::Realtime).await;
        let mut batch = Box::pin(turns.take(Tier::Batch));
        assert!(batch.as_mut().now_or_never().is_none());
        for _ in 0..TierShares::default().batch * 4 {
            let mut next = Box::pin(turns.take(Tier::Realtime));
            assert!(next.as_mut().now_or_never().is_none());
            drop(turn);
            if batch.as_mut().now_or_never().is_some() {
                return;
            }
            turn = next.await;
        }
        panic!("batch was never served");
    }

    #[tokio::test]
    async fn whoever_goes_away_leaves_the_turn_to_others() {
        let turns = turns(1);
        let first = turns.take(Tier::Standard).await;
        let mut gone = Box::pin(turns.take(Tier::Realtime));
        assert!(gone.as_mut().now_or_never().is_none());
        drop(first);
        // It was given the turn, and leaves without having looked.
        drop(gone);
        let again = turns.take(Tier::Batch).now_or_never().expect("free");
        drop(again);
        assert_eq!(turns.state().free, 1);
    }
}
