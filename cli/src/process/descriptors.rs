//! How many files and sockets the process may have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Kept for files, models and connections to other servers.
const OWN: u64 = 256;

/// Raises the limit of open files as far as so many connections need it and the system allows it: many
/// start programs with 1024, for the sake of those that cannot count further. Gives how many connections
/// there is room for; were there more, it is files and other servers that could not be opened.
pub(super) fn room_for(connections: usize) -> usize {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX);
    let limit = match raised_to(wanted.saturating_add(OWN)) {
        Ok(limit) => limit,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files is not known");
            return connections;
        }
    };
    let room = room_below(limit, wanted);
    if room < wanted {
        tracing::warn!(
            connections = room,
            open_files = limit,
            "fewer connections than max_connections are taken at a time, for the system allows no more open files"
        );
    }
    usize::try_from(room).unwrap_or(connections)
}

/// The limit as it is then.
fn raised_to(wanted: u64) -> nix::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= wanted {
        return Ok(soft);
    }
    let raised = wanted.min(hard);
    setrlimit(Resource::RLIMIT_NOFILE, raised, hard)?;
    Ok(raised)
}

/// Of very few, half.
fn room_below(limit: u64, wanted: u64) -> u64 {
    let own = OWN.min(limit / 2);
    wanted.min(limit - own).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_process_itself_needs_is_kept() {
        for (limit, wanted, room) in [
            (20_256, 20_000, 20_000),
            (20_000, 20_000, 19_744),
            (1_024, 20_000, 768),
            (1_024, 100, 100),
            (100, 20_000, 50),
            (0, 20_000, 1),
        ] {
            assert_eq!(room_below(limit, wanted), room, "{limit}");
        }
    }
}
