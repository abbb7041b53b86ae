//! Stores a record, with retries that block nothing else.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use mainline::MutableItem;

use super::hub::Hub;
use crate::net::{Addresses, Dht, clock::unix_minute};
use crate::{
    config::AddressHints,
    error::{Error, Result},
    wire::{GossipRecordContent, MinuteKeys, Record, RecordContent, Slot, encode_hints},
};

/// Everything that one store needs.
pub(crate) struct StoreJob {
    pub(crate) dht: Dht,
    pub(crate) keys: Arc<MinuteKeys>,
    pub(crate) topic: [u8; 32],
    pub(crate) signing_key: SigningKey,
    pub(crate) content: GossipRecordContent,
    pub(crate) addresses: Option<Addresses>,
    pub(crate) policy: AddressHints,
}

impl StoreJob {
    /// Stores the record. Returns true when a DHT node took it. Gives up when nobody reads the slot anymore.
    pub(super) async fn run(self, hub: Arc<Hub>) -> bool {
        let minute = self.keys.slot().minute();
        let item = match self.item() {
            Ok(item) => item,
            Err(error) => {
                tracing::error!(target: "dtt::topic", %error, "the record could not be made");
                return false;
            }
        };
        for attempt in 0..=self.dht.config().retries() {
            match self.dht.store(item.clone()).await {
                Ok(()) => {
                    hub.counters.stored();
                    tracing::debug!(target: "dtt::topic", minute, "record published");
                    return true;
                }
                Err(error) => {
                    hub.counters.stores_failed.add(1);
                    tracing::debug!(target: "dtt::topic", minute, attempt, %error, "record not stored");
                }
            }
            if attempt < self.dht.config().retries() {
                tokio::time::sleep(self.dht.retry_pause()).await;
            }
            // Nobody reads a slot that is two minutes old.
            if unix_minute(0) > minute + 1 {
                break;
            }
        }
        false
    }

    fn item(&self) -> Result<MutableItem> {
        let mut content = RecordContent::from_arbitrary(&self.content)?;
        if let Some(addresses) = &self.addresses {
            let hints = addresses.hints(&self.content, self.policy);
            content.0.extend(encode_hints(hints.iter().map(|(owner, hint)| (*owner, hint))));
        }
        let slot = self.keys.slot();
        let record = Record::sign_content(self.topic, slot.minute(), content, &self.signing_key);
        if let Some(same_key) = self.addresses.as_ref().and_then(Addresses::same_key) {
            same_key.wrote(&record);
        }
        let value = self.keys.seal(&record).map_err(Error::from)?;
        Ok(MutableItem::new(slot.signing_key().clone(), &value, Slot::SEQ, Some(slot.salt())))
    }
}
