mod crashes;
mod joins;
mod nat;
mod switch;
mod trouble;

/// The tests of `make test` and CI: our implementation alone, with the least of each scenario.
mod short {
    use super::{
        crashes::{Crashes, crashes},
        joins, nat, trouble,
    };
    use dtt_lab_net::{DhtKind::Mainline, Kind::Ours};
    use std::time::Duration;

    #[test]
    fn newcomers_killed_again_and_again() {
        let (median, worst) = (Duration::from_secs(1), Duration::from_secs(5));
        let (dht, delay, members, together, same_key) = (Mainline, 0, 3, 4, false);
        crashes(Crashes { dht, delay, members, together, same_key, starts: 40, median, worst });
    }

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

/// The tests of `make netlab`: everything, beside the peer implementation.
mod full {
    use super::{
        crashes::{Crashes, crashes},
        joins, nat, trouble,
    };
    use dtt_lab_net::{
        DhtKind::{self, Libtorrent, Mainline},
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

    /// A crash loop with 200 starts.
    fn crash_loop(dht: DhtKind, delay: u64, members: u8, together: u8, same_key: bool, median: u64, worst: u64) {
        let [median, worst] = [median, worst].map(Duration::from_secs);
        crashes(Crashes { dht, delay, members, together, same_key, starts: 200, median, worst });
    }

    #[test]
    fn crashes_old_key() {
        crash_loop(Mainline, 0, 3, 1, true, 1, 5);
    }

    #[test]
    fn crashes_new_key() {
        crash_loop(Mainline, 0, 3, 1, false, 1, 5);
    }

    #[test]
    fn crashes_2_members() {
        crash_loop(Mainline, 0, 2, 1, false, 1, 8);
    }

    #[test]
    fn crashes_6_members() {
        crash_loop(Mainline, 0, 6, 1, false, 1, 8);
    }

    #[test]
    fn crashes_30_members() {
        crash_loop(Mainline, 0, 30, 1, false, 1, 8);
    }

    #[test]
    fn crashes_of_20() {
        crash_loop(Mainline, 0, 3, 20, false, 1, 8);
    }

    #[test]
    fn libtorrent_crashes_old_key() {
        crash_loop(Libtorrent, 25, 3, 1, true, 2, 8);
    }

    #[test]
    fn libtorrent_crashes_new_key() {
        crash_loop(Libtorrent, 25, 3, 1, false, 2, 8);
    }

    #[test]
    fn libtorrent_crashes_of_20() {
        crash_loop(Libtorrent, 25, 3, 20, false, 2, 8);
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
