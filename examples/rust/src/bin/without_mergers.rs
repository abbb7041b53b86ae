//! A topic without merges: once it has joined, only the gossip layer keeps the swarm whole.
//!
//! The program joins, sends the lines of standard input, prints the messages that it receives, and ends with its input.
//! `own_gossip` shows the single steps. (With `DTT_BOOTSTRAP` set, the program uses a testnet.)

use std::process::ExitCode;

use anyhow::Result;
use dtt_core::{BubbleMergeConfig, MergeConfig, MessageOverlapMergeConfig};
use dtt_examples::{arguments, config, finish, join_and_talk};

#[tokio::main]
async fn main() -> ExitCode {
    dtt_examples::init_logging();
    finish(run().await)
}

async fn run() -> Result<()> {
    let [] = arguments("without_mergers")?;
    let merge_config = MergeConfig::builder()
        .bubble_merge(BubbleMergeConfig::Disabled)
        .message_overlap_merge(MessageOverlapMergeConfig::Disabled)
        .build();
    let config = config().to_builder().merge_config(merge_config).build();
    join_and_talk("no-merge-example", |publisher| publisher.config(config)).await
}
