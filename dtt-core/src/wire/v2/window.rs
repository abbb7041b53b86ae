//! The numbers of one session that have been received: a sliding window of bits (RFC 6479).

/// Words of 64 numbers. One of them is being filled, so that moving on only has to empty whole words.
const WORDS: u64 = 128;

/// How many numbers below the highest one are told apart.
pub(super) const WINDOW: u64 = (WORDS - 1) * 64;

/// What a number is to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    New,
    Duplicate,
    TooOld,
}

/// The window of a session. 1 KiB.
#[derive(Debug, Clone)]
pub(super) struct Window {
    highest: u64,
    words: Box<[u64; WORDS as usize]>,
}

impl Window {
    /// A window that has received nothing. The first number is `first`.
    pub(super) fn before(first: u64) -> Self {
        Self { highest: first, words: Box::new([0; WORDS as usize]) }
    }

    /// Receives a number.
    pub(super) fn receive(&mut self, number: u64) -> Number {
        let word = number / 64;
        if number >= self.highest {
            let empty = (word - self.highest / 64).min(WORDS);
            for back in 0..empty {
                self.words[place(word - back)] = 0;
            }
            self.highest = number;
        } else if self.highest - number >= WINDOW {
            return Number::TooOld;
        }
        let (word, bit) = (&mut self.words[place(word)], 1 << (number % 64));
        if *word & bit != 0 {
            return Number::Duplicate;
        }
        *word |= bit;
        Number::New
    }
}

fn place(word: u64) -> usize {
    (word % WORDS) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_edges_of_the_window() {
        let mut window = Window::before(0);
        assert_eq!(window.receive(0), Number::New);
        assert_eq!(window.receive(0), Number::Duplicate);
        assert_eq!(window.receive(WINDOW), Number::New);
        assert_eq!(window.receive(0), Number::TooOld);
        assert_eq!(window.receive(1), Number::New);
        assert_eq!(window.receive(1), Number::Duplicate);
        assert_eq!(window.receive(u64::MAX), Number::New);
        assert_eq!(window.receive(u64::MAX), Number::Duplicate);
        assert_eq!(window.receive(u64::MAX - WINDOW + 1), Number::New);
        assert_eq!(window.receive(u64::MAX - WINDOW), Number::TooOld);
    }

    proptest! {
        #[test]
        fn it_says_what_a_set_of_all_numbers_says(
            first in 0u64..20_000, steps in prop::collection::vec((0u64..3, 0u64..9_000), 1..300)
        ) {
            let (mut window, mut received, mut highest) = (Window::before(first), HashSet::new(), first);
            let mut number = first;
            for (kind, step) in steps {
                number = match kind {
                    0 => highest + step % 200,
                    1 => highest.saturating_sub(step),
                    _ => number + step,
                };
                let expected = match () {
                    () if highest.saturating_sub(number) >= WINDOW => Number::TooOld,
                    () if received.insert(number) => Number::New,
                    () => Number::Duplicate,
                };
                highest = highest.max(number);
                prop_assert_eq!(window.receive(number), expected, "{} of {}", number, highest);
            }
        }
    }
}
