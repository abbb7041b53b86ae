//! The native half of the Python package `dtt`. What programs see is `python/dtt/`; this is what that package stands on.
//!
//! One rule carries it: **no thread of the engine ever touches Python.** Such a thread would wait for the interpreter's
//! lock while it holds what others need, and would be torn down in the middle of Rust code when the interpreter ends.
//! Whatever the engine has to tell (a queue is no longer empty, a call is done, a record to log, a rotation to derive) goes
//! into a [`mailbox`], and threads that Python started empty it. They leave it when the interpreter begins to end.

mod bytes;
mod call;
mod config;
mod error;
mod event;
mod ids;
mod log;
mod mailbox;
mod node;
mod peek;
mod queue;
mod rotation;
mod runtime;
mod stats;
mod testnet;
mod topic;

use pyo3::prelude::*;

/// The native half of `dtt`. Private: its names may change with every version.
#[pymodule]
mod _dtt {
    #[pymodule_export]
    use super::call::Call;
    #[pymodule_export]
    use super::config::{
        check_option, default_topic_config, is_node_option, option_keys, parse_options, show_node_options,
        show_topic_config, testnet_request_timeout,
    };
    #[pymodule_export]
    use super::event::{KeyInUse, Lagged, NeighborDown, NeighborUp, Received, StateChanged};
    #[pymodule_export]
    use super::ids::{NodeId, SecretKey, TopicId};
    #[pymodule_export]
    use super::log::{set_log_level, stop_log, take_log};
    #[pymodule_export]
    use super::mailbox::{stop_wakes, take_wakes};
    #[pymodule_export]
    use super::node::{Node, check_node_config, close_all_nodes, start_node};
    #[pymodule_export]
    use super::peek::peek;
    #[pymodule_export]
    use super::queue::Queue;
    #[pymodule_export]
    use super::rotation::{Asked, Rotation, answer_rotation, stop_rotations, take_rotations};
    #[pymodule_export]
    use super::runtime::{check_fork, unix_minute};
    #[pymodule_export]
    use super::testnet::{Testnet, start_testnet};
    #[pymodule_export]
    use super::topic::Topic;

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
        module.add("CLOSE_LIMIT", dtt_embed::closing::LIMIT.as_secs_f64())
    }
}
