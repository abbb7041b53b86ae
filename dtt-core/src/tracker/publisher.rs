//! Staying findable: when to publish a record, and when enough others have.

use std::time::Duration;

use super::{Action, Core, Now};

/// A lookup of the slot this recent is good enough to count its records; its nodes are ready for the store.
const SLOT_AGE: Duration = Duration::from_secs(20);
/// While alone, each minute's record is published within this time of the minute's start.
const MINUTE_SPREAD: Duration = Duration::from_secs(5);
/// A record that no node took is tried again after this and up to as much more.
const FAILED_PAUSE: Duration = Duration::from_secs(5);
/// While alone, a record that others have overwritten is published again at most this often.
const REPUBLISH_SPACING: Duration = Duration::from_secs(10);
/// The least time between two records because of a new address.
const ADDRESS_SPACING: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Publisher {
    next: Option<Duration>,
    /// The minute whose slot is being looked up before the record is stored.
    waiting_for: Option<u64>,
    /// The minute of the last record that was handed out, and when.
    published: Option<(u64, Duration)>,
    /// The minute of the last record that was stored.
    stored: Option<u64>,
    /// The first record waits for the endpoint's first address.
    awaits_address: bool,
}

impl Publisher {
    pub(super) fn new(core: &Core, now: Now) -> Self {
        let config = core.config.bootstrap_config();
        if config.publish_record_on_startup() {
            Self { next: Some(now.mono + config.address_wait()), awaits_address: true, ..Self::default() }
        } else {
            // As in the deployed protocol: who finds nobody makes itself findable all the same.
            Self { next: Some(now.mono + config.no_peers_retry_interval()), ..Self::default() }
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.next
    }

    /// The endpoint knows where it can be reached, or has moved.
    pub(super) fn address_changed(&mut self, core: &mut Core, now: Now) {
        if std::mem::take(&mut self.awaits_address) {
            self.next = Some(now.mono);
        } else if let Some((_, at)) = self.published
            && self.publishes(core)
        {
            let soon = now.mono.max(at + ADDRESS_SPACING) + core.jitter(Duration::from_secs(1));
            self.next = Some(self.next.map_or(soon, |next| next.min(soon)));
        }
    }

    pub(super) fn joined(&mut self, core: &mut Core, now: Now) {
        // A first record that has not gone out yet still goes, with the new neighbor in it.
        let first_is_due = self.published.is_none() && core.config.bootstrap_config().publish_record_on_startup();
        if !first_is_due {
            self.waiting_for = None;
            let settings = core.config.publisher_config().enabled();
            self.next = settings.map(|settings| now.mono + settings.initial_delay());
        }
    }

    pub(super) fn alone(&mut self, now: Now) {
        let this_minute = self.published.is_some_and(|(minute, _)| minute == now.minute());
        self.next = Some(if this_minute { now.mono + now.rest_of_minute() } else { now.mono });
    }

    pub(super) fn store_done(&mut self, core: &mut Core, now: Now, minute: u64, stored: bool) {
        self.stored = stored.then_some(minute);
        // A record that nobody took is as good as none.
        if !stored && self.published.is_some_and(|(published, _)| published == minute) && self.publishes(core) {
            let soon = now.mono + FAILED_PAUSE + core.jitter(FAILED_PAUSE);
            self.next = Some(self.next.map_or(soon, |next| next.min(soon)));
        }
    }

    /// A lookup ended. Some nodes let the last writer win, so a record may be gone a moment after it was stored: who is
    /// alone and stands nowhere in the slot publishes again.
    pub(super) fn looked(&mut self, core: &mut Core, now: Now, minute: u64) {
        let Some((published, at)) = self.published else { return };
        let gone = published == minute && minute == now.minute() && !core.slots.has_own(minute);
        if gone && !core.is_joined() && core.slots.was_answered(minute) && self.stored == Some(minute) {
            let soon = now.mono.max(at + REPUBLISH_SPACING) + core.jitter(REPUBLISH_SPACING / 4);
            self.next = Some(self.next.map_or(soon, |next| next.min(soon)));
        }
    }

    /// `fruitless`: the records that were found led to nobody.
    pub(super) fn advance(&mut self, core: &mut Core, now: Now, fruitless: bool) {
        if self.next.is_some_and(|at| at <= now.mono) {
            self.next = None;
            self.awaits_address = false;
            self.waiting_for = Some(now.minute());
        }
        let Some(minute) = self.waiting_for else { return };
        if minute != now.minute() {
            // The minute turned while its slot was looked up; the new minute's slot is the one that counts.
            self.waiting_for = Some(now.minute());
        }
        if core.want_slot(now.minute(), SLOT_AGE, now) {
            self.waiting_for = None;
            let published = self.publish(core, now, fruitless);
            self.schedule(core, now);
            if !published && !core.is_joined() {
                // The records that are there may lead to nobody.
                let again = now.mono + REPUBLISH_SPACING + core.jitter(REPUBLISH_SPACING / 4);
                self.next = self.next.map(|next| next.min(again));
            }
        }
    }

    /// Hands a record out, unless its slot shows enough of others: false then. Records of nodes that are gone, or never
    /// were, are no reason to stay unfindable.
    fn publish(&mut self, core: &mut Core, now: Now, fruitless: bool) -> bool {
        let minute = now.minute();
        self.published = Some((minute, now.mono));
        let enough = core.slots.records(minute).len() >= core.config.bootstrap_config().max_bootstrap_records();
        if enough && !fruitless {
            return false;
        }
        self.stored = None;
        let content = core.content();
        core.act(Action::Store { minute, content });
        true
    }

    fn schedule(&mut self, core: &mut Core, now: Now) {
        self.next = if !core.is_joined() {
            Some(now.mono + now.rest_of_minute() + core.jitter(MINUTE_SPREAD))
        } else if let Some(settings) = core.config.publisher_config().enabled() {
            let (base, jitter) = (settings.base_interval(), settings.max_jitter());
            Some(now.mono + base + core.jitter(jitter))
        } else {
            None
        };
    }

    fn publishes(&self, core: &Core) -> bool {
        !core.is_joined() || core.config.publisher_config().enabled().is_some()
    }
}
