//! Server-sent events, as the WHATWG's HTML standard has them (9.2). Lines end with LF or CR LF; a lone CR,
//! which the standard also has, is sent by nobody we speak to.

/// Most bytes of one event.
const MAX_EVENT: usize = 1024 * 1024;

/// What has been sent between two blank lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// `event`, or empty.
    pub(crate) name: String,
    /// `id`, if there was one.
    pub(crate) id: Option<String>,
    /// `data`, its lines joined.
    pub(crate) data: String,
}

/// Reads events out of a body that comes in pieces of any size.
#[derive(Default)]
pub(crate) struct EventReader {
    /// What has come of a line that has not ended.
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    /// Bytes of the event, and of the comments before it.
    size: usize,
}

/// An event, or a line, is longer than any of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl EventReader {
    /// The events that end in this piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.size += part.len();
            if self.size > MAX_EVENT {
                return Err(TooLong);
            }
            self.line.extend_from_slice(part);
            if self.line.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                events.extend(self.read(&line));
            }
        }
        Ok(events)
    }

    fn read(&mut self, line: &[u8]) -> Option<Event> {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\n').trim_end_matches('\r');
        if line.is_empty() {
            self.size = 0;
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            // A comment keeps the connection open, and may come for hours between two events.
            "" => self.size = 0,
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\nevent: job.running\r\nid: running.1.0\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n\
        retry: 10\ndata:\n\nid: lost\n\ndata: unfinished";

    #[test]
    fn events_are_the_same_however_the_body_is_cut() {
        let expected = [
            Event {
                name: "job.running".to_owned(),
                id: Some("running.1.0".to_owned()),
                data: "{\"a\":\n1}".to_owned(),
            },
            Event::default(),
        ];
        for size in 1..STREAM.len() {
            let mut reader = EventReader::default();
            let pieces = STREAM.as_bytes().chunks(size);
            let events: Vec<Event> = pieces
                .flat_map(|piece| reader.feed(piece).expect("short"))
                .collect();
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_endless_event_is_refused_and_endless_comments_are_not() {
        let (mut reader, line) = (EventReader::default(), [b'x'; 4096]);
        let fed = (0..1000).find_map(|_| reader.feed(&line).err());
        assert_eq!(fed, Some(TooLong));
        let mut reader = EventReader::default();
        for _ in 0..MAX_EVENT {
            assert_eq!(reader.feed(b": still here\n"), Ok(Vec::new()));
        }
    }
}
