//! From a path through tokens and audio to when each token has been said.

use voicefleet_ctranslate2::Alignment;

/// Positions of the encoder in a second.
const POSITIONS_PER_SECOND: f64 = 50.0;

/// For each of the `count` tokens of an alignment the moment at which it has been said: where the path goes on to the next
/// one, seconds. `None` for tokens that the path does not reach.
pub(super) fn said_at(alignment: &Alignment, count: usize) -> Vec<Option<f64>> {
    let mut said = vec![None; count];
    for step in alignment.path.windows(2) {
        let [(before, _), (token, position)] = step else {
            continue;
        };
        if token > before
            && let Some(said) = said.get_mut(*before)
        {
            *said = Some(seconds(*position));
        }
    }
    // The last token that the path reaches is said when it ends.
    if let Some((token, position)) = alignment.path.last()
        && let Some(said) = said.get_mut(*token)
    {
        said.get_or_insert(seconds(*position));
    }
    said
}

#[expect(clippy::cast_precision_loss, reason = "at most 1,500 positions")]
fn seconds(position: usize) -> f64 {
    position as f64 / POSITIONS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_been_said_where_the_next_one_begins() {
        let alignment = Alignment {
            path: vec![(0, 0), (0, 1), (1, 25), (1, 26), (2, 50), (2, 75)],
            probabilities: vec![],
        };
        assert_eq!(said_at(&alignment, 3), [Some(0.5), Some(1.0), Some(1.5)]);
        assert_eq!(said_at(&alignment, 2), [Some(0.5), Some(1.0)]);
    }

    #[test]
    fn what_the_path_does_not_reach_has_no_time() {
        assert_eq!(said_at(&Alignment::default(), 1), [None]);
    }
}
