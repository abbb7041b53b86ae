use iroh_base::SecretKey;
use proptest::prelude::*;

use super::*;

fn node(seed: u8) -> EndpointAddr {
    EndpointAddr::new(SecretKey::from_bytes(&[seed; 32]).public())
}

fn ticket() -> Ticket {
    let first = node(1).with_relay_url("https://relay.example".parse().unwrap()).with_ip_addr(([1, 2, 3, 4], 5).into());
    Ticket::new(Root::from_bytes(&[9; 32])).with_name("Book club").unwrap().with_nodes([first, node(2)]).unwrap()
}

fn parse(text: &str) -> Result<Ticket, TicketError> {
    text.parse()
}

#[test]
fn a_ticket_says_what_was_put_into_it() {
    let text = ticket().to_text();
    let read = parse(&text).unwrap();
    assert_eq!(read, ticket());
    assert_eq!((read.name(), read.nodes().len(), read.root()), (Some("Book club"), 2, &Root::from_bytes(&[9; 32])));
    assert_eq!(parse(&format!(" \n{}\t", text.to_uppercase())).unwrap(), read);
    assert_eq!(text.to_lowercase(), *text);
    assert_eq!(format!("{read:?}"), "Ticket");
}

#[test]
fn the_shortest_and_the_longest_ticket() {
    assert_eq!((Ticket::MIN_CHARACTERS, Ticket::MAX_CHARACTERS), (66, 27_213));
    assert_eq!(Ticket::random().to_text().len(), Ticket::MIN_CHARACTERS);
    let mut nodes = vec![];
    for seed in 1..=8 {
        // A URL of 255 bytes: the longest that is kept.
        let relay = |n: usize| format!("https://{n}.example/{}", "a".repeat(255 - 18)).parse().unwrap();
        nodes.push((0..9).fold(node(seed), |node, n| node.with_relay_url(relay(n))));
    }
    let ticket = Ticket::random().with_name(&"x".repeat(255)).unwrap().with_nodes(nodes.clone()).unwrap();
    assert_eq!(ticket.to_text().len(), Ticket::MAX_CHARACTERS);
    assert_eq!(parse(&ticket.to_text()).unwrap(), ticket);
    assert!(ticket.nodes().iter().all(|node| node.addrs.len() == Ticket::MAX_ADDRESSES));
    nodes.push(node(9));
    let error = Ticket::random().with_nodes(nodes).unwrap_err();
    assert_eq!(error.to_string(), "nodes: 9 nodes, the limit is 8");
}

#[test]
fn names_that_a_ticket_cannot_have_are_refused() {
    let error = |name: &str| Ticket::random().with_name(name).unwrap_err().to_string();
    assert_eq!(error(&"ö".repeat(128)), "name: 256 bytes, the limit is 255 bytes");
    assert_eq!(error("a\nb"), "name: '\\n' at byte 1 is a control character");
    assert_eq!(Ticket::random().with_name("").unwrap().name(), None);
    assert!(Ticket::from_secret("a\nb", b"secret").is_err());
}

#[test]
fn a_ticket_of_a_name_and_a_secret_has_their_root() {
    let ticket = Ticket::from_secret("name", b"secret").unwrap();
    assert_eq!(*ticket.root(), Root::from_secret(b"name", b"secret").unwrap());
    assert_eq!(ticket.name(), Some("name"));
}

#[test]
fn addresses_without_a_form_in_a_ticket_are_left_out() {
    let long = format!("https://relay.example/{}", "a".repeat(255));
    let scoped = std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 7, 0, 3);
    let node = node(1).with_relay_url(long.parse().unwrap()).with_ip_addr(scoped.into());
    let ticket = Ticket::random().with_nodes([node]).unwrap();
    let kept: Vec<_> = ticket.nodes()[0].addrs.iter().cloned().collect();
    assert_eq!(kept, [TransportAddr::Ip("[fe80::1]:7".parse().unwrap())]);
    assert_eq!(parse(&ticket.to_text()).unwrap(), ticket);
}

#[test]
fn an_error_says_what_is_wrong() {
    let text = ticket().to_text();
    let error = |text: &str| parse(text).unwrap_err();
    assert_eq!(error(""), TicketError::Prefix);
    assert_eq!(error("my secret"), TicketError::Prefix);
    assert_eq!(error("öö"), TicketError::Prefix);
    assert_eq!(error("dtt"), TicketError::TooShort { size: 3 });
    assert_eq!(error(&text[..65]), TicketError::TooShort { size: 65 });
    assert_eq!(error(&"dtt".repeat(10_000)), TicketError::TooLong { size: 30_000 });
    let wrong = format!("{}1{}", &text[..10], &text[11..]);
    assert_eq!(error(&wrong), TicketError::Alphabet { character: '1', position: 11 });
    assert_eq!(error(&wrong).to_string(), "ticket: character 11 is '1', only a to z and 2 to 7 are used");
    assert_eq!(error("dtt-ö"), TicketError::Alphabet { character: '-', position: 4 });
    // 3, 6 and 1 characters more than a multiple of 8 are no whole number of bytes.
    assert_eq!(error(&format!("dtt{}", "a".repeat(65))), TicketError::Length { size: 68 });
    assert_eq!(error(&format!("dtt{}", "a".repeat(64))), TicketError::Checksum);
    assert_eq!(error(&"dtt".repeat(10_000)).to_string(), "ticket: 30000 characters, the limit is 27213");
    assert_eq!(error("dtt").to_string(), "ticket: 3 characters, at least 66 are needed");
}

