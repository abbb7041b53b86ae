//! A secret rotation of the program's own: it decides how the records' keys change from minute to minute.
//!
//! The program joins, sends the lines of standard input, prints the messages that it receives, and ends with its input.
//! `own_gossip` shows the single steps. (With `DTT_BOOTSTRAP` set, the program uses a testnet.)

use std::process::ExitCode;

use anyhow::Result;
use dtt_core::{RotationHandle, SecretRotation};
use dtt_examples::{arguments, finish, join_and_talk};
use sha2::{Digest, Sha512};

/// Mixes a constant of this application into every minute's key.
struct Seasoned;

impl SecretRotation for Seasoned {
    fn derive(&self, topic_hash: [u8; 32], unix_minute: u64, initial_secret_hash: [u8; 32]) -> [u8; 32] {
        let mut sha = Sha512::new();
        sha.update(b"seasoned with the name of the application");
        sha.update(topic_hash);
        sha.update(unix_minute.to_be_bytes());
        sha.update(initial_secret_hash);
        std::array::from_fn({
            let digest = sha.finalize();
            move |i| digest[i]
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    dtt_examples::init_logging();
    finish(run().await)
}

async fn run() -> Result<()> {
    let [] = arguments("secret_rotation")?;
    join_and_talk("rotation-example", |publisher| publisher.secret_rotation(RotationHandle::new(Seasoned))).await
}
