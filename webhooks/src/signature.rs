//! What proves to a receiver who sent a webhook, and when.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{
    Hmac, Mac,
    digest::{KeyInit, generic_array::GenericArray},
};
use sha2::Sha256;

use crate::Secret;

/// The block of SHA-256. No secret is longer, so each fills its block with zeros, as HMAC wants it.
const BLOCK: usize = 64;

/// One signature, `v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`; `timestamp` in Unix seconds.
/// The header `webhook-signature` carries one or several, separated by spaces.
pub fn sign(secret: &Secret, id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut key = [0; BLOCK];
    for (slot, byte) in key.iter_mut().zip(secret.bytes()) {
        *slot = *byte;
    }
    let mut mac = <Hmac<Sha256> as KeyInit>::new(GenericArray::from_slice(&key));
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_is_signed_as_published() {
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signature = sign(&secret, id, 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_of_a_whole_block_is_the_key_as_it_is() {
        let bytes: Vec<u8> = (0..64).collect();
        let text = format!("whsec_{}", BASE64_STANDARD.encode(&bytes));
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&bytes).unwrap();
        mac.update(b"a.1.b");
        let expected = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        let signature = sign(&text.parse().unwrap(), "a", 1, b"b");
        assert_eq!(signature, format!("v1,{expected}"));
    }
}
