use std::collections::HashMap;

use super::{
    Envelope, TOLERANCE,
    window::{Number, WINDOW, Window},
};

/// What a receiver's memory says of a verified message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Replay {
    /// It has not been received before.
    New,
    /// It has been received before.
    Duplicate,
    /// It is of an earlier session that this receiver does not remember.
    OldSession,
    /// Its number is so far below the highest one of its session that nobody remembers whether it was received.
    TooOld,
}

/// A receiver's memory of the messages of each author of a topic, so that no message is delivered twice.
///
/// For each author, it remembers the last sessions and, within each, a sliding window of numbers (RFC 6479). It has no
/// clock: the time is handed in.
///
/// A session that the receiver does not remember is new if it is larger than all that this author had. If it is
/// smaller, the author may have started again with a clock that went backwards, or somebody repeats old messages. No
/// receiver can tell the two apart by the message alone. So it accepts such a session only as long as the message is
/// fresh: sent within the last or next 15 minutes ([`TOLERANCE`]) by the receiver's clock.
///
/// A member who has kept another's messages can still repeat each of them once to a receiver that does not know it: for
/// 15 minutes if the receiver knows a larger session of the author, and at any time if it does not, as when it has just
/// joined. An application to which old messages would do harm looks at [`super::Head::sent_ms`].
///
/// The receiver forgets an author when [`ReplayWindow::MAX_AUTHORS`] others have spoken since, and a session when it has
/// heard [`ReplayWindow::SESSIONS`] others of the author since. It never forgets the largest session of an author that
/// it remembers.
///
/// Envelopes without signature are remembered apart from signed ones, so that a claim cannot shut out its author.
///
/// ```
/// # use dtt_core::{TopicId, wire::v2::{Author, Envelope, Replay, ReplayWindow, Unsigned}};
/// # use ed25519_dalek::SigningKey;
/// # let (topic, key) = (TopicId::from_hash(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
/// let now = 1_700_000_000_000;
/// let bytes = Author::new(topic, key, now, None).sign(b"hello", now, false);
/// let envelope = Envelope::decode(&topic, bytes, Unsigned::Refuse).unwrap();
/// let mut window = ReplayWindow::default();
/// assert_eq!(window.receive(&envelope, now), Replay::New);
/// assert_eq!(window.receive(&envelope, now), Replay::Duplicate);
/// ```
#[derive(Debug, Clone)]
pub struct ReplayWindow {
    authors: HashMap<(bool, [u8; 32]), Sessions>,
    limit: usize,
    /// Counts the messages: what was heard last has the highest turn.
    turn: u64,
}

impl ReplayWindow {
    /// How many authors a window remembers by default. Each session needs about 1 KiB.
    pub const MAX_AUTHORS: usize = 1_024;
    /// How many sessions of an author a window remembers.
    pub const SESSIONS: usize = 4;
    /// How many numbers of a session, counted back from the highest one, a window tells apart.
    pub const NUMBERS: u64 = WINDOW;

    /// A window that remembers at least one author and at most `authors`.
    pub fn new(authors: usize) -> Self {
        Self { authors: HashMap::new(), limit: authors.max(1), turn: 0 }
    }

    /// How many authors are remembered now.
    pub fn authors(&self) -> usize {
        self.authors.len()
    }

    /// Receives a message that [`Envelope::decode`] has accepted, at a unix time in milliseconds.
    pub fn receive(&mut self, envelope: &Envelope, unix_ms: u64) -> Replay {
        self.turn += 1;
        let author = (envelope.signed, envelope.author);
        if self.authors.len() >= self.limit && !self.authors.contains_key(&author) {
            let silent = self.authors.iter().min_by_key(|(_, sessions)| sessions.heard).map(|(author, _)| *author);
            silent.and_then(|silent| self.authors.remove(&silent));
        }
        let sessions = self.authors.entry(author).or_default();
        sessions.heard = self.turn;
        let fresh = envelope.head.sent_ms.abs_diff(unix_ms) <= TOLERANCE * 1_000;
        sessions.receive(envelope.head.session, envelope.head.number, fresh, self.turn)
    }
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self::new(Self::MAX_AUTHORS)
    }
}

/// The last sessions of one author.
#[derive(Debug, Clone, Default)]
struct Sessions {
    heard: u64,
    kept: Vec<Session>,
}

#[derive(Debug, Clone)]
struct Session {
    id: u64,
    heard: u64,
    window: Window,
}

impl Sessions {
    fn receive(&mut self, id: u64, number: u64, fresh: bool, turn: u64) -> Replay {
        if let Some(session) = self.kept.iter_mut().find(|session| session.id == id) {
            session.heard = turn;
            return session.receive(number);
        }
        let newest = self.kept.iter().map(|session| session.id).max();
        if newest.is_some_and(|newest| id < newest) && !fresh {
            return Replay::OldSession;
        }
        if self.kept.len() == ReplayWindow::SESSIONS {
            // The newest one stays, whatever its age: without it, its replays would look like a newer session.
            let others = self.kept.iter().enumerate().filter(|(_, session)| Some(session.id) != newest);
            if let Some((silent, _)) = others.min_by_key(|(_, session)| session.heard) {
                self.kept.swap_remove(silent);
            }
        }
        let mut session = Session { id, heard: turn, window: Window::before(number) };
        let answer = session.receive(number);
        self.kept.push(session);
        answer
    }
}

