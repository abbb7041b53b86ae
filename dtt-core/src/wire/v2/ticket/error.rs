use super::{Ticket, content};

/// Why a text is no ticket. No message repeats more of the text than one character that no ticket can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// It does not begin with `dtt`, so it is something else.
    #[error("ticket: it does not begin with \"dtt\"")]
    Prefix,
    /// It has a character that no ticket has.
    #[error("ticket: character {position} is {character:?}, only a to z and 2 to 7 are used")]
    Alphabet {
        /// The character.
        character: char,
        /// Its place in the text without the spaces around it, counted from 1.
        position: usize,
    },
    /// It is shorter than any ticket.
    #[error("ticket: {size} characters, at least {} are needed", Ticket::MIN_CHARACTERS)]
    TooShort {
        /// Its size in characters.
        size: usize,
    },
    /// It is longer than any ticket.
    #[error("ticket: {size} characters, the limit is {}", Ticket::MAX_CHARACTERS)]
    TooLong {
        /// Its size in characters.
        size: usize,
    },
    /// No ticket has this number of characters.
    #[error("ticket: no ticket has {size} characters; some are missing, or there are too many")]
    Length {
        /// Its size in characters.
        size: usize,
    },
    /// A character is wrong, missing or too many.
    #[error("ticket: the checksum does not match; a character is wrong, missing or too many")]
    Checksum,
    /// It was made for another version of the protocol. Its characters are right.
    #[error("ticket: its version is {0}, this library knows version {known}", known = content::VERSION)]
    Version(u8),
    /// Its characters are right, but a defective or hostile program made it.
    #[error("ticket: {0}")]
    Content(&'static str),
}
