//! Stores a record, with retries that block nothing else.

use std::sync::Arc;

use super::{
    context::Context,
    hub::Hub,
    keys::{SlotKeys, Stored},
};
use crate::net::{
    Addresses,
    clock::{unix_ms, unix_seconds},
};
use crate::{
    error::Result,
    wire::{GossipRecordContent, Record, RecordContent},
};

/// Everything that one store needs.
pub(super) struct StoreJob {
    pub(super) context: Arc<Context>,
    pub(super) slot: u64,
    pub(super) keys: Arc<SlotKeys>,
    /// The highest sequence number that the slot has shown.
    pub(super) highest: Option<i64>,
    pub(super) content: GossipRecordContent,
}

impl StoreJob {
    /// Stores the record. Returns true when a DHT node took it. Gives up when nobody reads the slot anymore.
    pub(super) async fn run(self, hub: Arc<Hub>) -> bool {
        let (slot, dht) = (self.slot, &self.context.dht);
        for attempt in 0..=dht.config().retries() {
            // Made anew for each attempt: a later one needs a higher sequence number.
            let stored = match self.item() {
                Ok(Some(stored)) => dht.store(stored.item, stored.cas).await,
                Ok(None) => {
                    tracing::debug!(target: "dtt::topic", slot, "a member has blocked the slot");
                    hub.counters.stores_failed.add(1);
                    return false;
                }
                Err(error) => {
                    tracing::error!(target: "dtt::topic", %error, "the record could not be made");
                    return false;
                }
            };
            match stored {
                Ok(()) => {
                    hub.counters.stored();
                    tracing::debug!(target: "dtt::topic", slot, "record published");
                    return true;
                }
                Err(error) => {
                    hub.counters.stores_failed.add(1);
                    tracing::debug!(target: "dtt::topic", slot, attempt, %error, "record not stored");
                }
            }
            if attempt < dht.config().retries() {
                tokio::time::sleep(dht.retry_pause()).await;
            }
            if !self.context.keys.is_read(slot, unix_seconds()) {
                break;
            }
        }
        false
    }

    fn item(&self) -> Result<Option<Stored>> {
        let context = &self.context;
        let mut content = RecordContent::from_arbitrary(&self.content)?;
        if let Some(addresses) = &context.addresses {
            let hints = addresses.hints(&self.content, context.config.address_hints());
            content.0.extend(self.keys.encode_hints(&hints));
        }
        let minute = self.keys.record_minute(unix_seconds());
        let record = Record::sign_content(context.topic_id().hash(), minute, content, &context.signing_key);
        if let Some(same_key) = context.addresses.as_ref().and_then(Addresses::same_key) {
            same_key.wrote(&record);
        }
        self.keys.item(&record, unix_ms(), self.highest)
    }
}
