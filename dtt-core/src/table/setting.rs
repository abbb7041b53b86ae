//! The types of options: each can be read from text, shown as text, and checked against limits.

use std::{
    fmt::Display,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::{
    bootstrap_node::bootstrap_node,
    row::{Kind, Limits},
    text::{parse_size, parse_time, show_size, show_time},
};
use crate::error::shown;

/// The word that stands for an option's default.
pub(crate) const DEFAULT: &str = "default";
/// The word that stands for an empty list.
const NONE: &str = "none";
/// Words that stand for a whole option, and so for no entry of a list.
pub(crate) const WORDS: [&str; 3] = [DEFAULT, NONE, "disabled"];

/// A year. Nobody waits longer, and longer times would overflow the sums that deadlines are.
const MOST: Duration = Duration::from_secs(365 * 24 * 3600);
/// A count that fits into 32 bits, so that it fits everywhere.
const MOST_COUNT: u64 = u32::MAX as u64;
/// A time that makes a timer spin, or a call fail before it starts, if it is 0.
pub(crate) const INTERVAL: Limits = Limits::Time(Duration::from_millis(1), MOST);
/// A number that means nothing if it is 0.
pub(crate) const AT_LEAST_ONE: Limits = Limits::Count(1, MOST_COUNT);

/// A type of options. The errors are what follows the option's key and a colon.
pub(crate) trait Setting: Sized {
    /// The limits of this type's values, unless the option has narrower ones.
    const LIMITS: Limits;

    fn kind(limits: &Limits) -> Kind;

    fn read(text: &str, limits: &Limits) -> Result<Self, String>;

    fn show(&self, limits: &Limits) -> String;

    /// What is wrong with a value, if anything is.
    fn check(&self, _limits: &Limits) -> Result<(), String> {
        Ok(())
    }

    fn within(text: &str, limits: &Limits) -> Result<Self, String> {
        let value = Self::read(text, limits)?;
        value.check(limits)?;
        Ok(value)
    }

    /// A default of the table. A unit test reads them all.
    fn of_table(text: &str, limits: &Limits) -> Self {
        Self::read(text, limits).unwrap_or_else(|problem| panic!("the table of options has a bad default: {problem}"))
    }
}

fn bad(text: &str, wanted: impl Display) -> String {
    format!("{} is given, {wanted}", shown(text))
}

/// What is said of a value outside its limits.
fn outside(value: impl Display, limits: &Limits) -> String {
    format!("{value} is given, {limits} are possible")
}

impl Setting for bool {
    const LIMITS: Limits = Limits::None;

    fn kind(_: &Limits) -> Kind {
        Kind::Flag
    }

    fn read(text: &str, _: &Limits) -> Result<Self, String> {
        text.parse().map_err(|_| bad(text, "true or false is needed"))
    }

    fn show(&self, _: &Limits) -> String {
        self.to_string()
    }
}

impl Setting for usize {
    const LIMITS: Limits = Limits::Count(0, MOST_COUNT);

    fn kind(limits: &Limits) -> Kind {
        if matches!(limits, Limits::Size(..)) { Kind::Size } else { Kind::Count }
    }

    fn read(text: &str, limits: &Limits) -> Result<Self, String> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (number, wanted) = match limits {
            Limits::Size(..) => (parse_size(text), "a number of bytes, KiB or MiB"),
            // A number that is too long for any integer is a number outside the limits.
            _ => (is_number.then(|| text.parse().unwrap_or(u64::MAX)), "a whole number"),
        };
        let number = number.ok_or_else(|| bad(text, format_args!("{wanted} of {limits} is needed")))?;
        Ok(usize::try_from(number).unwrap_or(usize::MAX))
    }

    fn show(&self, limits: &Limits) -> String {
        if matches!(limits, Limits::Size(..)) { show_size(*self as u64) } else { self.to_string() }
    }

    fn check(&self, limits: &Limits) -> Result<(), String> {
        match limits {
            Limits::Count(least, most) | Limits::Size(least, most) if !(*least..=*most).contains(&(*self as u64)) => {
                Err(outside(self.show(limits), limits))
            }
            _ => Ok(()),
        }
    }
}

impl Setting for Duration {
    const LIMITS: Limits = Limits::Time(Duration::ZERO, MOST);

    fn kind(_: &Limits) -> Kind {
        Kind::Time
    }

    fn read(text: &str, limits: &Limits) -> Result<Self, String> {
        let wanted = || format!("a time with its unit, as 250ms, 10s or 2min, of {limits} is needed");
        parse_time(text).ok_or_else(|| bad(text, wanted()))
    }

