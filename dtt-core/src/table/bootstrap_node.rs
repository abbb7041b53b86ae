//! One entry of a bootstrap list: how the DHT is entered.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::error::shown;

/// Checks one entry of a bootstrap list, without resolving it.
pub(crate) fn bootstrap_node(node: &str) -> Result<(), String> {
    let Some(problem) = problem_of(node) else { return Ok(()) };
    let wanted = "each entry is host:port, a name or an IPv4 address with a port of 1 to 65535";
    Err(format!("{} {problem}; {wanted}", shown(node)))
}

/// What is wrong with an entry, if anything is.
fn problem_of(node: &str) -> Option<&'static str> {
    if node.is_empty() {
        return Some("is an empty entry");
    }
    if node.contains(',') {
        return Some("is a list in one entry; split it at its commas");
    }
    if node.contains(char::is_whitespace) {
        return Some("has white space in it");
    }
    if node.starts_with('[') || node.parse::<Ipv6Addr>().is_ok() {
        return Some("is an IPv6 address, and the DHT is reached over IPv4 only");
    }
    let Some((host, port)) = node.rsplit_once(':') else { return Some("is not host:port: it has no port") };
    if host.is_empty() {
        return Some("is not host:port: it has no host");
    }
    if host.parse::<Ipv6Addr>().is_ok() {
        return Some("is an IPv6 address, and the DHT is reached over IPv4 only");
    }
    if port.starts_with('+') || port.parse::<u16>().unwrap_or(0) == 0 {
        return Some("is not host:port: its port is no number of 1 to 65535");
    }
    let is_address = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_address && host.parse::<Ipv4Addr>().is_err() {
        return Some("is not host:port: its host is no IPv4 address");
    }
    let in_names = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    (!host.chars().all(in_names)).then_some("is not host:port: its host has characters that no name has")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bootstrap_entry_says_what_is_wrong_with_it() {
        for (node, problem) in [
            ("", "is an empty entry"),
            ("127.0.0.1:1,127.0.0.1:2", "is a list in one entry"),
            ("router.example: 6881", "has white space in it"),
            (" router.example:6881", "has white space in it"),
            ("router.example:6881\n", "has white space in it"),
            ("::1", "is an IPv6 address"),
            ("2001:db8::1:6881", "is an IPv6 address"),
            ("[2001:db8::1]:6881", "is an IPv6 address"),
            ("[fe80::1%eth0]:6881", "is an IPv6 address"),
            ("router.example", "it has no port"),
            (":6881", "it has no host"),
            ("router.example:", "its port is no number of 1 to 65535"),
            ("router.example:0", "its port is no number of 1 to 65535"),
            ("router.example:65536", "its port is no number of 1 to 65535"),
            ("router.example:+6881", "its port is no number of 1 to 65535"),
            ("192.0.2.256:6881", "its host is no IPv4 address"),
            ("192.0.2:6881", "its host is no IPv4 address"),
            ("udp://router.example:6881", "characters that no name has"),
        ] {
            let text = bootstrap_node(node).expect_err(node);
            assert!(text.starts_with(&format!("{node:?} ")), "{text}");
            assert!(text.contains(problem), "{text}");
            assert!(text.ends_with("a name or an IPv4 address with a port of 1 to 65535"), "{text}");
        }
        for good in ["router.example:6881", "192.0.2.1:1", "my_host-2:65535", "localhost:6881", "router.example.:6881"]
        {
            bootstrap_node(good).unwrap();
        }
    }
}