impl Session {
    fn receive(&mut self, number: u64) -> Replay {
        match self.window.receive(number) {
            Number::New => Replay::New,
            Number::Duplicate => Replay::Duplicate,
            Number::TooOld => Replay::TooOld,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v2::Head;

    const NOW: u64 = 1_700_000_000_000;
    const LIMIT: u64 = TOLERANCE * 1_000;

    fn message(author: u8, session: u64, number: u64, sent_ms: u64) -> Envelope {
        let head = Head { session, number, sent_ms, neighbors_only: false };
        Envelope { author: [author; 32], head, signed: true, payload: Default::default() }
    }

    #[test]
    fn a_message_is_new_once_in_any_order() {
        let mut window = ReplayWindow::default();
        for number in [0, 5, 3, 4, 1, 2] {
            assert_eq!(window.receive(&message(1, NOW, number, NOW), NOW), Replay::New);
            assert_eq!(window.receive(&message(2, NOW, number, NOW), NOW), Replay::New);
        }
        for number in 0..6 {
            assert_eq!(window.receive(&message(1, NOW, number, NOW), NOW), Replay::Duplicate);
        }
        assert_eq!(window.receive(&message(1, NOW, 5 + ReplayWindow::NUMBERS, NOW), NOW), Replay::New);
        assert_eq!(window.receive(&message(1, NOW, 5, NOW), NOW), Replay::TooOld);
    }

    #[test]
    fn a_later_session_is_new_and_stragglers_of_the_one_before_are_too() {
        let mut window = ReplayWindow::default();
        assert_eq!(window.receive(&message(1, NOW, 0, NOW), NOW), Replay::New);
        let later = NOW + 24 * 3_600_000;
        assert_eq!(window.receive(&message(1, later, 0, later), later), Replay::New);
        assert_eq!(window.receive(&message(1, NOW, 1, NOW), later), Replay::New);
        assert_eq!(window.receive(&message(1, NOW, 0, NOW), later), Replay::Duplicate);
    }

    #[test]
    fn an_author_whose_clock_went_backwards_is_heard_and_its_old_messages_are_not() {
        let mut window = ReplayWindow::default();
        assert_eq!(window.receive(&message(1, NOW, 0, NOW), NOW), Replay::New);
        // Killed, and started again an hour in the past: its messages are too old until its clock is right.
        let session = NOW - 3_600_000;
        assert_eq!(window.receive(&message(1, session, 0, session), NOW), Replay::OldSession);
        assert_eq!(window.receive(&message(1, session, 1, NOW - LIMIT - 1), NOW), Replay::OldSession);
        assert_eq!(window.receive(&message(1, session, 2, NOW - LIMIT), NOW), Replay::New);
        // From then on the session is known, and its numbers alone decide.
        assert_eq!(window.receive(&message(1, session, 3, session), NOW), Replay::New);
        assert_eq!(window.receive(&message(1, session, 2, NOW), NOW), Replay::Duplicate);
        assert_eq!(window.receive(&message(1, session - 1, 0, NOW + LIMIT + 1), NOW), Replay::OldSession);
        assert_eq!(window.receive(&message(1, session - 1, 0, NOW + LIMIT), NOW), Replay::New);
    }

    #[test]
    fn the_newest_session_is_never_forgotten() {
        let mut window = ReplayWindow::default();
        let far = NOW + 1_000_000_000_000;
        assert_eq!(window.receive(&message(1, far, 0, far), NOW), Replay::New);
        for session in 0..100 {
            assert_eq!(window.receive(&message(1, NOW + session, 0, NOW), NOW), Replay::New);
        }
        assert_eq!(window.receive(&message(1, far, 0, far), NOW), Replay::Duplicate);
        // A forgotten one can be repeated while it is fresh, and no longer.
        assert_eq!(window.receive(&message(1, NOW, 0, NOW), NOW + LIMIT + 1), Replay::OldSession);
        assert_eq!(window.authors.values().map(|sessions| sessions.kept.len()).max(), Some(ReplayWindow::SESSIONS));
    }

    #[test]
    fn the_number_of_authors_is_bounded_and_the_silent_one_is_forgotten() {
        let mut window = ReplayWindow::new(2);
        for author in [1, 2, 1, 3] {
            window.receive(&message(author, NOW, u64::from(author), NOW), NOW);
            assert!(window.authors() <= 2);
        }
        assert_eq!(window.receive(&message(1, NOW, 1, NOW), NOW), Replay::Duplicate);
        assert_eq!(window.receive(&message(2, NOW, 2, NOW), NOW), Replay::New, "2 was silent for longest");
        assert_eq!(ReplayWindow::new(0).receive(&message(1, NOW, 1, NOW), NOW), Replay::New);
    }

    #[test]
    fn a_claim_cannot_shut_out_its_author() {
        let mut window = ReplayWindow::default();
        let claim = Envelope { signed: false, ..message(1, u64::MAX, u64::MAX, NOW) };
        assert_eq!(window.receive(&claim, NOW), Replay::New);
        assert_eq!(window.receive(&message(1, NOW - 2 * LIMIT, 0, NOW - 2 * LIMIT), NOW), Replay::New);
    }
}
