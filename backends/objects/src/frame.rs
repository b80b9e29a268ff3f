//! A blob as an object: its media type, then its bytes. Not every store keeps the type beside them.

use bytes::{Buf, Bytes};
use object_store::PutPayload;
use voicefleet_core::ports::{Blob, BlobError};

/// The bytes are not copied.
pub(crate) fn framed(blob: Blob) -> Result<PutPayload, BlobError> {
    let Blob {
        bytes,
        content_type,
    } = blob;
    let length = u16::try_from(content_type.len());
    let length = length.map_err(|_| BlobError::Unavailable("no media type is so long".into()))?;
    let head = [&length.to_be_bytes()[..], content_type.as_bytes()].concat();
    Ok(PutPayload::from_iter([Bytes::from(head), bytes]))
}

/// `None` if it is no such object.
pub(crate) fn unframed(mut object: Bytes) -> Option<Blob> {
    let length = usize::from(object.try_get_u16().ok()?);
    if length > object.len() {
        return None;
    }
    let content_type = String::from_utf8(object.split_to(length).into()).ok()?;
    Some(Blob {
        bytes: object,
        content_type,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_blob_is_seen() {
        for damaged in [&b""[..], b"\0", b"\0\x05four", b"\0\x02\xff\xffbytes"] {
            assert_eq!(unframed(Bytes::from_static(damaged)), None, "{damaged:?}");
        }
        let empty = unframed(Bytes::from_static(b"\0\0")).expect("a blob");
        assert!(empty.bytes.is_empty() && empty.content_type.is_empty());
    }
}
