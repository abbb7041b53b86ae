//! The secret key of a node, which nothing prints.

use std::fmt;

use dtt_core::{SecretKey, parse};

use super::{call::Outcome, ids::NodeId};

/// A node's secret key. In Swift and Kotlin it is a type of their own layers, which show nothing of it when they are printed,
/// also as part of something else; the bytes are there for who asks for them.
#[derive(Clone, PartialEq, Eq)]
pub struct RawSecretKey(Vec<u8>);

uniffi::custom_type!(RawSecretKey, Vec<u8>, {
    lower: |key| key.0,
    try_lift: |bytes| Ok(RawSecretKey(bytes)),
});

impl fmt::Debug for RawSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl RawSecretKey {
    pub(super) fn parse(&self) -> Outcome<SecretKey> {
        Ok(parse::secret_key(&self.0)?)
    }
}

/// A new secret key for a node: 32 random bytes.
#[uniffi::export]
pub fn generate_secret_key() -> RawSecretKey {
    RawSecretKey(SecretKey::from_bytes(&rand::random()).to_bytes().to_vec())
}

/// The secret key that these 32 bytes are.
#[uniffi::export]
pub fn secret_key_of_bytes(bytes: Vec<u8>) -> Outcome<RawSecretKey> {
    parse::secret_key(&bytes)?;
    Ok(RawSecretKey(bytes))
}

/// The id of the node with this secret key.
#[uniffi::export]
pub fn node_id_of_secret_key(key: RawSecretKey) -> Outcome<NodeId> {
    Ok(key.parse()?.public().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_and_is_not_printed() {
        let key = secret_key_of_bytes(vec![7; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "SecretKey(..)");
        let expected = NodeId::from(SecretKey::from_bytes(&[7; 32]).public());
        assert_eq!(node_id_of_secret_key(key).unwrap(), expected);
        let error = secret_key_of_bytes(vec![7; 31]).unwrap_err();
        assert_eq!(error.to_string(), "secretKey: 31 bytes are given, 32 bytes are needed");
    }
}
