//! Newcomers that are killed and come again.

use rand::RngExt;

use super::{Event, World};
use crate::{
    network::NodeId,
    queue::{MINUTE, SECOND, Time},
    scenario::{Crashes, Pace},
};

/// By then, the nodes that stay have found each other.
pub(super) const CRASHES_BEGIN: Time = MINUTE;
/// How often the simulation checks whether a newcomer has joined that is killed only after that.
const LOOK: Time = SECOND / 10;
/// A phone is present for this long in every minute.
const VISIT: Time = 10 * SECOND;

#[derive(Debug)]
pub(super) enum Crash {
    Start {
        newcomer: u32,
    },
    /// `patient`: the newcomer is killed only after it has joined.
    Kill {
        newcomer: u32,
        id: NodeId,
        patient: bool,
    },
}

impl World<'_> {
    pub(super) fn crash(&mut self, crash: Crash) {
        let Some(crashes) = self.scenario.crashes else { return };
        match crash {
            Crash::Start { newcomer } => self.come(crashes, newcomer),
            Crash::Kill { newcomer, id, patient } => self.kill(crashes, newcomer, id, patient),
        }
    }

    /// Counts newcomers that still wait to join when the time is over: they would have taken longer.
    pub(super) fn count_waiting(&mut self) {
        if self.scenario.crashes.is_some() {
            let now = self.queue.now();
            let waits =
                self.nodes.iter().flatten().filter(|node| !node.joined).map(|node| now.saturating_sub(node.started));
            self.measure.join_times.extend(waits);
        }
    }

    fn come(&mut self, crashes: Crashes, newcomer: u32) {
        let id = if crashes.same_key { self.scenario.nodes + newcomer } else { self.nodes.len() as NodeId };
        while self.nodes.len() <= id as usize {
            self.nodes.push(None);
        }
        self.start_as(id);
        let patient = crashes.pace == Pace::Crash && self.rng.random_bool(0.5);
        let life = match crashes.pace {
            Pace::Crash if patient => 0,
            Pace::Crash => self.rng.random_range(SECOND..5 * SECOND),
            Pace::Phone => VISIT,
        };
        self.queue.after(life, Event::Crash(Crash::Kill { newcomer, id, patient }));
    }

    fn kill(&mut self, crashes: Crashes, newcomer: u32, id: NodeId, patient: bool) {
        let Some(node) = &self.nodes[id as usize] else { return };
        if patient {
            let after = if node.joined { self.rng.random_range(SECOND..5 * SECOND) } else { LOOK };
            let patient = !node.joined;
            return self.queue.after(after, Event::Crash(Crash::Kill { newcomer, id, patient }));
        }
        if !node.joined {
            // The newcomer would have taken longer.
            self.measure.join_times.push(self.queue.now() - node.started);
        }
        self.end(id, false);
        let away = match crashes.pace {
            Pace::Crash => self.rng.random_range(0..3 * SECOND),
            Pace::Phone => MINUTE - VISIT,
        };
        self.queue.after(away, Event::Crash(Crash::Start { newcomer }));
    }
}
