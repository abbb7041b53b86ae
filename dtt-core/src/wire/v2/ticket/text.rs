//! Bytes as the text of a ticket: the prefix, and base32 of the bytes and their checksum.

use data_encoding::{BASE32_NOPAD_NOCASE, DecodeKind};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Ticket, TicketError};

const PREFIX: &str = "dtt";
const CHECKSUM: usize = 4;

/// The characters of a ticket whose content has this many bytes.
pub(super) const fn characters(bytes: usize) -> usize {
    PREFIX.len() + ((bytes + CHECKSUM) * 8).div_ceil(5)
}

pub(super) fn encode(content: &[u8]) -> Zeroizing<String> {
    let bytes = Zeroizing::new([content, &checksum(content)].concat());
    let mut text = Zeroizing::new(String::with_capacity(characters(content.len())));
    text.push_str(PREFIX);
    BASE32_NOPAD_NOCASE.encode_append(&bytes, &mut text);
    text.make_ascii_lowercase();
    text
}

/// The bytes of a text whose checksum is right.
pub(super) fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, TicketError> {
    let text = text.trim();
    let (prefix, digits) = text.split_at_checked(PREFIX.len()).ok_or(TicketError::Prefix)?;
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return Err(TicketError::Prefix);
    }
    if text.len() > Ticket::MAX_CHARACTERS {
        return Err(TicketError::TooLong { size: text.chars().count() });
    }
    for (at, character) in digits.chars().enumerate() {
        if !matches!(character, 'a'..='z' | 'A'..='Z' | '2'..='7') {
            return Err(TicketError::Alphabet { character, position: PREFIX.len() + at + 1 });
        }
    }
    let size = text.len();
    if size < Ticket::MIN_CHARACTERS {
        return Err(TicketError::TooShort { size });
    }
    let bytes = BASE32_NOPAD_NOCASE.decode(digits.as_bytes()).map_err(|error| match error.kind {
        DecodeKind::Length | DecodeKind::Padding => TicketError::Length { size },
        DecodeKind::Symbol | DecodeKind::Trailing => TicketError::Checksum,
    })?;
    let mut bytes = Zeroizing::new(bytes);
    let end = bytes.len() - CHECKSUM;
    if bytes[end..] != checksum(&bytes[..end]) {
        return Err(TicketError::Checksum);
    }
    bytes.truncate(end);
    Ok(bytes)
}

fn checksum(content: &[u8]) -> [u8; CHECKSUM] {
    let hash = Sha256::new().chain_update(b"dtt/2 ticket").chain_update(content).finalize();
    let mut out = [0; CHECKSUM];
    out.copy_from_slice(&hash[..CHECKSUM]);
    out
}