    fn show(&self, _: &Limits) -> String {
        show_time(*self)
    }

    fn check(&self, limits: &Limits) -> Result<(), String> {
        match limits {
            Limits::Time(least, most) if !(*least..=*most).contains(self) => Err(outside(show_time(*self), limits)),
            _ => Ok(()),
        }
    }
}

impl Setting for Option<u16> {
    const LIMITS: Limits = Limits::Count(0, u16::MAX as u64);

    fn kind(_: &Limits) -> Kind {
        Kind::Port
    }

    fn read(text: &str, limits: &Limits) -> Result<Self, String> {
        if text == DEFAULT {
            return Ok(None);
        }
        let number = usize::within(text, limits)?;
        Ok(u16::try_from(number).ok())
    }

    fn show(&self, _: &Limits) -> String {
        self.map_or_else(|| DEFAULT.to_owned(), |port| port.to_string())
    }

    fn check(&self, limits: &Limits) -> Result<(), String> {
        self.map_or(Ok(()), |port| usize::from(port).check(limits))
    }
}

impl Setting for Option<Ipv4Addr> {
    const LIMITS: Limits = Limits::None;

    fn kind(_: &Limits) -> Kind {
        Kind::Address
    }

    fn read(text: &str, _: &Limits) -> Result<Self, String> {
        if text == DEFAULT {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| bad(text, "an IPv4 address is needed"))
    }

    fn show(&self, _: &Limits) -> String {
        self.map_or_else(|| DEFAULT.to_owned(), |address| address.to_string())
    }
}

/// The entries of a list with commas.
pub(crate) fn entries(text: &str) -> Vec<String> {
    if text == NONE { Vec::new() } else { text.split(',').map(|entry| entry.trim().to_owned()).collect() }
}

/// A list as text.
pub(crate) fn joined(entries: &[String]) -> String {
    if entries.is_empty() { NONE.to_owned() } else { entries.join(",") }
}

/// A bootstrap list.
impl Setting for Option<Vec<String>> {
    const LIMITS: Limits = Limits::None;

    fn kind(_: &Limits) -> Kind {
        Kind::Hosts
    }

    fn read(text: &str, _: &Limits) -> Result<Self, String> {
        Ok((text != DEFAULT).then(|| entries(text)))
    }

    fn show(&self, _: &Limits) -> String {
        self.as_ref().map_or_else(|| DEFAULT.to_owned(), |nodes| joined(nodes))
    }

    fn check(&self, _: &Limits) -> Result<(), String> {
        self.iter().flatten().try_for_each(|node| bootstrap_node(node))
    }
}

impl Setting for Vec<SocketAddr> {
    const LIMITS: Limits = Limits::None;

    fn kind(_: &Limits) -> Kind {
        Kind::Sockets
    }

    fn read(text: &str, _: &Limits) -> Result<Self, String> {
        if text == DEFAULT {
            return Ok(Vec::new());
        }
        let wanted = "an IP address with a port is needed, as 0.0.0.0:4433 or [::]:0";
        entries(text).iter().map(|entry| entry.parse().map_err(|_| bad(entry, wanted))).collect()
    }

    fn show(&self, _: &Limits) -> String {
        if self.is_empty() {
            return DEFAULT.to_owned();
        }
        joined(&self.iter().map(SocketAddr::to_string).collect::<Vec<_>>())
    }

    fn check(&self, _: &Limits) -> Result<(), String> {
        for (family, is_ipv4) in [("IPv4", true), ("IPv6", false)] {
            let count = self.iter().filter(|address| address.is_ipv4() == is_ipv4).count();
            if count > 1 {
                return Err(format!("{count} {family} addresses are given, 1 is possible"));
            }
        }
        Ok(())
    }
}

/// An option that is one of some words.
macro_rules! choices {
    ($type:ty: $($text:literal = $value:path),+) => {
        impl $crate::table::Setting for $type {
            const LIMITS: $crate::table::Limits = $crate::table::Limits::Words(&[$($text),+]);

            fn kind(_: &$crate::table::Limits) -> $crate::table::Kind {
                $crate::table::Kind::Choice
            }

            fn read(text: &str, limits: &$crate::table::Limits) -> Result<Self, String> {
                match text {
                    $($text => Ok($value),)+
                    _ => Err(format!("{} is given, {limits} are possible", $crate::error::shown(text))),
                }
            }

            fn show(&self, _: &$crate::table::Limits) -> String {
                match self { $($value => $text.to_owned(),)+ }
            }
        }
    };
}
pub(crate) use choices;
