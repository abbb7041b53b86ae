mod joins;
mod nat;
mod switch;
mod trouble;

/// What `make test` and CI run: ours alone, the least of each.
mod short {
    use super::{joins, nat, trouble};
    use dtt_lab_net::{DhtKind::Mainline, Kind::Ours};
    use std::time::Duration;

    #[test]
    fn a_peer_killed_and_back_with_its_key() {
        trouble::killed(Mainline, &[Ours]);
    }

    #[test]
    fn peers_behind_nat_meet_through_a_relay() {
        nat::relayed(Mainline, &[Ours]);
    }

    #[test]
    fn a_partition_heals() {
        trouble::partition(Mainline, &[Ours], &[], 12, Duration::from_secs(60));
    }

    #[test]
    fn joins_in_a_good_network() {
        joins::second_alone(Mainline, 25, 0, 1000);
    }

    #[test]
    fn joins_in_a_bad_network() {
        joins::second_alone(Mainline, 150, 5, 3000);
    }
}

/// What `make netlab` runs: everything, beside the peer implementation.
mod full {
    use super::{joins, nat, trouble};
    use dtt_lab_net::{
        DhtKind::{Libtorrent, Mainline},
        Kind::{Ours, Theirs},
    };
    use std::time::Duration;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn joins_25_0() {
        joins::all(Mainline, 25, 0, Some(1000), &[Ours, Theirs]);
    }

    #[test]
    fn joins_25_5() {
        joins::all(Mainline, 25, 5, None, &[Ours, Theirs]);
    }
    #[test]
    fn joins_25_20() {
        joins::all(Mainline, 25, 20, None, &[Ours, Theirs]);
    }

    #[test]
    fn joins_150_0() {
        joins::all(Mainline, 150, 0, None, &[Ours, Theirs]);
    }
    #[test]
    fn joins_150_5() {
        joins::all(Mainline, 150, 5, Some(3000), &[Ours, Theirs]);
    }

    #[test]
    fn joins_150_20() {
        joins::all(Mainline, 150, 20, None, &[Ours, Theirs]);
    }
    #[test]
    fn joins_slow_uplinks() {
        joins::slow_uplinks(Mainline, &[Ours, Theirs]);
    }

    #[test]
    fn joins_without_services() {
        joins::without_services(Mainline);
    }
    #[test]
    fn partition_of_12() {
        trouble::partition(Mainline, &[Ours, Theirs], &[Ours, Theirs], 12, MINUTE);
    }

    #[test]
    fn partition_of_2() {
        trouble::partition(Mainline, &[Ours, Theirs], &[], 2, MINUTE);
    }

    #[test]
    fn long_partition() {
        trouble::partition(Mainline, &[Ours, Theirs], &[Ours, Theirs], 12, 4 * MINUTE);
    }

    #[test]
    fn dying_dht() {
        trouble::dying_dht(Mainline, &[Ours, Theirs]);
    }
    #[test]
    fn moved() {
        trouble::moved(Mainline, &[Ours, Theirs]);
    }

    #[test]
    fn killed() {
        trouble::killed(Mainline, &[Ours, Theirs]);
    }
    #[test]
    fn relayed() {
        nat::relayed(Mainline, &[Ours, Theirs]);
    }

    #[test]
    fn libtorrent_joins_25_0() {
        joins::all(Libtorrent, 25, 0, Some(1000), &[Ours, Theirs]);
    }
    #[test]
    fn libtorrent_joins_150_5() {
        joins::all(Libtorrent, 150, 5, Some(3000), &[Ours, Theirs]);
    }

    #[test]
    fn libtorrent_partition() {
        trouble::partition(Libtorrent, &[Ours, Theirs], &[Ours], 12, MINUTE);
    }
}
