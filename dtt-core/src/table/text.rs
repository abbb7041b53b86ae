//! Times and sizes as text: a number with a unit.

use std::time::Duration;

/// Nanoseconds of each unit, the longest first.
const TIMES: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Bytes of each unit, the largest first. A number without a unit is bytes.
const SIZES: [(&str, u128); 4] = [("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1), ("B", 1)];

/// A time as text: a number and one of `d`, `h`, `min`, `s`, `ms`, `us` and `ns`, as `250ms` or `1.5s`. Only 0 needs no unit.
pub fn parse_time(text: &str) -> Option<Duration> {
    let nanos = if text == "0" { 0 } else { measure(text, &TIMES)? };
    // Times of more than 500 years are all the same: too long.
    Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// A time as the shortest text with one whole number: `1min`, `1500ms`.
pub fn show_time(time: Duration) -> String {
    if time.is_zero() {
        return "0s".to_owned();
    }
    shown(time.as_nanos(), &TIMES)
}

/// A size as text: a number of bytes, or of `KiB` or `MiB`, as `4096` or `1MiB`.
pub fn parse_size(text: &str) -> Option<u64> {
    measure(text, &SIZES).and_then(|bytes| u64::try_from(bytes).ok())
}

/// A size as the shortest text with one whole number: `4KiB`, `1000`.
pub fn show_size(bytes: u64) -> String {
    if bytes == 0 { "0".to_owned() } else { shown(bytes.into(), &SIZES) }
}

/// A decimal number and a unit. Nothing is rounded: what the smallest unit cannot say is no measure.
fn measure(text: &str, units: &[(&str, u128)]) -> Option<u128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale = units.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || part.is_empty() || whole.len() > 20 || part.len() > 9 || part.contains('.') {
        return None;
    }
    let power = 10_u128.pow(part.len() as u32);
    let part = part.parse::<u128>().ok()? * scale;
    (part % power == 0).then_some(())?;
    Some(whole.parse::<u128>().ok()? * scale + part / power)
}

fn shown(value: u128, units: &[(&str, u128)]) -> String {
    let exact = units.iter().find(|(_, scale)| value.is_multiple_of(*scale));
    exact.map_or_else(|| value.to_string(), |(unit, scale)| format!("{}{unit}", value / scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown() {
        for (text, nanos, same) in [
            ("0", 0, "0s"),
            ("0ms", 0, "0s"),
            ("250ms", 250_000_000, "250ms"),
            ("1.5s", 1_500_000_000, "1500ms"),
            ("60s", 60_000_000_000, "1min"),
            ("90s", 90_000_000_000, "90s"),
            ("2h", 7_200_000_000_000, "2h"),
            ("0.001us", 1, "1ns"),
        ] {
            let time = parse_time(text).expect(text);
            assert_eq!((time.as_nanos(), show_time(time).as_str()), (nanos, same), "{text}");
            assert_eq!(parse_time(same), Some(time));
        }
        for bad in ["", "10", "s", ".5s", "5.s", "1.5ns", "-1s", "1 s", "1S", "1m", "+1s", "1.2.3s", "1e3s", "٣s"] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
        assert_eq!(parse_time("99999999999999999999d"), Some(Duration::from_nanos(u64::MAX)));
    }

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes, same) in [
            ("0", 0, "0"),
            ("512", 512, "512"),
            ("4096B", 4096, "4KiB"),
            ("1MiB", 1 << 20, "1MiB"),
            ("0.5KiB", 512, "512"),
        ] {
            assert_eq!((parse_size(text), show_size(bytes).as_str()), (Some(bytes), same), "{text}");
        }
        for bad in ["", "KiB", "1kB", "1 KiB", "-1", "0.3B", "1GiB", "99999999999999999999MiB"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }
}