/// The text of any content, with a right checksum.
fn text_of(content: &[u8]) -> Zeroizing<String> {
    text::encode(content)
}

#[test]
fn a_content_that_no_ticket_has_is_refused_by_its_reason() {
    let content = |version: u8, rest: &[u8]| parse(&text_of(&[&[version][..], &[9; 32], rest].concat()));
    assert_eq!(content(2, &[0, 0]), Ok(Ticket::new(Root::from_bytes(&[9; 32]))));
    assert_eq!(content(3, &[0, 0]), Err(TicketError::Version(3)));
    assert_eq!(TicketError::Version(3).to_string(), "ticket: its version is 3, this library knows version 2");
    let id = *node(1).id.as_bytes();
    let with_node = |addresses: &[u8]| content(2, &[&[0, 1][..], &id, addresses].concat());
    let refused = |result: Result<Ticket, TicketError>, why: &str| {
        assert_eq!(result.unwrap_err().to_string(), format!("ticket: {why}"));
    };
    refused(content(2, &[9, 0]), "it ends too early");
    refused(content(2, &[0, 1]), "it ends too early");
    refused(content(2, &[1, 0xFF, 0]), "its name is not UTF-8");
    refused(content(2, &[1, b'\n', 0]), "its name has a control character");
    refused(content(2, &[0, 9]), "it names more than 8 nodes");
    refused(content(2, &[0, 0, 0]), "it has bytes after its nodes");
    refused(content(2, &[&[0, 1][..], &[2; 32], &[0]].concat()), "the id of a node is not a valid Ed25519 public key");
    refused(with_node(&[9]), "a node has more than 8 addresses");
    refused(with_node(&[1, 2, 5, 1, 1, 1, 1, 1]), "an address of a node is malformed");
    refused(with_node(&[1, 1, 3, b'f', b'o', b'o']), "a relay of a node is not a URL");
    assert_eq!(with_node(&[2, 9, 1, 0, 2, 6, 1, 2, 3, 4, 0, 5]).unwrap().nodes()[0].addrs.len(), 1, "unknown kinds");
}

fn mistyped(result: Result<Ticket, TicketError>) -> bool {
    matches!(result, Err(TicketError::Checksum | TicketError::Length { .. }))
}

proptest! {
    #[test]
    fn no_character_can_be_changed_lost_or_added(at: usize, to in "[a-z2-7]") {
        let text = ticket().to_text();
        let at = 3 + at % (text.len() - 3);
        let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
        prop_assume!(changed != *text);
        prop_assert_eq!(parse(&changed), Err(TicketError::Checksum));
        let lost = format!("{}{}", &text[..at], &text[at + 1..]);
        prop_assert!(mistyped(parse(&lost)));
        let added = format!("{}{to}{}", &text[..at], &text[at..]);
        prop_assert!(mistyped(parse(&added)));
    }

    #[test]
    fn tickets_survive_a_round_trip(
        root: [u8; 32], name in "[^\\p{Cc}]{0,60}",
        nodes in prop::collection::vec((1u8.., prop::collection::vec(any::<([u8; 16], u16)>(), 0..10)), 0..=8),
    ) {
        let nodes = nodes.into_iter().map(|(seed, addresses)| {
            addresses.into_iter().fold(node(seed), |node, address| node.with_ip_addr(address.into()))
        });
        let ticket = Ticket::new(Root::from_bytes(&root)).with_name(&name).unwrap().with_nodes(nodes).unwrap();
        let text = ticket.to_text();
        prop_assert!((Ticket::MIN_CHARACTERS..=Ticket::MAX_CHARACTERS).contains(&text.len()));
        prop_assert_eq!(parse(&text).unwrap(), ticket);
    }

    #[test]
    fn any_content_is_read_or_refused(content in prop::collection::vec(any::<u8>(), 0..400), versioned: bool) {
        let mut content = content;
        if versioned && let Some(version) = content.first_mut() {
            *version = content::VERSION;
        }
        if let Ok(ticket) = parse(&text_of(&content)) {
            prop_assert_eq!(parse(&ticket.to_text()).unwrap(), ticket);
        }
    }
}
